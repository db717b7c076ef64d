//! To another revision: where an enrollment that is on its way would stand
//! there.
//!
//! It keeps what it has done and since when it waits. What it did before is not
//! done again, whatever place it comes to, and nothing of the new revision
//! happens before the move: a wait that would have been over long ago is over now.

use std::collections::BTreeSet;
use std::fmt;

use super::state::{Enrollment, Move, MoveHistory, Phase, State};
use crate::catalog::{ReadyBody, ReadyPlaybook};
use crate::clock::Instant;
use crate::facts::Subject;

/// A person's word on a move.
#[derive(Clone, Copy, Debug)]
pub struct Say<'a> {
    pub by: &'a str,
    pub because: &'a str,
    pub at: Instant,
}

/// Where a step leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// To the step with this id.
    Step(String),
    /// Nowhere: whoever stands there is ended.
    End,
}

/// Why an enrollment stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays<'a> {
    /// Its mail has not ended, and in the other place there would be none.
    MailUnderWay,
    /// The other revision asks for a value at enrollment that was not kept.
    NotKept(&'a str),
    /// The playbook enrolls contacts where it enrolled accounts, or the other
    /// way round.
    OtherSubject,
}

impl fmt::Display for Stays<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stays::MailUnderWay => f.write_str("their mail is under way"),
            Stays::NotKept(column) => write!(f, "entry.{column} was not kept when they entered"),
            Stays::OtherSubject => f.write_str("the playbook enrolls others now: accounts or contacts"),
        }
    }
}

/// An enrollment as it would stand at a step of another revision, to be looked
/// at next at the instant of the word. `acted` are the steps it has acted on.
/// The place must exist there.
pub fn move_enrollment<'a>(
    enrollment: &Enrollment,
    to: &'a ReadyPlaybook,
    place: &str,
    acted: BTreeSet<String>,
    word: Say,
) -> Result<Enrollment, Stays<'a>> {
    let of_contacts = Subject::from(to.playbook.subject) == Subject::Contact;
    if of_contacts == enrollment.contact.is_empty() {
        return Err(Stays::OtherSubject);
    }
    if let Some(column) = to.entry_columns.keys().find(|column| !enrollment.entry.contains_key(*column)) {
        return Err(Stays::NotKept(column));
    }
    let left = enrollment.step.clone().unwrap_or_default();
    let body = to.step(place).map(|position| &to.steps[position].body);
    let (phase, step_at) = match (enrollment.phase, body) {
        // A wait goes on in a wait, and mail in the step that sent it.
        (Phase::Waiting, Some(ReadyBody::Wait(_))) => (Phase::Waiting, enrollment.step_at),
        (Phase::Sending, Some(ReadyBody::Action(action))) if left == place && action.awaits_messages() => {
            (Phase::Sending, enrollment.step_at)
        }
        (Phase::Sending, _) => return Err(Stays::MailUnderWay),
        (Phase::Begin | Phase::Waiting, _) => (Phase::Begin, word.at),
    };
    let before = enrollment.moved.as_ref();
    let way = Move {
        at: word.at,
        by: word.by.to_owned(),
        because: word.because.to_owned(),
        revision: enrollment.revision.clone(),
        step: left,
    };
    Ok(Enrollment {
        revision: to.revision.clone(),
        step: Some(place.to_owned()),
        phase,
        step_at,
        due_at: None,
        look_at: Some(word.at),
        reason: None,
        moved: Some(MoveHistory {
            at: word.at,
            acted: before.map(|before| &before.acted).into_iter().flatten().cloned().chain(acted).collect(),
            ways: before.map(|before| &before.ways).into_iter().flatten().cloned().chain([way]).collect(),
        }),
        ..enrollment.clone()
    })
}

/// An enrollment that a person ends.
pub fn cancel(enrollment: &Enrollment, word: Say) -> Enrollment {
    Enrollment {
        state: State::Cancelled,
        reason: Some(format!("{}, by {}", word.because, word.by)),
        step: None,
        phase: Phase::Begin,
        due_at: None,
        look_at: None,
        ended_at: Some(word.at),
        ..enrollment.clone()
    }
}
