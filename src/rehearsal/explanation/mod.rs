//! Why a subject enters a playbook at an instant, or why not.
//!
//! [`explain`] asks what a run asks, [`admit`](crate::enrollment::admit) and the
//! limits of a run, and says which clause or guard decided, with the values
//! that were read. Pure: what is to be seen comes from outside.
//!
//! - `clauses`: each clause of the condition, with its truth and its values;
//! - `decision`: which of all that decided, and why;
//! - `boundary`: when a clause that is false becomes true by time alone;
//! - `past`: facts as they were, and which of them nobody recorded;
//! - `scores`: the scores of documents that it reads, with their factors;
//! - `goals`: the goals of success plans that it reads;
//! - `message`, `task`: why a message or a task is as it is (`origin`: why it exists);
//! - `text`, `json`: the answer for people and for programs;
//! - `words`: instants and values in words.

mod boundary;
mod clauses;
mod consequence;
mod decision;
mod goals;
mod json;
mod message;
mod origin;
mod past;
mod scores;
mod task;
mod text;
mod words;

use std::collections::BTreeSet;

use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::enrollment::hold::HoldLimit;
use crate::enrollment::{Decision, Guard, History, admit, at_entry};
use crate::facts::{Cell, Facts, Subject, SubjectId};
use crate::playbook::calendar::Calendar;
use crate::store::documents::plans::GoalRow;
use crate::store::documents::scores::ScoreRow;
use crate::store::views::past::{RunAtSlot, SubjectEnrollment};

pub use boundary::Boundary;
pub use clauses::{ExplainedClause, Truth};
pub use consequence::{
    ChoiceOutlook, ConsequenceAhead, ConsequenceLine, JourneyOutlook, NAMED_CONSEQUENCES, NothingFollows, TaskChoice,
    TaskChoices, WayEnd, when,
};
pub use message::MessageExplanation;
pub use past::restore;
pub use task::{Closing, TaskExplanation};

use clauses::explain_clauses;
use decision::decide;

/// What is to be seen of a subject at an instant.
#[derive(Clone, Debug)]
pub struct Sight<'a> {
    pub playbook: &'a ReadyPlaybook,
    pub revision: RevisionInForce,
    pub subject: SubjectId,
    /// The instant that is asked about: what the slot of a run would be.
    pub at: Instant,
    /// `None` when there is no such subject.
    pub facts: Option<Facts>,
    /// The facts that nobody has recorded for that instant: they are as they
    /// are now.
    pub constant: BTreeSet<Cell>,
    /// What the playbook knew of the subject before that instant.
    pub history: History,
    /// Whether it cannot be known since when its condition had been true.
    pub forgotten_edge: bool,
    /// All of its enrollments in the playbook, the earliest first.
    pub enrollments: Vec<SubjectEnrollment>,
    /// The run of exactly that slot.
    pub run: Option<RunAtSlot>,
    /// Why the event of the subject that `on` names does not call it any more.
    pub event_over: Option<EventOver>,
    /// The scores of documents that the condition reads, as of the instant.
    pub scores: Vec<ScoreRow>,
    /// The goals of success plans that the condition reads, as of the instant.
    pub goals: Vec<GoalRow>,
    /// Why no run decides anything then.
    pub halt: Option<Halt>,
    /// What a run may do without a person.
    pub limit: Option<Limit>,
    pub calendar: &'a Calendar,
}

/// The text of the playbook that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionInForce {
    pub revision: String,
    pub file: String,
    /// When it was published first; `None` of a file that was not.
    pub published_at: Option<Instant>,
    /// What has to be said about it.
    pub note: Option<String>,
}

/// Why an event does not make its subject a candidate any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOver {
    /// The run of that slot has looked at it.
    LookedAt(Instant),
    /// It was due before the playbook began to look, or came into the store too late.
    Past,
}

/// Why no run decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// `Paused` or `Stopped`.
    pub guard: Guard,
    pub reason: String,
}

/// What a run may do without a person's approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub hold: HoldLimit,
    /// How many may still enter on that day.
    pub room_today: Option<u64>,
}

/// What becomes of the subject at the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryVerdict {
    Enters,
    Skipped,
    /// It entered before and is on its way.
    Active,
    /// It would enter, and waits for a person's approval.
    Held,
}

impl EntryVerdict {
    /// The word in the answers of the command line.
    pub fn name(self) -> &'static str {
        match self {
            EntryVerdict::Enters => "enters",
            EntryVerdict::Skipped => "skipped",
            EntryVerdict::Active => "active",
            EntryVerdict::Held => "held",
        }
    }
}

/// Why a subject enters a playbook at an instant, or why not.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub playbook: String,
    pub subject: SubjectId,
    pub at: Instant,
    pub zone: chrono_tz::Tz,
    pub revision: RevisionInForce,
    pub verdict: EntryVerdict,
    pub decided_by: Guard,
    /// In words, with the values read.
    pub reason: String,
    pub clauses: Vec<ExplainedClause>,
    /// The place of the clause that decided, where one did.
    pub deciding: Option<usize>,
    /// When what is in the way is over by time alone.
    pub nearest: Option<Boundary>,
    /// Its enrollments that began before, the latest first.
    pub earlier: Vec<SubjectEnrollment>,
    /// When the playbook runs next after the instant.
    pub next_slot: Option<Instant>,
    /// The scores of documents that the condition reads.
    pub scores: Vec<ScoreRow>,
    /// The goals of success plans that the condition reads.
    pub goals: Vec<GoalRow>,
    /// The facts that were read and had to be taken as they are now.
    pub constant: Vec<String>,
    pub notes: Vec<String>,
}

/// Explains a subject.
pub fn explain(sight: Sight<'_>) -> Explanation {
    let playbook = sight.playbook;
    let context = sight.facts.as_ref().map(|facts| at_entry(playbook, facts.clone()));
    let clauses = match &context {
        Some(context) => explain_clauses(&playbook.when, &playbook.sandbox, context, &sight.constant),
        None => Vec::new(),
    };
    let admitted = sight.facts.clone().map(|facts| admit(playbook, facts, &sight.history, sight.calendar));
    let decided = decide(&sight, admitted.map(|Decision { admission, .. }| admission), &clauses);
    let deciding = match (decided.guard, decided.verdict) {
        (Guard::Clause, EntryVerdict::Skipped) => clauses.iter().position(ExplainedClause::is_in_the_way),
        _ => None,
    };
    let nearest = match (&decided.nearest, deciding, &context) {
        (Some(nearest), ..) => Some(nearest.clone()),
        (None, Some(place), Some(context)) => boundary::of_clause(playbook, context, place),
        _ => None,
    };
    let mut earlier: Vec<SubjectEnrollment> =
        sight.enrollments.iter().filter(|one| one.started_at <= sight.at).cloned().collect();
    earlier.reverse();
    let mut notes: Vec<String> = sight.revision.note.iter().cloned().collect();
    notes.extend(decided.notes);
    Explanation {
        playbook: playbook.playbook.id.clone(),
        next_slot: playbook.schedule.next_after(sight.at).filter(|_| !is_each_minute(playbook)),
        constant: constants_read(&sight),
        scores: sight.scores,
        goals: sight.goals,
        zone: playbook.zone,
        verdict: decided.verdict,
        decided_by: decided.guard,
        reason: decided.reason,
        revision: sight.revision,
        subject: sight.subject,
        at: sight.at,
        clauses,
        deciding,
        nearest,
        earlier,
        notes,
    }
}

/// Whether it is looked at all the time, so that its next slot says nothing.
fn is_each_minute(playbook: &ReadyPlaybook) -> bool {
    playbook.on.as_ref().is_some_and(|on| on.every_minute)
}

/// The facts that who enters depends on and that nobody recorded for then.
fn constants_read(sight: &Sight<'_>) -> Vec<String> {
    let playbook = sight.playbook;
    let rules = std::iter::once(&playbook.when).chain(&playbook.suppress).chain(&playbook.goal).chain(&playbook.exit);
    let mut read: BTreeSet<Cell> = rules.flat_map(|rule| rule.cells()).cloned().collect();
    let column = |name| Cell::column(Subject::Account, name);
    read.insert(column("status"));
    read.extend(playbook.playbook.stages.is_some().then(|| column("stage")));
    read.intersection(&sight.constant).map(ToString::to_string).collect()
}
