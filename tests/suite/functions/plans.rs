//! Success plans that an account has, and how far their goals are.

use keepwell::clock::Instant;
use keepwell::facts::{GoalProgress, GoalRecord, History, PlanRecord};
use keepwell::playbook::document::GoalState;
use serde_json::Value as Json;

use super::*;

/// Adds plans, and goals at several instants.
pub fn generate(history: &mut History, dice: &mut Dice, marks: &[Instant]) {
    for plan in ["launch", "it's", "gone"] {
        if dice.roll(3) == 0 {
            continue;
        }
        let since = dice.instant(marks);
        history.plans.push(PlanRecord { plan: plan.to_owned(), since, by_step: dice.roll(2) == 0 });
        for goal in ["reports", "it's"] {
            let mut found = BTreeMap::new();
            for _ in 0..dice.roll(5) {
                let state = *dice.pick(&GoalState::ALL);
                let share = dice.maybe(|dice| dice.roll(101) as f64);
                found.insert(dice.instant(marks), GoalProgress { state, share, ..GoalProgress::unmeasured(3.0) });
            }
            let record = |(at, progress)| GoalRecord {
                plan: plan.to_owned(),
                goal: goal.to_owned(),
                at,
                progress,
                in_force: plan != "gone",
            };
            history.goals.extend(found.into_iter().map(record));
        }
    }
}

/// The plans, as they are written to the store.
pub fn plan_rows(account: &str, history: &History) -> Vec<Json> {
    let row = |record: &PlanRecord| {
        json!({
            "account_id": account, "plan": record.plan, "since": stamp(record.since),
            "origin": if record.by_step { "step" } else { "when" },
        })
    };
    history.plans.iter().map(row).collect()
}

/// The goals, likewise.
pub fn goal_rows(account: &str, history: &History) -> Vec<Json> {
    let row = |record: &GoalRecord| {
        json!({
            "account_id": account, "plan": record.plan, "goal": record.goal, "at": stamp(record.at),
            "state": record.progress.state.name(), "progress": record.progress.share, "target": 3, "milestones": {},
        })
    };
    history.goals.iter().map(row).collect()
}
