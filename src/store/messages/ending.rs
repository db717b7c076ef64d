//! What became of one claimed message, before it is written.

use super::claimed::{Claimed, Wait};
use crate::clock::Instant;

/// How a claimed message ends or goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Ended in this state.
    Ended { state: &'static str, reason: Option<String>, outcome: Option<&'static str> },
    /// Looked at again at this instant; a known failure if anything was tried,
    /// so the marker is lifted.
    Deferred { next_at: Instant, reason: String, counts: bool, wait: Wait },
}

impl Settled {
    /// Ended before anything was tried.
    pub fn untried(state: &'static str, reason: Option<String>) -> Settled {
        Settled::Ended { state, reason, outcome: None }
    }

    /// Whether a place in the budget, if it had one, is free again.
    pub(super) fn gives_back(&self) -> bool {
        match self {
            Settled::Ended { state, .. } => !matches!(*state, "accepted" | "captured" | "unknown"),
            Settled::Deferred { wait, .. } => *wait == Wait::Retry,
        }
    }

    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Settled::Ended { reason, .. } => reason.as_deref(),
            Settled::Deferred { reason, .. } => Some(reason),
        }
    }

    pub(super) fn outcome(&self) -> Option<&'static str> {
        match self {
            Settled::Ended { outcome, .. } => *outcome,
            Settled::Deferred { .. } => None,
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        match self {
            Settled::Ended { .. } => None,
            Settled::Deferred { next_at, .. } => Some(*next_at),
        }
    }

    pub(super) fn wait(&self) -> Option<Wait> {
        match self {
            Settled::Ended { .. } => None,
            Settled::Deferred { wait, .. } => Some(*wait),
        }
    }

    /// Whether something was tried, so that there is an attempt to record.
    pub(super) fn tried(&self) -> bool {
        match self {
            Settled::Ended { outcome, .. } => outcome.is_some(),
            Settled::Deferred { counts, .. } => *counts,
        }
    }
}

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
        self.message.channel == "email" && matches!(self.settled, Settled::Ended { .. })
    }
}
