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
    /// How many seconds its survey leaves a contact alone after another one; `None` of
    /// what no other survey keeps back.
    pub left_alone: Option<i64>,
}

impl<'a> MarkRequest<'a> {
    /// Of what no other survey keeps back.
    pub fn new(message: &'a Claimed, to: &'a str) -> MarkRequest<'a> {
        MarkRequest { message, to, left_alone: None }
    }
}

/// The same, as long as nobody has carried it out.
pub(crate) struct WaitingMarkRequest {
    pub message: Claimed,
    pub to: String,
    pub left_alone: Option<i64>,
    pub now: Instant,
}

/// The answer of the marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    Go,
    /// Not now: stopped, suppressed, behind another survey, or no longer ours.
    No(Refusal),
}
