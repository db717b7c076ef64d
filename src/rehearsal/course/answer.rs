//! What people answer to surveys while a case is played.

use chrono::TimeDelta;

use super::Course;
use crate::clock::Instant;
use crate::enrollment::{Phase, State};
use crate::facts::Value;
use crate::facts::history::{AnswerRecord, ScoreRecord};
use crate::playbook::case::{CaseAnswer, Change};
use crate::playbook::yaml::NodeValue;
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

    /// Keeps an answer to a survey that was asked, and wakes who waits for it. As of
    /// this instant it is a score, where it is a number.
    pub(super) fn answer(&mut self, answer: &CaseAnswer, now: Instant) {
        let (step, node) = (answer.step.as_str(), &answer.value);
        let question = self.playbook.action(step).and_then(|action| action.question());
        let scale = question.and_then(|question| question.scale);
        let value = match (&node.value, scale) {
            (NodeValue::Int(value), Some(scale)) if scale.values().any(|known| i64::from(known) == *value) => {
                Value::Int(*value)
            }
            (NodeValue::Text(text), None) => Value::text(&text.text),
            (_, Some(scale)) => {
                let values = scale.values();
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
        played.answers.insert(step.to_owned(), value.clone());
        let waits = played.enrollment.state == State::Active
            && played.enrollment.phase == Phase::Sending
            && played.enrollment.step.as_deref() == Some(step);
        if waits {
            played.enrollment.look_at = Some(now);
        }
        self.record_answer(answer, &value, now);
        self.happen(now, format!("the survey `{step}` was answered"));
    }

    /// Adds an answer to what is known of the account.
    fn record_answer(&mut self, answer: &CaseAnswer, value: &Value, now: Instant) {
        let question = self.playbook.action(&answer.step).and_then(|action| action.question());
        let survey = question.and_then(|question| question.survey.as_ref()).map(|survey| survey.id.clone());
        let scale = question.and_then(|question| question.scale);
        let score = scale.map(|scale| scale.score_name(survey.as_deref().unwrap_or_default()).to_owned());
        let contact = self.asked_contact(&answer.step);
        // Just before this instant, as all of the change.
        let at = now - TimeDelta::microseconds(1);
        let history = &mut self.world.history;
        let id = format!("answer-{:06}", history.answers.len());
        if let (Value::Int(value), Some(name)) = (value, &score) {
            let (name, contact) = (name.clone(), contact.clone());
            let value = *value as f64;
            history.scores.push(ScoreRecord { id: id.clone(), name, value, at, contact, own: None });
        }
        let text = match value {
            Value::Text(text) => Some(text.to_string()),
            _ => answer.comment.clone(),
        };
        history.answers.push(AnswerRecord { id, contact, score, survey, text, at });
    }
}
