//! Reading `branch`: its ways with their steps.

use super::reader::StepReader;
use crate::playbook::Arm;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;

/// What stands behind `branch`.
pub const BRANCH: Shape = Shape::list(&WAY, 1);

const WAY: Shape = Shape::Either(&[Shape::Form(&ARM), Shape::Form(&ELSE)]);

static ARM: Form = Form::new(
    "a way of a branch",
    &[&[
        Key::required("if", Shape::Expression, "The first way whose condition is true is taken."),
        Key::required("steps", Shape::Steps { least: 0 }, "What happens on this way."),
    ]],
);

static ELSE: Form = Form::new(
    "the last way of a branch",
    &[&[Key::required(
        "else",
        Shape::Either(&[Shape::Steps { least: 0 }, Shape::Form(&ELSE_STEPS)]),
        "What happens when no other way is taken; it comes last.",
    )]],
);

static ELSE_STEPS: Form =
    Form::new("`else`", &[&[Key::required("steps", Shape::Steps { least: 0 }, "What happens on this way.")]]);

impl StepReader<'_> {
    pub(super) fn branch(&mut self, body: &Node) -> Option<Vec<Arm>> {
        let Some(items) = body.as_sequence().filter(|items| !items.is_empty()) else {
            let message = format!(
                "`branch` needs a list of ways, not {}",
                match body.as_sequence() {
                    Some(_) => "an empty one".to_owned(),
                    None => body.describe(),
                }
            );
            let help = "each starts with `- if:` or, the last one, `- else:`";
            self.error("KW0103", body.place, message, Some(help.into()));
            return None;
        };
        let file = self.file.clone();
        let mut arms = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if item.as_mapping().is_some_and(|e| e.iter().any(|e| e.key == "else")) {
                if index + 1 < items.len() || index == 0 {
                    let message = "`else` comes last, after at least one `if`";
                    self.error("KW0104", item.place, message, None);
                }
                let mut fields = Fields::new(&file, item, &ELSE, self.problems);
                let mut steps = fields.take("else");
                if let Some(node) = steps.filter(|node| node.as_mapping().is_some()) {
                    let mut inner = Fields::new(&file, node, &ELSE_STEPS, fields.problems());
                    steps = inner.required("steps");
                    inner.finish();
                }
                fields.finish();
                let steps = steps.map(|node| self.list(node, "else")).unwrap_or_default();
                arms.push(Arm { condition: None, steps });
            } else {
                if let Some(entries) = item.as_mapping().filter(|entries| entries.iter().all(|entry| entry.key != "if"))
                {
                    let key = entries.first().map_or("", |entry| entry.key.as_str());
                    let message = format!("a way of a branch begins with `if`, not with `{key}`");
                    let help = "each way is `- if:` with `steps:`; the last one may be `- else:` with its steps";
                    self.error("KW0102", item.place, message, Some(help.into()));
                    continue;
                }
                let mut fields = Fields::new(&file, item, &ARM, self.problems);
                let condition = fields.required_expression("if");
                let steps = fields.required("steps");
                fields.finish();
                let steps = steps.map(|node| self.list(node, "steps")).unwrap_or_default();
                // Without its condition it would read as `else`; it was reported.
                if condition.is_some() {
                    arms.push(Arm { condition, steps });
                }
            }
        }
        Some(arms)
    }
}
