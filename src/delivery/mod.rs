//! From a message that is due to an outcome that is known.
//!
//! A mail begins as Markdown with its values put in ([`markdown`]), gets its
//! page and footer ([`layout`]), becomes bytes that no value can break out of
//! ([`compose`]) and goes to the relay ([`smtp`], [`relay`],
//! [`phase`]). The relay's reply, or the exact place where it failed to come,
//! is the [`Outcome`].
//!
//! Two promises are kept here. A body leaves only after the caller's mark, so
//! that the database knows of every message that a server may have. And what
//! can be known about a failure is known: before the final dot nothing was
//! sent, after a reply everything is clear, and only between the two an
//! outcome is `Unknown`.
//!
//! A webhook or a Slack notice ([`post`]) goes over [`http`] to a [`target`] that
//! it may go to.
//!
//! What relays and readers send back is read by [`report`]. What a mail became on
//! its way ([`received`]) and what domains publish ([`dns`]) is for `doctor` alone.
//!
//! This is the only place that uses the mail library and the HTTP client. It knows no database.

pub mod compose;
mod connection;
pub(crate) mod headers;
pub mod http;
pub mod layout;
pub mod markdown;
pub mod phase;
mod plain;
pub mod post;
pub mod relay;
pub mod report;
pub mod smtp;
pub mod target;
mod wire;

use std::future::Future;

use crate::effect::Refusal;

pub use crate::address::{AddressError, Mailbox, parse_address, parse_mailbox};
pub use compose::{ComposeError, Composed, OutgoingMail, Unsubscribe, compose};
pub use layout::Footer;
pub use markdown::{Rendered, escape, render};
pub use phase::Timers;
pub use relay::{RelayUrl, RelayUrlError};
pub use smtp::{Relay, RelayError};

/// Where mail goes.
pub enum Channel {
    /// To a relay.
    Smtp(Box<Relay>),
    /// Nowhere: it stays in the database, to be looked at.
    Captured,
}

/// The caller's word between the server's "go ahead" and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The attempt is recorded: send.
    Go,
    /// It must not be sent.
    No(Refusal),
    /// Nobody knows whether the attempt was recorded: do not send.
    Unclear,
}

/// How one attempt ended. Texts are at most about 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The relay has it.
    Accepted { reply: String },
    /// Not sent: the mail is kept by us.
    Captured,
    /// Not sent; another attempt may succeed.
    Deferred { reply: String },
    /// Not taken: the receiver asked to be left alone for these seconds.
    AskedToWait { reply: String, seconds: u64 },
    /// Not taken, and no further attempt is made.
    Failed { reply: String },
    /// Not sent; another attempt would fail as well.
    Rejected { reply: String },
    /// Nobody knows. Never sent again by the machine.
    Unknown { what: String },
    /// Not sent: the mark said no, for this reason.
    NotMarked(Refusal),
    /// Not sent; whether the mark was recorded has to be looked up.
    MarkUnclear,
    /// Not sent: the relay cannot be reached, or not be used as configured, TLS
    /// or login, which only a person can mend. Says nothing about the message,
    /// so no attempt is used up.
    ChannelDown { why: String, misfit: bool },
}

/// A place from which one message can be sent at once.
pub enum Session<'a> {
    Smtp(smtp::RelaySession<'a>),
    Captured,
}

impl Channel {
    /// Waits for a place.
    pub async fn session(&self) -> Session<'_> {
        match self {
            Channel::Smtp(relay) => Session::Smtp(relay.session().await),
            Channel::Captured => Session::Captured,
        }
    }
}

impl Session<'_> {
    /// Delivers one message; see [`smtp::RelaySession::send`].
    pub async fn deliver<F, Fut>(self, mail: &Composed, mark: F) -> Outcome
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Mark>,
    {
        match self {
            Session::Smtp(session) => session.send(mail, mark).await,
            Session::Captured => match mark().await {
                Mark::Go => Outcome::Captured,
                Mark::No(reason) => Outcome::NotMarked(reason),
                Mark::Unclear => Outcome::MarkUnclear,
            },
        }
    }
}

/// How long to wait after the `attempt`-th deferral, counted from 1: 5, 10,
/// 20, 40, 80 minutes, then 2 hours, times `jitter` (around 1.0).
pub fn retry_after(attempt: u32, jitter: f64) -> chrono::Duration {
    let minutes = match attempt {
        0 | 1 => 5.0,
        2..=5 => 5.0 * f64::from(1u32 << (attempt - 1)),
        _ => 120.0,
    };
    let jitter = if jitter.is_finite() { jitter.clamp(0.5, 2.0) } else { 1.0 };
    chrono::Duration::milliseconds((minutes * 60_000.0 * jitter) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_two_hours() {
        let minutes = |attempt| retry_after(attempt, 1.0).num_minutes();
        assert_eq!((0..9).map(minutes).collect::<Vec<_>>(), [5, 5, 10, 20, 40, 80, 120, 120, 120]);
        assert_eq!(retry_after(1, 1.2).num_seconds(), 360);
        assert_eq!(retry_after(u32::MAX, f64::NAN).num_minutes(), 120);
    }
}
