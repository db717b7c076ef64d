//! What an enrollment itself did at the very instant of its facts. Facts show
//! what was strictly before it, and these count in addition.

use std::collections::BTreeMap;

/// A kind of what an enrollment does that facts can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnAct {
    Label,
    Task,
    Mail,
}

/// What one enrollment did at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnActs {
    /// The labels that it set; `None` removed one.
    pub labels: BTreeMap<String, Option<String>>,
    /// How many tasks it opened.
    pub opened_tasks: i64,
    /// Whether a mail of it was sent, whoever got it.
    pub mailed: bool,
    /// Whether the enrolled contact got one.
    pub mailed_contact: bool,
}
