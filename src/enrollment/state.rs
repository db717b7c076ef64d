//! An enrollment: whose it is, where it stands, and what it knows of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::holdout::Arm;
use crate::clock::Instant;
use crate::facts::{Progress, SubjectId, Value};

/// One subject's way through one playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrollment {
    /// Derived from playbook, subject and entry key.
    pub id: Uuid,
    pub account: String,
    /// Empty for account playbooks.
    pub contact: String,
    pub playbook: String,
    /// The revision it started with and keeps, unless it is moved.
    pub revision: String,
    pub entry_key: String,
    pub state: State,
    /// Why it is in this state, in words.
    pub reason: Option<String>,
    /// The id of the step it stands at; `None` before the first and at the end.
    pub step: Option<String>,
    pub phase: Phase,
    /// When the current step began.
    pub step_at: Instant,
    /// When the current step is due, if that is known.
    pub due_at: Option<Instant>,
    /// When it is looked at next; `None` once it has ended.
    pub look_at: Option<Instant>,
    pub started_at: Instant,
    pub ended_at: Option<Instant>,
    /// When its goal was seen to hold.
    pub goal_at: Option<Instant>,
    /// Until when its goal still counts, once it has ended without it.
    pub goal_until: Option<Instant>,
    /// Columns as they were at enrollment, by the name behind `entry.`.
    pub entry: BTreeMap<String, Value>,
    /// What the condition read, by the text of each fact.
    pub evidence: serde_json::Map<String, serde_json::Value>,
    /// Whether its effects are recorded only.
    pub shadow: bool,
    /// Its side of the comparison, where the playbook has a holdout.
    pub arm: Option<Arm>,
    /// What a ghost did without: kind to step to number. Empty for others.
    pub counted: BTreeMap<String, BTreeMap<String, u64>>,
    /// `None` while it is in the revision it started with.
    pub moved: Option<MoveHistory>,
    /// Counts commits; a commit names the version it saw.
    pub version: i64,
}

impl Enrollment {
    /// Whose it is.
    pub fn subject(&self) -> SubjectId {
        SubjectId { account: self.account.clone(), contact: self.contact.clone() }
    }

    /// Whether it is held out: it goes its way and nothing comes of it.
    pub fn is_ghost(&self) -> bool {
        self.arm == Some(Arm::Ghost)
    }

    /// The word for its state in the database and in lists.
    pub fn state_name(&self) -> &'static str {
        if self.is_ghost() { State::GHOST } else { self.state.name() }
    }

    /// What its state would be, of a ghost that has ended.
    pub fn outcome_name(&self) -> Option<&'static str> {
        (self.is_ghost() && self.state != State::Active).then(|| self.state.name())
    }

    /// Steps whose mail a ghost counted, which stands for having sent it.
    pub fn mails_counted(&self) -> impl Iterator<Item = &String> {
        self.counted.get(crate::effect::kind::MAIL).into_iter().flat_map(BTreeMap::keys)
    }

    /// What it knows of itself before its first step.
    pub fn at_entry(&self) -> Progress {
        Progress {
            entered_at: self.started_at,
            step_at: self.step_at,
            entry: self.entry.clone(),
            done: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            sent: BTreeSet::new(),
            answers: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// On its way.
    Active,
    /// Went through all steps, or an `end` step.
    Completed,
    /// The playbook's goal holds.
    Goal,
    /// The exit condition holds, or the subject no longer fits.
    Exited,
    /// A suppress condition holds.
    Blocked,
    /// Waits for a person's approval of its run.
    Held,
    /// Ended by a person.
    Cancelled,
    /// Cannot go on and needs a person.
    Failed,
}

impl State {
    /// The word for every state of a ghost.
    pub const GHOST: &str = "ghost";

    pub const ALL: [State; 8] = [
        State::Active,
        State::Completed,
        State::Goal,
        State::Exited,
        State::Blocked,
        State::Held,
        State::Cancelled,
        State::Failed,
    ];

    /// The word in the database, in lists and in tests.
    pub fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Completed => "completed",
            State::Goal => "goal",
            State::Exited => "exited",
            State::Blocked => "blocked",
            State::Held => "held",
            State::Cancelled => "cancelled",
            State::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Where an active enrollment stands within its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The step has not begun.
    Begin,
    /// The step waits for time or a condition.
    Waiting,
    /// The step waits until its messages have ended.
    Sending,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Begin => "begin",
            Phase::Waiting => "waiting",
            Phase::Sending => "sending",
        }
    }

    pub fn parse(name: &str) -> Option<Phase> {
        [Phase::Begin, Phase::Waiting, Phase::Sending].into_iter().find(|phase| phase.name() == name)
    }
}

/// What an enrollment knows of having been moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveHistory {
    /// The last time; nothing of its revision is due earlier.
    pub at: Instant,
    /// Steps that it acted on in earlier revisions.
    pub acted: BTreeSet<String>,
    /// Every move, in order.
    pub ways: Vec<Move>,
}

/// One move, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    pub at: Instant,
    pub by: String,
    pub because: String,
    /// The revision and the step that it left.
    pub revision: String,
    pub step: String,
}
