//! What became of one claimed message, before it is written.

use super::claimed::Claimed;
use crate::clock::Instant;
use crate::message::outcome::Settled;

/// What became of one claimed message.
#[derive(Clone, Debug)]
pub struct Ending {
    pub message: Claimed,
    pub settled: Settled,
    /// The server's words.
    pub reply: Option<String>,
    pub started: Instant,
    pub ended: Instant,
}

impl Ending {
    /// One that no server said anything about.
    pub fn at(message: Claimed, settled: Settled, at: Instant) -> Ending {
        Ending { message, settled, reply: None, started: at, ended: at }
    }

    /// Whether its enrollment may wait for it.
    pub(super) fn wakes(&self) -> bool {
        self.message.channel.reaches_customers() && !self.settled.is_deferred()
    }
}
