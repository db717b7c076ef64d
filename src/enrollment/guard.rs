//! What decides whether a subject enters: the condition, or what stands around
//! it.

use std::fmt;

/// The condition, or one of the guards around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// A clause of the condition.
    Clause,
    Status,
    Stage,
    Suppress,
    Exit,
    Goal,
    /// It is in the playbook, or was there and may not enter again.
    Reentry,
    Gap,
    /// `existing: skip`.
    Existing,
    /// `holds_for`.
    NotYet,
    DayCap,
    Holdout,
    /// A run that waits for a person.
    Hold,
    Paused,
    Stopped,
    /// A source that `fresh` expects rows of.
    Stale,
    /// There is no such account or contact, or the contact has left.
    NoSuchSubject,
}

impl Guard {
    /// The word in the answers of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Guard::Clause => "clause",
            Guard::Status => "status",
            Guard::Stage => "stage",
            Guard::Suppress => "suppress",
            Guard::Exit => "exit",
            Guard::Goal => "goal",
            Guard::Reentry => "reentry",
            Guard::Gap => "gap",
            Guard::Existing => "existing",
            Guard::NotYet => "not yet",
            Guard::DayCap => "day cap",
            Guard::Holdout => "holdout",
            Guard::Hold => "hold",
            Guard::Paused => "paused",
            Guard::Stopped => "stopped",
            Guard::Stale => "stale",
            Guard::NoSuchSubject => "no such subject",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
