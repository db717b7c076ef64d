//! What an enrollment knows of itself: what expressions read as `entry.…`,
//! `done("…")`, `outcome("…")`, `sent("…")` and `answer("…")`.

use std::collections::{BTreeMap, BTreeSet};

use super::value::Value;
use crate::clock::Instant;

#[derive(Clone, Debug)]
pub struct Progress {
    /// When the enrollment started; `entry.at` and `since_entry`.
    pub entered_at: Instant,
    /// When the current step began; `since_step`.
    pub step_at: Instant,
    /// Columns as they were at enrollment, by name.
    pub entry: BTreeMap<String, Value>,
    /// Task steps that a person completed.
    pub done: BTreeSet<String>,
    /// The outcome chosen for a task step.
    pub outcomes: BTreeMap<String, String>,
    /// Email steps with a message that the mail server accepted.
    pub sent: BTreeSet<String>,
    /// The answer to a survey step: a whole number for a score, else a text.
    pub answers: BTreeMap<String, Value>,
}
