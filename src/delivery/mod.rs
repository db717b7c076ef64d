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
//! This is the only place that uses the mail libraries and the HTTP client. It knows no database.

pub mod blank;
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
pub mod text_language;
mod wire;

use std::future::Future;

use crate::message::refusal::Refusal;

pub use crate::address::{AddressError, Mailbox, parse_address, parse_mailbox};
pub use crate::message::outcome::Outcome;
pub use blank::missing_words;
pub use compose::{Attachment, ComposeError, Composed, OutgoingMail, PDF, Unsubscribe, compose};
pub use layout::Footer;
pub use markdown::{Rendered, escape, render, render_towards};
pub use phase::Timers;
pub use relay::{RelayUrl, RelayUrlError};
pub use smtp::{Relay, RelayError};
pub use text_language::TextLanguage;

/// Where mail goes.
pub enum Channel {
    /// To a relay.
    Smtp(Box<Relay>),
    /// Nowhere: it stays in the database, to be looked at.
    Captured,
}

/// The caller's word between the server's "go ahead" and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The attempt is recorded: send.
    Go,
    /// It must not be sent.
    No(Refusal),
    /// Nobody knows whether the attempt was recorded: do not send.
    Unclear,
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
        Fut: Future<Output = Permission>,
    {
        match self {
            Session::Smtp(session) => session.send(mail, mark).await,
            Session::Captured => match mark().await {
                Permission::Go => Outcome::Captured,
                Permission::No(reason) => Outcome::NotMarked(reason),
                Permission::Unclear => Outcome::MarkUnclear,
            },
        }
    }
}
