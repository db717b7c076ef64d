//! How far the goals of a success plan are.
//!
//! An account has a plan from the first time on that its `when` holds, or since a
//! step gave it. A goal is measured each time: its progress is the share of the way
//! from the start to the target. What is reached stays reached, and is not measured
//! any more unless another target is agreed; what is missed may still be reached. What
//! cannot be evaluated changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::catalog::documents::{ReadyDue, ReadyGoal, ReadyPlan};
use crate::clock::Instant;
use crate::facts::{Facts, GoalProgress, Value};
use crate::playbook::document::{GoalStart, GoalState, MilestoneAt};
use crate::rule::{Context, Sandbox, Verdict};

/// What is found of a plan for one account.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanOutcome {
    /// It does not have the plan.
    Without,
    /// Whether it gets the plan cannot be decided, and why.
    Undecided(String),
    Measured(MeasuredPlan),
}

/// How far the goals of an account are.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPlan {
    /// Since when it has the plan.
    pub since: Instant,
    /// Whether it gets the plan at this instant.
    pub is_new: bool,
    /// All goals by their ids, those that are withdrawn included.
    pub goals: BTreeMap<String, GoalProgress>,
    /// The goals that could not be evaluated, with the reason, in the order of the text.
    pub undecided: Vec<(String, String)>,
}

/// Evaluates a plan as of the instant of the facts. `since` says when the account
/// got it, if it has it; `before` how far its goals were.
pub fn evaluate(
    plan: &ReadyPlan,
    sandbox: &Sandbox,
    facts: &Arc<Facts>,
    zone: Tz,
    since: Option<Instant>,
    before: &BTreeMap<String, GoalProgress>,
) -> PlanOutcome {
    let context = Context { facts: facts.clone(), progress: None, zone };
    let is_new = since.is_none();
    let since = match (since, &plan.when) {
        (Some(since), _) => since,
        (None, None) => facts.as_of,
        (None, Some(when)) => match when.verdict(sandbox, &context) {
            Verdict::True => facts.as_of,
            Verdict::False => return PlanOutcome::Without,
            Verdict::Undecided(error) => return PlanOutcome::Undecided(error.message),
        },
    };
    let (mut goals, mut undecided) = (BTreeMap::new(), Vec::new());
    for goal in &plan.goals {
        let known = before.get(&goal.id);
        match measure(goal, sandbox, &context, since, known) {
            Ok(progress) => drop(goals.insert(goal.id.clone(), progress)),
            Err(why) => {
                goals.extend(known.map(|known| (goal.id.clone(), known.clone())));
                undecided.push((goal.id.clone(), why));
            }
        }
    }
    for (id, known) in before {
        if !plan.goals.iter().any(|goal| goal.id == *id) {
            let withdrawn = GoalProgress { state: GoalState::Withdrawn, share: None, ..known.clone() };
            goals.insert(id.clone(), withdrawn);
        }
    }
    PlanOutcome::Measured(MeasuredPlan { since, is_new, goals, undecided })
}

/// How far a goal is; an error says why that cannot be evaluated.
fn measure(
    goal: &ReadyGoal,
    sandbox: &Sandbox,
    context: &Context,
    since: Instant,
    before: Option<&GoalProgress>,
) -> Result<GoalProgress, String> {
    let now = context.facts.as_of;
    let before = before.filter(|before| before.state != GoalState::Withdrawn);
    if let Some(before) = before.filter(|before| before.state == GoalState::Reached && before.target == goal.target) {
        return Ok(before.clone());
    }
    let due_at = match &goal.due {
        ReadyDue::Never => None,
        ReadyDue::Within(seconds) => TimeDelta::try_seconds(*seconds).and_then(|span| since.checked_add_signed(span)),
        ReadyDue::Date(date) => match date.value(sandbox, context).map_err(|error| error.message)? {
            Value::Time(at) => Some(at),
            _ => None,
        },
    };
    let measured = goal.value.measure(sandbox, context).map_err(|error| error.message)?;
    let known = GoalProgress {
        target: goal.target,
        due_at,
        ..before.cloned().unwrap_or(GoalProgress::unmeasured(goal.target))
    };
    let value = measured.or(known.value);
    let start = match goal.start {
        GoalStart::At(start) => Some(start),
        GoalStart::Measured => known.start.or(value),
    };
    let share = value.zip(start).map(|(value, start)| share(value, start, goal));
    let is_reached = share == Some(100.0);
    let is_over = due_at.is_some_and(|due| now >= due);
    let state = match (is_reached, is_over) {
        (true, _) => GoalState::Reached,
        (false, true) => GoalState::Missed,
        (false, false) => GoalState::Open,
    };
    let mut milestones = known.milestones;
    milestones.retain(|name, _| goal.milestones.iter().any(|milestone| milestone.name == *name));
    for milestone in &goal.milestones {
        let is_there = match milestone.at {
            MilestoneAt::Share(wanted) => share.is_some_and(|share| share >= wanted),
            MilestoneAt::Value(wanted) => value.is_some_and(|value| has_come(value, wanted, goal.falls)),
        };
        if is_there && !milestones.contains_key(&milestone.name) {
            milestones.insert(milestone.name.clone(), now);
        }
    }
    Ok(GoalProgress {
        state,
        value,
        start,
        target: goal.target,
        share,
        due_at,
        reached_at: is_reached.then_some(now),
        missed_at: match state {
            GoalState::Open => None,
            GoalState::Missed => known.missed_at.or(Some(now)),
            GoalState::Reached | GoalState::Withdrawn => known.missed_at,
        },
        milestones,
    })
}

/// The share of the way from the start to the target, from 0 to 100; 100 only
/// where the target is reached.
fn share(value: f64, start: f64, goal: &ReadyGoal) -> f64 {
    const ALMOST: f64 = 99.99;
    if has_come(value, goal.target, goal.falls) {
        return 100.0;
    }
    let (way, done) = (goal.target - start, value - start);
    // The sum is no negative zero. Whoever starts behind the target, or at it, has no way that a share could be of.
    let is_way = if goal.falls { way < 0.0 } else { way > 0.0 };
    if is_way && (done / way).is_finite() { (done / way * 100.0).clamp(0.0, ALMOST) + 0.0 } else { 0.0 }
}

/// Whether a value has come to another, from below or from above.
fn has_come(value: f64, wanted: f64, falls: bool) -> bool {
    if falls { value <= wanted } else { value >= wanted }
}
