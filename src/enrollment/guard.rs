//! What decides whether a subject enters: the condition, or what stands around
//! it.

use std::fmt;

/// The condition, or one of the guards around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// A clause of the condition.
    Clause,
    /// `on`: no event makes it a candidate.
    Event,
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
    /// The turn of a contact in the period of a survey.
    Turn,
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
            Guard::Event => "event",
            Guard::Status => "status",
            Guard::Stage => "stage",
            Guard::Suppress => "suppress",
            Guard::Exit => "exit",
            Guard::Goal => "goal",
            Guard::Reentry => "reentry",
            Guard::Gap => "gap",
            Guard::Existing => "existing",
            Guard::NotYet => "not yet",
            Guard::Turn => "turn",
            Guard::DayCap => "day cap",
            Guard::Holdout => "holdout",
            Guard::Hold => "hold",
            Guard::Paused => "paused",
            Guard::Stopped => "stopped",
            Guard::Stale => "stale",
            Guard::NoSuchSubject => "no such subject",
        }
    }

    /// What is so where it keeps somebody out, for the end of a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Guard::Clause => "the condition is not met",
            Guard::Event => "no event has called it",
            Guard::Status => "the account's status does not fit",
            Guard::Stage => "the account's stage does not fit",
            Guard::Suppress => "`suppress` keeps it out",
            Guard::Exit => "`exit` would end its way at once",
            Guard::Goal => "the goal is reached already",
            Guard::Reentry => "it may not enter again now",
            Guard::Gap => "it entered too short a time ago",
            Guard::Existing => "it matched before the playbook began",
            Guard::NotYet => "it is too early",
            Guard::Turn => "its turn comes later",
            Guard::DayCap => "as many as may enter in a day have entered",
            Guard::Holdout => "it is held out, to compare with",
            Guard::Hold => "the run waits for a person",
            Guard::Paused => "the playbook is paused",
            Guard::Stopped => "there is a stop",
            Guard::Stale => "the data are not fresh enough",
            Guard::NoSuchSubject => "there is nobody of that id",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
