//! The phases of an SMTP session, how long each may take, and how it ended.

use std::fmt;
use std::time::Duration;

/// Where in a session something happened. The order is the order of the wire;
/// up to and including [`Phase::Data`] nothing of the message has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Connect,
    Greeting,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    Body,
    Reply,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Connect => "while connecting",
            Phase::Greeting => "at the greeting",
            Phase::Tls => "at the start of TLS",
            Phase::Login => "at the login",
            Phase::Sender => "at MAIL FROM",
            Phase::Recipient => "at RCPT TO",
            Phase::Data => "at DATA",
            Phase::Body => "while writing the message",
            Phase::Reply => "while waiting for the final reply",
        })
    }
}

/// The longest each phase may take.
///
/// Before the message leaves, a short wait costs one later attempt. The final
/// reply has the full ten minutes of RFC 5321: giving up there leaves a
/// message that nobody knows the fate of.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// TCP connection, and then TLS with `smtps:`.
    pub connect: Duration,
    /// The server's first line.
    pub greeting: Duration,
    /// Each of EHLO, STARTTLS, AUTH, MAIL FROM, RCPT TO, RSET.
    pub command: Duration,
    /// The reply to DATA.
    pub data: Duration,
    /// Each write of up to 64 KiB of the message.
    pub write: Duration,
    /// From the final dot to the reply.
    pub reply: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(60),
            data: Duration::from_secs(120),
            write: Duration::from_secs(60),
            reply: Duration::from_secs(600),
        }
    }
}

/// What stopped a session in one of its phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub phase: Phase,
    pub cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server said no: code and text.
    Refused(u16, String),
    /// The connection broke, stayed silent too long, or spoke no SMTP.
    Broken(String),
    /// The relay cannot be used now.
    Unusable(String),
    /// It cannot be used as configured: TLS or login. Only a person can mend
    /// that.
    Misfit(String),
}

impl Fault {
    /// The cause alone, for a fault that is reported as another kind.
    pub(super) fn cause_text(&self) -> String {
        match &self.cause {
            Cause::Refused(code, text) => format!("{code} {text}"),
            Cause::Broken(what) | Cause::Unusable(what) | Cause::Misfit(what) => what.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cause_text(), self.phase)
    }
}

/// A server's words as they are kept: at most 500 characters on one line.
pub(super) fn clip(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_reply_is_given_all_the_time_that_the_standard_gives_it() {
        let timers = Timers::default();
        assert!(timers.reply >= Duration::from_secs(600));
        let before = [timers.connect, timers.greeting, timers.command, timers.data, timers.write];
        assert!(before.iter().all(|timer| *timer <= Duration::from_secs(120)), "what is safe to repeat waits less");
    }
}
