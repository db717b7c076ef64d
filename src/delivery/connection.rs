//! One SMTP session, driven phase by phase.
//!
//! The library's own `send` hides in which phase it failed, and its
//! asynchronous client has no timeout after the TCP connection. Here each
//! phase is one call with its own timer and its own kind of failure.

use std::error::Error as _;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use lettre::address::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Duration, Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::phase::{Cause, Fault, Phase, Timers, clip};
use super::relay::{RelayUrl, Security};
use super::wire::{Dot, Encrypted, Wire};

/// Written at once, under one timer.
const CHUNK: usize = 64 * 1024;

/// The two ways to encrypt, with the same trusted roots.
pub(super) struct Tls {
    pub starttls: TlsParameters,
    pub implicit: TlsConnector,
}

/// An open session, greeted, encrypted and logged in as its URL asks.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    dot: Arc<Dot>,
    hello: ClientId,
    /// Whether commands may be sent before those ahead are answered.
    pipelining: bool,
    /// Not to be used any more.
    spoiled: bool,
    /// Messages begun on it.
    pub messages: u32,
    /// When it became idle last.
    pub idle_since: Instant,
}

/// How a message that was being written ended.
#[derive(Debug)]
pub(super) enum Finish {
    /// A complete reply: code and text.
    Replied(u16, String),
    /// Nothing of the final dot had left: the server has to discard the rest.
    CutBeforeDot(String),
    /// Nobody can tell whether the server took it.
    Unknown(String),
}

impl Connection {
    pub(super) async fn open(
        url: &RelayUrl,
        tls: &Tls,
        hello: &ClientId,
        timers: &Timers,
    ) -> Result<Connection, Fault> {
        let dot = Arc::new(Dot::default());
        let stream = transport(url, tls, timers, Arc::clone(&dot)).await?;
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, hello);
        let greeting = timers.greeting + timers.command;
        let mut smtp = timed(Phase::Greeting, greeting, greeted).await?;

        if url.security == Security::StartTls {
            let fault = |cause| Fault { phase: Phase::Tls, cause };
            if !smtp.can_starttls() {
                return Err(fault(Cause::Misfit("the relay does not offer STARTTLS".to_owned())));
            }
            let upgraded = smtp.starttls(tls.starttls.clone(), hello);
            match timeout(timers.command, upgraded).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let told = fault(cause(&error)).cause_text();
                    let refused = error.is_permanent() || is_about_tls(&error);
                    return Err(fault(if refused { Cause::Misfit(told) } else { Cause::Unusable(told) }));
                }
                Err(_) => return Err(fault(Cause::Unusable("timed out".to_owned()))),
            }
        }
        if let Some(login) = &url.login {
            let credentials = Credentials::new(login.user.clone(), login.password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let known = mechanisms.iter().any(|mechanism| smtp.server_info().supports_auth_mechanism(*mechanism));
            let fault = |cause| Fault { phase: Phase::Login, cause };
            if !known {
                let what = "the relay offers no login by PLAIN or LOGIN";
                return Err(fault(Cause::Misfit(what.to_owned())));
            }
            let logged_in = smtp.auth(&mechanisms, &credentials);
            match timed(Phase::Login, timers.command, logged_in).await {
                Ok(_) => {}
                Err(refused) if matches!(refused.cause, Cause::Refused(500.., _)) => {
                    return Err(fault(Cause::Misfit(refused.cause_text())));
                }
                // It cannot tell just now.
                Err(refused) if matches!(refused.cause, Cause::Refused(..)) => {
                    return Err(fault(Cause::Unusable(refused.cause_text())));
                }
                Err(broken) => return Err(broken),
            }
        }
        let (hello, idle_since) = (hello.clone(), Instant::now());
        Ok(Connection { smtp, dot, hello, pipelining: false, spoiled: false, messages: 0, idle_since })
    }

    /// MAIL FROM, RCPT TO and DATA up to the server's 354. Nothing of the
    /// message has left when it returns.
    pub(super) async fn begin(&mut self, from: Option<Address>, to: Address, timers: &Timers) -> Result<(), Fault> {
        self.messages += 1;
        if self.messages == 2 {
            // One question, which pays from the second message on.
            self.pipelining = self.offers_pipelining(timers).await?;
        }
        if self.pipelining {
            return self.begin_at_once(from, to, timers).await;
        }
        let sender = self.smtp.command(Mail::new(from, Vec::new()));
        expect(2, Phase::Sender, timers.command, sender).await?;
        let recipient = self.smtp.command(Rcpt::new(to, Vec::new()));
        expect(2, Phase::Recipient, timers.command, recipient).await?;
        expect(3, Phase::Data, timers.data, self.smtp.command(Data)).await
    }

    /// The three commands in one write. All that were written are answered,
    /// also behind one that was refused.
    async fn begin_at_once(&mut self, from: Option<Address>, to: Address, timers: &Timers) -> Result<(), Fault> {
        let commands = format!("{}{}{Data}", Mail::new(from, Vec::new()), Rcpt::new(to, Vec::new()));
        let sender = expect(2, Phase::Sender, timers.command, self.smtp.command(commands)).await;
        if is_over(&sender) {
            return sender;
        }
        let recipient = expect(2, Phase::Recipient, timers.command, self.smtp.read_response()).await;
        if is_over(&recipient) {
            return sender.and(recipient);
        }
        let data = expect(3, Phase::Data, timers.data, self.smtp.read_response()).await;
        // It waits for a message that has no recipient, and every dot would be
        // one: only leaving it helps.
        self.spoiled = data.is_ok() && (sender.is_err() || recipient.is_err());
        sender.and(recipient).and(data)
    }

    async fn offers_pipelining(&mut self, timers: &Timers) -> Result<bool, Fault> {
        match timed(Phase::Sender, timers.command, self.smtp.command(Ehlo::new(self.hello.clone()))).await {
            Ok(answer) => {
                Ok(answer.has_code(250) && answer.message().any(|line| line.eq_ignore_ascii_case("PIPELINING")))
            }
            Err(Fault { cause: Cause::Refused(code, _), .. }) if code != 421 => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Writes message and final dot, then waits for the reply.
    pub(super) async fn finish(&mut self, bytes: &[u8], timers: &Timers) -> Finish {
        self.dot.reset();
        // The final dot brings its own line end.
        let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        let deadline = Mutex::new(Instant::now() + timers.write);
        let mut chunks = bytes.chunks(CHUNK);
        let dot = Arc::clone(&self.dot);
        // A chunk is asked for when the one before has been written, so each
        // question moves the deadline; after the last comes the dot.
        let asked = std::iter::from_fn(|| {
            let chunk = chunks.next();
            let wait = match chunk {
                Some(_) => timers.write,
                None => {
                    dot.expect();
                    timers.reply
                }
            };
            *deadline.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + wait;
            chunk
        });
        let mut writing = std::pin::pin!(self.smtp.message_iter(asked));
        let result = loop {
            let until = *deadline.lock().unwrap_or_else(PoisonError::into_inner);
            match timeout_at(until, &mut writing).await {
                Ok(result) => break result.map_err(|error| cause(&error)),
                Err(_) => {
                    let moved = *deadline.lock().unwrap_or_else(PoisonError::into_inner);
                    if moved == until {
                        break Err(Cause::Broken("timed out".to_owned()));
                    }
                }
            }
        };
        match result {
            Ok(response) if u16::from(response.code()) / 100 == 2 => {
                Finish::Replied(response.code().into(), text(&response))
            }
            Ok(response) => {
                Finish::Unknown(format!("the relay answered {} {} to the message", response.code(), text(&response)))
            }
            // A refusal is read only after the dot; a server that refuses
            // earlier breaks our write.
            Err(Cause::Refused(code, text)) => Finish::Replied(code, text),
            Err(Cause::Broken(what) | Cause::Unusable(what) | Cause::Misfit(what)) => {
                let phase = if self.dot.begun() { Phase::Reply } else { Phase::Body };
                let what = format!("{what} ({phase})");
                match phase {
                    Phase::Body => Finish::CutBeforeDot(what),
                    _ => Finish::Unknown(what),
                }
            }
        }
    }

    /// Forgets a refused message, so that the next can follow. False: the
    /// connection is of no more use.
    pub(super) async fn reset(&mut self, timers: &Timers) -> bool {
        if self.spoiled {
            return false;
        }
        let reset = self.smtp.command(Rset);
        expect(2, Phase::Sender, timers.command, reset).await.is_ok()
    }

    /// Sends QUIT, without waiting long for an answer.
    pub(super) async fn quit(mut self) {
        let _ = timeout(Duration::from_secs(1), self.smtp.command(Quit)).await;
    }
}

async fn transport(
    url: &RelayUrl,
    tls: &Tls,
    timers: &Timers,
    dot: Arc<Dot>,
) -> Result<Box<dyn AsyncTokioStream>, Fault> {
    let unusable = |phase: Phase, what: String| Fault { phase, cause: Cause::Unusable(what) };
    let stream = connect(url, timers.connect).await.map_err(|why| unusable(Phase::Connect, why))?;
    // Body and dot are two small writes: with Nagle's algorithm each message
    // on a kept connection would wait 40 ms for a delayed acknowledgement.
    stream.set_nodelay(true).map_err(|error| unusable(Phase::Connect, clip(&error.to_string())))?;
    let wire = Wire::new(stream, url.security == Security::StartTls, dot);
    if url.security != Security::Implicit {
        return Ok(Box::new(wire));
    }
    let name = ServerName::try_from(url.host.clone()).map_err(|error| unusable(Phase::Tls, error.to_string()))?;
    match timeout(timers.connect, tls.implicit.connect(name, wire)).await {
        Ok(Ok(stream)) => Ok(Box::new(Encrypted(Box::new(stream)))),
        Ok(Err(error)) if is_about_tls(&error) => {
            Err(Fault { phase: Phase::Tls, cause: Cause::Misfit(clip(&error.to_string())) })
        }
        Ok(Err(error)) => Err(unusable(Phase::Tls, clip(&error.to_string()))),
        Err(_) => Err(unusable(Phase::Tls, "timed out".to_owned())),
    }
}

/// A connection to the first of the relay's addresses that takes one. Each has
/// its own time: one that swallows everything must not hide the next.
async fn connect(url: &RelayUrl, limit: Duration) -> Result<TcpStream, String> {
    let late = || "timed out".to_owned();
    let told = |error: std::io::Error| clip(&error.to_string());
    let found = timeout(limit, lookup_host((url.host.as_str(), url.port))).await.map_err(|_| late())?;
    let mut why = "it has no address".to_owned();
    for address in found.map_err(told)? {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = told(error),
            Err(_) => why = late(),
        }
    }
    Err(why)
}

/// A command whose reply has to be of the class `hundreds`.
async fn expect<F>(hundreds: u16, phase: Phase, limit: Duration, command: F) -> Result<(), Fault>
where
    F: Future<Output = Result<Response, Error>>,
{
    let response = timed(phase, limit, command).await?;
    let code = u16::from(response.code());
    if code / 100 == hundreds {
        return Ok(());
    }
    Err(Fault { phase, cause: Cause::Broken(format!("unexpected reply {code} {}", text(&response))) })
}

/// Whether nothing more is to be read behind this.
fn is_over(answer: &Result<(), Fault>) -> bool {
    match answer {
        Ok(()) => false,
        Err(fault) => !matches!(fault.cause, Cause::Refused(code, _) if code != 421),
    }
}

async fn timed<F, T>(phase: Phase, limit: Duration, step: F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Error>>,
{
    let cause = match timeout(limit, step).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => cause(&error),
        Err(_) => Cause::Broken("timed out".to_owned()),
    };
    Err(Fault { phase, cause })
}

fn cause(error: &Error) -> Cause {
    match error.status() {
        Some(code) => {
            let text = error.source().map(ToString::to_string).unwrap_or_default();
            Cause::Refused(code.into(), clip(&text))
        }
        None => Cause::Broken(clip(&error.to_string())),
    }
}

fn text(response: &Response) -> String {
    clip(&response.message().collect::<Vec<_>>().join(" "))
}

/// Whether the encryption itself failed, by a certificate for example, rather
/// than the network below it.
fn is_about_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // Such an error does not name what it wraps as its source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || wrapped.is_some_and(|wrapped| wrapped.is::<rustls::Error>()) {
            return true;
        }
        next = error.source();
    }
    false
}
