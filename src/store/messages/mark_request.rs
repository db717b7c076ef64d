//! What a connection asks the marker, and what it answers.

use super::claimed::Claimed;
use crate::clock::Instant;
use crate::message::refusal::Refusal;

/// What a connection asks for.
#[derive(Clone, Copy, Debug)]
pub struct MarkRequest<'a> {
    pub message: &'a Claimed,
    /// The recipient's address.
    pub to: &'a str,
}

/// The same, as long as nobody has carried it out.
pub(crate) struct WaitingMarkRequest {
    pub message: Claimed,
    pub to: String,
    pub now: Instant,
}

/// The answer of the marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    Go,
    /// Not now: stopped, suppressed, or no longer ours.
    No(Refusal),
}
