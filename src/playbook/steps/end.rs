//! Reading `end`: the reason that an enrollment ends with.

use super::reader::{STEP_KEYS, StepReader};
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::{Node, NodeValue};

/// How an enrollment ends that no `end` step ends, or where it stands: a case
/// expects `ended:` with these words as well.
const STATES: &[&str] = &["goal", "exited", "blocked", "active", "held", "cancelled", "failed", "ghost"];

/// What stands behind `end`.
pub const END: Shape = Shape::Either(&[REASON, Shape::Form(&END_KEYS)]);

const REASON: Shape =
    Shape::Pattern { pattern: r"\S", but: STATES, wanted: "what the end means to you, such as `won-back`" };

static END_KEYS: Form = Form::new(
    "step end",
    &[STEP_KEYS, &[Key::required("reason", REASON, "What the end means to you, such as `won-back`.")]],
);

impl StepReader<'_> {
    pub(super) fn end(&mut self, body: &Node) -> Option<String> {
        let (reason, place) = match &body.value {
            NodeValue::Text(reason) => (reason.clone(), body.place),
            NodeValue::Mapping(_) => {
                let file = self.file.clone();
                let mut fields = Fields::new(&file, body, &END_KEYS, self.problems);
                fields.take("id");
                fields.take("if");
                let reason = fields.required_text("reason");
                let place = fields.value_place("reason");
                fields.finish();
                (reason?, place)
            }
            _ => {
                let message = format!("`end` needs a reason, not {}", body.describe());
                let help = "write it as text, such as `end: won-back`";
                self.error("KW0103", body.place, message, Some(help.into()));
                return None;
            }
        };
        let reason = reason.text.trim();
        if reason.is_empty() || STATES.contains(&reason) {
            let message = match reason {
                "" => "`end` needs a reason, and this one is empty".to_owned(),
                state => format!("`{state}` says how Keepwell ended it and cannot be a reason of `end`"),
            };
            let help = "name what it means to you, such as `end: won-back`";
            self.error("KW0104", place, message, Some(help.into()));
        }
        Some(reason.to_owned())
    }
}
