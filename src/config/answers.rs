//! `answers`: where answers to surveys go as well.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::playbook::reader::form::{OFF, VARIABLE};
use crate::playbook::reader::{Fields, Form, Key, Shape, is_variable};
use crate::playbook::yaml::Node;

/// The key in the configuration.
pub(super) const ANSWERS_KEY: Key =
    Key::new("answers", Shape::Form(&ANSWERS), "Where answers to surveys go, beside their page.");

static ANSWERS: Form = Form::new(
    "answers",
    &[&[Key::new(
        "webhook",
        Shape::Either(&[OFF, VARIABLE]),
        "Where each answer is posted: `env:NAME`, the environment variable with the URL. Default: `off`.",
    )]],
);

/// Reads `answers`: the variable of `webhook`; `None` where nothing is posted.
pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<String> {
    let mut fields = Fields::new(file, node, &ANSWERS, problems);
    let mut variable = None;
    if let Some(text) = fields.text("webhook").filter(|text| &*text.text != "off") {
        match text.text.strip_prefix("env:").filter(|name| is_variable(name)) {
            Some(name) => variable = Some(name.to_owned()),
            None => {
                let problem = text.error("KW0601", 1, 1, "`webhook` names an environment variable with the URL");
                fields.problems().push(problem.help("write `webhook: env:FEEDBACK_URL`"));
            }
        }
    }
    fields.finish();
    variable
}
