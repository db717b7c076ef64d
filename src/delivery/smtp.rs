//! Sending through a relay: who waits for whom, and what each ending means.
//!
//! ```text
//! connect or reuse ─▶ MAIL FROM ─▶ RCPT TO ─▶ DATA ─▶ 354 ─▶ mark() ─▶ body, dot ─▶ reply
//! └──────────── a failure here is safe: try later ────────┘      │       └ unknown unless
//!                                         not Go: close, no dot ─┘         replied or cut
//! ```

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use lettre::address::Address;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsConnector;

use super::compose::Composed;
use super::connection::{Connection, Finish, Tls};
use super::phase::{Cause, Fault, Phase, Timers};
use super::relay::{RelayUrl, Security};
use super::{Outcome, Permission};
use crate::message::bounce::classify;

/// An idle connection is not used again after this.
const IDLE: Duration = Duration::from_secs(60);
/// Nor after this many messages.
const MESSAGES: u32 = 100;

/// A relay and its open connections.
pub struct Relay {
    url: RelayUrl,
    tls: Tls,
    hello: ClientId,
    timers: Timers,
    sessions: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// A relay that cannot be set up.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error("the additional root certificates are not PEM: {0}")]
    Roots(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// One of a relay's connections is free for whoever has this; it is opened, or
/// used again, when something is sent.
pub struct RelaySession<'a> {
    relay: &'a Relay,
    _permit: Option<SemaphorePermit<'a>>,
}

/// Everything before the mark that ends a message: the answer, and the
/// connection if it is of use to the next one.
struct Stopped {
    outcome: Outcome,
    connection: Option<Connection>,
    /// The connection failed rather than the message: worth a fresh one.
    broken: bool,
}

impl Relay {
    /// A relay with at most `sessions` connections at once.
    ///
    /// Certificates are checked against the public web roots and `roots`, PEM
    /// certificates of a company's own authority, which may be empty. Connects
    /// to nothing yet.
    pub fn new(url: RelayUrl, sessions: usize, timers: Timers, roots: &[u8]) -> Result<Relay, RelayError> {
        let tls = Tls { starttls: starttls(&url, roots)?, implicit: trusting(roots)? };
        Ok(Relay {
            url,
            tls,
            hello: ClientId::default(),
            timers,
            sessions: Semaphore::new(sessions.max(1)),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// The relay's URL; shows no password.
    pub fn url(&self) -> &RelayUrl {
        &self.url
    }

    /// Greets the relay, encrypts and logs in as its URL asks, and leaves again
    /// without a message. Says how that went.
    pub async fn look(&self) -> Result<&'static str, String> {
        let opened = Connection::open(&self.url, &self.tls, &self.hello, &self.timers).await;
        let connection = opened.map_err(|fault| fault.cause_text())?;
        connection.quit().await;
        Ok(match (self.url.security, self.url.login.is_some()) {
            (Security::None, false) => "without TLS and login",
            (Security::None, true) => "without TLS, and takes the login",
            (_, false) => "with TLS, without a login",
            (_, true) => "with TLS, and takes the login",
        })
    }

    /// Waits until one of its connections is free.
    pub async fn session(&self) -> RelaySession<'_> {
        // The semaphore is never closed; a failure would only lift the limit.
        RelaySession { relay: self, _permit: self.sessions.acquire().await.ok() }
    }

    /// Closes connections that nobody uses.
    pub async fn close_idle(&self) {
        let closing = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in closing {
            connection.quit().await;
        }
    }

    /// A connection on which the server waits for this message's body.
    async fn ready(&self, mail: &Composed) -> Result<Connection, Outcome> {
        if let Some(connection) = self.take_idle() {
            match self.begin(connection, mail).await {
                Ok(connection) => return Ok(connection),
                // The server may have closed it while it was idle.
                Err(stopped) if stopped.broken => {}
                Err(stopped) => return Err(self.stop(stopped)),
            }
        }
        let opened = Connection::open(&self.url, &self.tls, &self.hello, &self.timers).await;
        let connection = opened.map_err(|fault| outcome(&fault))?;
        self.begin(connection, mail).await.map_err(|stopped| self.stop(stopped))
    }

    async fn begin(&self, mut connection: Connection, mail: &Composed) -> Result<Connection, Box<Stopped>> {
        let Some((from, to)) = envelope(mail) else {
            return Err(Box::new(Stopped {
                outcome: Outcome::Rejected {
                    reply: "the sender's or recipient's address is not valid".to_owned(),
                    reason: None,
                },
                connection: Some(connection),
                broken: false,
            }));
        };
        let Err(fault) = connection.begin(from, to, &self.timers).await else {
            return Ok(connection);
        };
        let broken = matches!(fault.cause, Cause::Broken(_) | Cause::Refused(421, _));
        let connection = match broken || !connection.reset(&self.timers).await {
            true => None,
            false => Some(connection),
        };
        Err(Box::new(Stopped { outcome: outcome(&fault), connection, broken }))
    }

    fn stop(&self, stopped: Box<Stopped>) -> Outcome {
        if let Some(connection) = stopped.connection {
            self.keep(connection);
        }
        stopped.outcome
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        idle.retain(|connection| now - connection.idle_since < IDLE);
        idle.pop()
    }

    fn keep(&self, mut connection: Connection) {
        if connection.messages >= MESSAGES {
            return;
        }
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}

impl RelaySession<'_> {
    /// Sends one message. `mark` is called once the server is ready for the
    /// body, and at most once; the body leaves only after it said
    /// [`Permission::Go`].
    ///
    /// Run it to completion: dropping it midway drops `mark` and the answer
    /// with it. It ends by itself, since every phase has its timer.
    pub async fn send<F, Fut>(self, mail: &Composed, mark: F) -> Outcome
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Permission>,
    {
        let relay = self.relay;
        let mut connection = match relay.ready(mail).await {
            Ok(connection) => connection,
            Err(outcome) => return outcome,
        };
        match mark().await {
            Permission::Go => {}
            // Leaving drops the connection, so the dot never follows and the
            // server has nothing to deliver.
            Permission::No(reason) => return Outcome::NotMarked(reason),
            Permission::Unclear => return Outcome::MarkUnclear,
        }
        match connection.finish(&mail.bytes, &relay.timers).await {
            Finish::Replied(code, text) => {
                let reply = format!("{code} {text}");
                if code != 421 {
                    relay.keep(connection);
                }
                match code {
                    200..=299 => Outcome::Accepted { reply },
                    500..=599 => Outcome::Rejected { reply, reason: None },
                    _ => Outcome::Deferred { reply },
                }
            }
            Finish::CutBeforeDot(reply) => Outcome::Deferred { reply },
            Finish::Unknown(what) => Outcome::Unknown { what },
        }
    }
}

/// What a fault before the mark means for the message.
fn outcome(fault: &Fault) -> Outcome {
    let reply = fault.to_string();
    match (&fault.cause, fault.phase) {
        (Cause::Unusable(_), _) => Outcome::ChannelDown { why: reply, misfit: false },
        (Cause::Misfit(_), _) => Outcome::ChannelDown { why: reply, misfit: true },
        (Cause::Broken(_), _) => Outcome::Deferred { reply },
        // No word about any message yet: the relay does not want us at all.
        (Cause::Refused(500.., _), phase) if phase <= Phase::Login => {
            Outcome::ChannelDown { why: reply, misfit: false }
        }
        // It asks for a login or for TLS that our configuration does not have.
        (Cause::Refused(530 | 534 | 535 | 538, _), _) => Outcome::ChannelDown { why: reply, misfit: true },
        (Cause::Refused(500.., _), phase) => {
            // A report about the same would say the same.
            let reason = (phase == Phase::Recipient).then(|| classify(None, &fault.cause_text()));
            Outcome::Rejected { reply, reason }
        }
        (Cause::Refused(..), _) => Outcome::Deferred { reply },
    }
}

/// Sender (None: the null return path) and recipient.
fn envelope(mail: &Composed) -> Option<(Option<Address>, Address)> {
    let from = match mail.envelope_from.as_str() {
        "" => None,
        from => Some(from.parse().ok()?),
    };
    Some((from, mail.to.parse().ok()?))
}

fn starttls(url: &RelayUrl, roots: &[u8]) -> Result<TlsParameters, RelayError> {
    let mut builder = TlsParameters::builder(url.host.clone());
    if !roots.is_empty() {
        let roots = Certificate::from_pem(roots).map_err(|e| RelayError::Roots(e.to_string()))?;
        builder = builder.add_root_certificate(roots);
    }
    builder.build().map_err(|e| RelayError::Tls(e.to_string()))
}

/// TLS from the first byte, trusting the public web roots and `roots`.
pub(super) fn trusting(roots: &[u8]) -> Result<TlsConnector, RelayError> {
    let mut trusted = rustls::RootCertStore::empty();
    trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in CertificateDer::pem_slice_iter(roots) {
        let certificate = certificate.map_err(|e| RelayError::Roots(e.to_string()))?;
        trusted.add(certificate).map_err(|e| RelayError::Roots(e.to_string()))?;
    }
    // Named, since no provider is installed for the whole process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| RelayError::Tls(e.to_string()))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
