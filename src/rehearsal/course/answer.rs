//! What people answer to surveys while a case is played.

use super::Course;
use crate::clock::Instant;
use crate::enrollment::{Phase, State};
use crate::facts::Value;
use crate::playbook::case::Change;
use crate::playbook::yaml::{Node, NodeValue};
use crate::rehearsal::Failure;

impl Course<'_> {
    /// A person chooses an outcome among those that the task names.
    pub(super) fn check_outcomes(&mut self, change: &Change) {
        for (step, outcome) in &change.outcomes {
            let known = self.playbook.action(step).map(|action| action.outcomes()).unwrap_or_default();
            if !known.is_empty() && !known.contains(outcome) {
                let message = format!("`{outcome}` is no outcome of `{step}`: it is one of {}", known.join(", "));
                self.failures.push(Failure { place: self.case.place, message });
            }
        }
    }

    /// Keeps an answer to a survey that was asked, and wakes who waits for it.
    pub(super) fn answer(&mut self, step: &str, node: &Node, now: Instant) {
        let question = self.playbook.action(step).and_then(|action| action.question());
        let score = question.and_then(|question| question.score);
        let value = match (&node.value, score) {
            (NodeValue::Int(value), Some(score)) if score.values().any(|known| i64::from(known) == *value) => {
                Value::Int(*value)
            }
            (NodeValue::Text(text), None) => Value::text(&text.text),
            (_, Some(score)) => {
                let values = score.values();
                let message = format!("an answer to `{step}` is a number from {} to {}", values.start(), values.end());
                return self.failures.push(Failure { place: node.place, message });
            }
            (_, None) => {
                let message = format!("an answer to `{step}`, which has no `score`, is a text");
                return self.failures.push(Failure { place: node.place, message });
            }
        };
        let Some(played) = self.played.last_mut().filter(|played| played.sent.contains(step)) else {
            return self.happen(now, format!("nobody could answer the survey `{step}`: it was not asked"));
        };
        played.answers.insert(step.to_owned(), value);
        let waits = played.enrollment.state == State::Active
            && played.enrollment.phase == Phase::Sending
            && played.enrollment.step.as_deref() == Some(step);
        if waits {
            played.enrollment.look_at = Some(now);
        }
        self.happen(now, format!("the survey `{step}` was answered"));
    }
}
