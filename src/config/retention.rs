//! `retention`: for how long words and evidence are kept.

use std::sync::Arc;

use chrono::Duration;

use super::refusal::refuse;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::form::OFF;
use crate::playbook::reader::{Fields, Form, Key, Shape, is_off};
use crate::playbook::yaml::Node;

/// A goal that is reached so many days after the end still counts, and reads
/// what was there at the beginning.
const SHORTEST_EVIDENCE: i64 = 90;

/// What playbooks are worth counts who answered so many days after the end, and reads
/// what they said.
const SHORTEST_ANSWERS: i64 = 90;

/// For how long something that has ended is kept; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The words of messages.
    pub bodies: Option<Duration>,
    /// What was read for decisions, and what came back about mail.
    pub evidence: Option<Duration>,
    /// The words of answers to surveys.
    pub answers: Option<Duration>,
}

/// The keys of `retention`.
pub(super) static RETENTION: Form = Form::new(
    "retention",
    &[&[
        Key::new(
            "bodies",
            Shape::Either(&[OFF, Shape::Elapsed]),
            "For how long the words of mails and tasks are kept. Default: `off`, for ever.",
        ),
        Key::new(
            "evidence",
            Shape::Either(&[OFF, Shape::Elapsed]),
            "For how long it is kept why things happened, at least `90d`. Default: `off`, for ever.",
        ),
        Key::new(
            "answers",
            Shape::Either(&[OFF, Shape::Elapsed]),
            "For how long the words of answers to surveys are kept, at least `90d`; their scores stay. Default: `off`, for ever.",
        ),
    ]],
);

impl Retention {
    pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Retention {
        if is_off(node) {
            return Retention::default();
        }
        let mut fields = Fields::new(file, node, &RETENTION, problems);
        let bodies = span(&mut fields, "bodies", 1, "at least a day");
        let evidence = span(
            &mut fields,
            "evidence",
            SHORTEST_EVIDENCE,
            "at least 90 days: goals may count that long after the end",
        );
        let answers = span(
            &mut fields,
            "answers",
            SHORTEST_ANSWERS,
            "at least 90 days: what playbooks are worth counts answers that long",
        );
        fields.finish();
        Retention { bodies, evidence, answers }
    }
}

fn span(fields: &mut Fields<'_, '_>, key: &'static str, days: i64, why: &str) -> Option<Duration> {
    if fields.take(key).is_none_or(is_off) {
        return None;
    }
    let kept = Duration::seconds(fields.elapsed(key)?);
    if kept < Duration::days(days) {
        refuse(fields, key, format!("`{key}` is {why}"), &format!("write `{key}: 400d`, or `off`"));
        return None;
    }
    Some(kept)
}
