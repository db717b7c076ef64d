//! Success plans that an account has, and how far their goals are.

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::playbook::document::GoalState;

/// A success plan that an account has.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRecord {
    pub plan: String,
    /// What the time of its goals counts from.
    pub since: Instant,
    /// Whether a step gave it; else an evaluation of the plan did.
    pub by_step: bool,
}

impl PlanRecord {
    /// Whether the account has it as of an instant: if it got it before, and by an
    /// evaluation also at that very instant, since that was for whoever looks then.
    pub fn is_there(&self, as_of: Instant) -> bool {
        self.since < as_of || (!self.by_step && self.since == as_of)
    }
}

/// How far a goal is from an instant on, itself included.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalRecord {
    pub plan: String,
    pub goal: String,
    pub at: Instant,
    pub progress: GoalProgress,
    /// Whether the file of its plan is still there.
    pub in_force: bool,
}

/// How far a goal is.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalProgress {
    pub state: GoalState,
    /// What was measured last; `None` before anything was.
    pub value: Option<f64>,
    /// The value at the beginning; `None` before one was measured.
    pub start: Option<f64>,
    pub target: f64,
    /// The share of the way from the start to the target, from 0 to 100.
    pub share: Option<f64>,
    /// When its time is over; `None` never.
    pub due_at: Option<Instant>,
    pub reached_at: Option<Instant>,
    pub missed_at: Option<Instant>,
    /// When each milestone was reached first, by its name.
    pub milestones: BTreeMap<String, Instant>,
}

impl GoalProgress {
    /// A goal of which nothing was measured yet.
    pub fn unmeasured(target: f64) -> GoalProgress {
        GoalProgress {
            state: GoalState::Open,
            value: None,
            start: None,
            target,
            share: None,
            due_at: None,
            reached_at: None,
            missed_at: None,
            milestones: BTreeMap::new(),
        }
    }
}
