//! One POST to a target: for webhooks and Slack.
//!
//! A connection of its own for each request, no redirect, no proxy, every
//! phase timed, and of the answer only the status and what a delay needs. What
//! can be known about a failure is known: until the first byte of the request
//! is written nothing was sent.

use std::time::Duration;

use chrono::NaiveDateTime;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Permission;
use super::phase::clip;
use super::smtp::{RelayError, trusting};
use super::target::{Target, Unreachable};
use crate::message::refusal::Refusal;

/// How long each phase may take.
#[derive(Clone, Copy, Debug)]
pub struct HttpTimers {
    /// Looking up the name, connecting, encrypting: each.
    pub open: Duration,
    /// From the first byte of the request to the answer's status.
    pub answer: Duration,
    /// From there to the end of the answer.
    pub rest: Duration,
}

impl Default for HttpTimers {
    fn default() -> HttpTimers {
        HttpTimers { open: Duration::from_secs(10), answer: Duration::from_secs(20), rest: Duration::from_secs(2) }
    }
}

/// Read of an answer at most.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// An answer with this status.
    Answered { status: u16, retry_after: Option<u64> },
    /// Nothing was sent; another time may differ.
    NotSent(String),
    /// Nothing was sent and nothing must be.
    Forbidden(String),
    /// Nothing was sent: the mark said no, for this reason.
    NotMarked(Refusal),
    /// Nothing was sent; whether the mark was recorded has to be looked up.
    MarkUnclear,
    /// At least a part was sent and no answer came.
    Lost(String),
}

/// Sends requests.
pub struct Http {
    tls: TlsConnector,
    timers: HttpTimers,
}

impl Http {
    /// `roots` are certificates to trust beside the public ones.
    pub fn new(timers: HttpTimers, roots: &[u8]) -> Result<Http, RelayError> {
        Ok(Http { tls: trusting(roots)?, timers })
    }

    /// Posts a body once. `mark` is asked right before the first byte leaves.
    pub async fn post<F, Fut>(&self, target: &Target, headers: &[(&'static str, String)], body: &str, mark: F) -> Posted
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Permission>,
    {
        let stream = match self.connect(target).await {
            Ok(stream) => stream,
            Err(posted) => return posted,
        };
        if !target.https {
            return self.exchange(stream, target, headers, body, mark).await;
        }
        let Ok(name) = ServerName::try_from(target.host.clone()) else {
            return Posted::Forbidden("its host is no name that a certificate could hold".to_owned());
        };
        match timeout(self.timers.open, self.tls.connect(name, stream)).await {
            Err(_) => Posted::NotSent("encrypting took too long".to_owned()),
            Ok(Err(error)) => Posted::NotSent(clip(&format!("it could not be encrypted: {error}"))),
            Ok(Ok(stream)) => self.exchange(stream, target, headers, body, mark).await,
        }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Posted> {
        let addresses = match timeout(self.timers.open, target.resolve()).await {
            Err(_) => return Err(Posted::NotSent("looking up its host took too long".to_owned())),
            Ok(Err(Unreachable::Unknown(why))) => return Err(Posted::NotSent(clip(&why))),
            Ok(Err(Unreachable::Forbidden(why))) => return Err(Posted::Forbidden(why)),
            Ok(Ok(addresses)) => addresses,
        };
        let mut why = String::new();
        // Connected by address: there is no second look-up to differ.
        for address in addresses {
            match timeout(self.timers.open, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => why = format!("it cannot be reached: {error}"),
                Err(_) => why = "connecting took too long".to_owned(),
            }
        }
        Err(Posted::NotSent(clip(&why)))
    }

    async fn exchange<S, F, Fut>(
        &self,
        stream: S,
        target: &Target,
        headers: &[(&'static str, String)],
        body: &str,
        mark: F,
    ) -> Posted
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Permission>,
    {
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        let host = if matches!((target.https, target.port), (true, 443) | (false, 80)) {
            host
        } else {
            format!("{host}:{}", target.port)
        };
        let mut request = Request::post(&target.path)
            .header(header::HOST, host)
            .header(header::USER_AGENT, concat!("keepwell/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let Ok(request) = request.body(Full::new(Bytes::from(body.to_owned()))) else {
            return Posted::Forbidden("its path cannot be asked for".to_owned());
        };
        let (mut sender, connection) = match http1::handshake(TokioIo::new(stream)).await {
            Ok(both) => both,
            Err(error) => return Posted::NotSent(clip(&error.to_string())),
        };
        match mark().await {
            Permission::Go => {}
            Permission::No(reason) => return Posted::NotMarked(reason),
            Permission::Unclear => return Posted::MarkUnclear,
        }
        // Works the connection while the answer is awaited, and ends with it.
        let working = tokio::spawn(connection);
        let posted = match timeout(self.timers.answer, sender.send_request(request)).await {
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                let retry_after = retry_after(answer.headers());
                // Read, so that the other side sees its answer taken; not
                // kept. The status stands whatever becomes of it.
                let rest = Limited::new(answer.into_body(), LONGEST_ANSWER).collect();
                let _ = timeout(self.timers.rest, rest).await;
                Posted::Answered { status, retry_after }
            }
            Ok(Err(error)) => Posted::Lost(clip(&format!("no answer came: {error}"))),
            Err(_) => Posted::Lost("no answer came in time".to_owned()),
        };
        working.abort();
        posted
    }
}

/// For how many seconds an answer asks to be left alone. A date counts from the
/// date of the answer itself, so that nobody's clock has to agree with ours;
/// without one it says nothing.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(seconds);
    }
    let wait = http_date(asked)? - http_date(text(header::DATE)?)?;
    Some(u64::try_from(wait.num_seconds()).unwrap_or(0))
}

/// The three forms of a date that HTTP knows, all in GMT.
fn http_date(text: &str) -> Option<NaiveDateTime> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn an_answer_asks_for_seconds_or_until_a_date() {
        let asked = |after: &'static str, date: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(after));
            if let Some(date) = date {
                headers.insert(header::DATE, HeaderValue::from_static(date));
            }
            retry_after(&headers)
        };
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(asked("120", None), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:37 GMT", date), Some(120));
        assert_eq!(asked("Sunday, 06-Nov-94 08:51:37 GMT", date), Some(120));
        assert_eq!(asked("Sun Nov  6 08:51:37 1994", date), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:40:00 GMT", date), Some(0), "that is over");
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
        assert_eq!(asked("soon", date), None);
        assert_eq!(asked("-5", date), None);
    }
}
