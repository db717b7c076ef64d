//! Success plans, as a case gives them.

use super::World;
use crate::facts::{GoalProgress, GoalRecord, PlanRecord};
use crate::playbook::case::GOAL_RECORD;
use crate::playbook::document::GoalState;
use crate::playbook::reader::Fields;
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::rehearsal::fixture::Reader;

const STATES: &[(&str, GoalState)] =
    &[("open", GoalState::Open), ("reached", GoalState::Reached), ("missed", GoalState::Missed)];

impl World {
    /// A plan that the account has since an instant.
    pub(super) fn apply_plan(&mut self, entry: &Entry, reader: &mut Reader) {
        if let Some(since) = reader.time(&entry.key, &entry.node) {
            self.history.plans.push(PlanRecord { plan: entry.key.clone(), since, by_step: false });
        }
    }

    /// How far a goal is from an instant on.
    pub(super) fn apply_goal(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, &GOAL_RECORD, &mut problems);
        let (plan, goal) = (fields.required_text("plan"), fields.required_text("goal"));
        let at = fields.required("at");
        let state = fields.one_of("state", STATES);
        let [share, start, target] = ["progress", "start", "target"].map(|key| {
            let node = fields.take(key)?;
            let number = match &node.value {
                NodeValue::Int(whole) => Some(*whole as f64),
                NodeValue::Float(number) => Some(number.value),
                _ => None,
            };
            match number {
                None => fields.wrong_type(key, node, "a number"),
                Some(share) if key == "progress" && !(0.0..=100.0).contains(&share) => {
                    let message = format!("`progress` is {share}; it goes from 0 to 100");
                    fields.error("KW0501", node.place, message);
                }
                Some(_) => {}
            }
            number
        });
        fields.finish();
        reader.problems.append(&mut problems);
        let (Some(plan), Some(goal), Some(at)) = (plan, goal, at.and_then(|node| reader.time("at", node))) else {
            return;
        };
        let (plan, goal) = (plan.text.to_string(), goal.text.to_string());
        let default = if share == Some(100.0) { GoalState::Reached } else { GoalState::Open };
        let state = state.unwrap_or(default);
        let progress = GoalProgress {
            state,
            start,
            share,
            reached_at: (state == GoalState::Reached).then_some(at),
            missed_at: (state == GoalState::Missed).then_some(at),
            ..GoalProgress::unmeasured(target.unwrap_or_default())
        };
        if !self.history.plans.iter().any(|record| record.plan == plan) {
            self.history.plans.push(PlanRecord { plan: plan.clone(), since: at, by_step: false });
        }
        self.history.goals.push(GoalRecord { plan, goal, at, progress, in_force: true });
        self.history.goals.sort_by_key(|record| record.at);
    }
}
