//! `on:` of a playbook: the event that makes a subject a candidate.

use std::sync::Arc;

use chrono::TimeDelta;

use super::reader::form::NameOf;
use super::reader::{Fields, Form, Key, Shape};
use super::yaml::Node;
use super::{Duration, Source};
use crate::diagnostic::{Diagnostic, Position};

/// How long after its event a subject can be looked at, at most.
const MOST_AFTER: i64 = 366 * 86_400;

/// When a playbook without a `schedule` looks whether an event has come.
pub(super) const EVERY_MINUTE: &str = "* * * * *";

/// The keys of `on`.
pub static ON: Form = Form::new(
    "on",
    &[&[
        Key::required("event", Shape::Name(NameOf::Event), "The name of the event, such as `signed_up`."),
        Key::new(
            "after",
            Shape::Elapsed,
            "How long after the event the subject is looked at, such as `2h`; at most `366d`. Default: at once.",
        ),
    ]],
);

/// An event that makes a subject a candidate, some time after it.
#[derive(Clone, Debug)]
pub struct EventTrigger {
    /// The name of the event.
    pub event: Source,
    pub after: TimeDelta,
    /// Where `on` stands.
    pub place: Position,
    /// Whether the playbook has no schedule of its own.
    pub every_minute: bool,
}

impl EventTrigger {
    /// What it says, in words: `signed_up, after 2h`.
    pub fn describe(&self) -> String {
        let event = self.event.text.trim();
        match self.after.num_seconds() {
            0 => event.to_owned(),
            seconds => format!("{event}, after {}", Duration::Seconds(seconds)),
        }
    }
}

/// Reads `on` where it is there; what it does not go with is reported.
pub(super) fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> Option<EventTrigger> {
    let (node, place) = (fields.take("on")?, fields.key_place("on")?);
    let every_minute = !fields.has("schedule");
    let instead = [
        ("holds_for", "the condition is looked at once for each event: say with `after` how long after it"),
        ("existing", "events from before the playbook are never looked at: leave it out"),
    ];
    for (key, help) in instead {
        if let Some(at) = fields.key_place(key) {
            fields.error_with_help("KW0104", at, format!("`{key}` and `on` cannot stand together"), help);
        }
    }
    of_node(file, node, place, every_minute, fields.problems())
}

fn of_node(
    file: &Arc<str>,
    node: &Node,
    place: Position,
    every_minute: bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<EventTrigger> {
    if let Some(text) = node.as_text() {
        let message = format!("`on` needs keys, not the text `{}`", super::reader::short(text));
        let help = "write `on: { event: signed_up, after: 2h }`";
        problems.push(Diagnostic::error("KW0103", file, node.place, message).help(help));
        return None;
    }
    let mut fields = Fields::new(file, node, &ON, problems);
    let event = fields.required_text("event");
    let after = fields.elapsed("after").unwrap_or(0);
    if after > MOST_AFTER {
        let at = fields.value_place("after");
        fields.error("KW0104", at, "`after` is at most `366d`");
    }
    if event.as_ref().is_some_and(|event| event.text.trim().is_empty()) {
        let at = fields.value_place("event");
        fields.error("KW0104", at, "`event` needs the name of an event and is empty");
    }
    let is_whole = fields.finish();
    let after = TimeDelta::try_seconds(after).filter(|_| is_whole)?;
    Some(EventTrigger { event: event?, after, place, every_minute })
}
