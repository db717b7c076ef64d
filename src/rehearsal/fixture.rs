//! Single values of a case's world: times, columns and attributes as authors
//! write them.

use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::action::label;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Column, Type, Value};
use crate::playbook::case::Case;
use crate::playbook::reader::{advice, short};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Duration, local_time};
use crate::timestamp::{Timestamp, UnreadableTimestamp};

const TIME_HELP: &str =
    "write a span from `at` such as `-46d` or `3d`, a date such as `2026-01-15`, or an instant with its offset";

/// Reads the values of one case, and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub file: &'a Arc<str>,
    /// Where the case stands.
    pub place: Position,
    /// What relative times count from.
    pub at: Instant,
    /// Where times of day are that name no zone.
    pub zone: Tz,
    pub problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// A reader for a case of a playbook.
    pub fn new(playbook: &'a ReadyPlaybook, case: &Case) -> Reader<'a> {
        Reader::of_file(&playbook.playbook.file, case.place, case.at.to_utc(), playbook.zone)
    }

    /// A reader for a case at a place of a file, with that `at`.
    pub fn of_file(file: &'a Arc<str>, place: Position, at: Instant, zone: Tz) -> Reader<'a> {
        Reader { file, place, at, zone, problems: Vec::new() }
    }

    pub fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::error(code, self.file, at, message).help(help));
    }

    /// A time: relative to `at`, a date (as in the store its midnight in UTC), an
    /// instant, or a time of day in the playbook's zone.
    pub fn time(&mut self, what: &str, node: &Node) -> Option<Instant> {
        let text = match node.as_text() {
            Some(text) => text.trim(),
            None => {
                self.error("KW0501", node.place, format!("`{what}` needs a time, not {}", node.describe()), TIME_HELP);
                return None;
            }
        };
        if let Some(time) = self.relative(text) {
            return Some(time);
        }
        match Timestamp::parse(text) {
            Ok(Timestamp::Local(local)) => Some(local_time::instant(self.zone, local)),
            Ok(time) => Some(time.in_utc()),
            Err(UnreadableTimestamp::Order(meant)) => {
                let help =
                    format!("write it as {}", meant.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "));
                self.error("KW0501", node.place, format!("`{what}` is not a time: `{}`", short(text)), help);
                None
            }
            Err(_) => {
                self.error("KW0501", node.place, format!("`{what}` is not a time: `{}`", short(text)), TIME_HELP);
                None
            }
        }
    }

    fn relative(&self, text: &str) -> Option<Instant> {
        let (sign, span) = match text.strip_prefix('-') {
            Some(span) => (-1, span),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let Duration::Seconds(seconds) = Duration::parse(span)? else { return None };
        self.at.checked_add_signed(TimeDelta::try_seconds(sign * seconds)?)
    }

    /// The column of that name, or a word about the one that was meant.
    pub fn column<'s>(&mut self, of: &str, columns: &'s [Column], key: &str, at: Position) -> Option<&'s Column> {
        let found = columns.iter().find(|column| column.name == key);
        if found.is_none() {
            let help = advice(key, columns.iter().map(|column| column.name.as_str()).chain(["traits"]));
            self.error("KW0202", at, format!("{of} has no column `{}`", short(key)), help);
        }
        found
    }

    /// A column's value in its own type.
    pub fn value(&mut self, column: &Column, node: &Node) -> Option<Value> {
        let name = &column.name;
        let value = match (&node.value, column.ty) {
            (NodeValue::Null, _) => Some(Value::Null),
            (NodeValue::Text(text), ty) if &*text.text == "none" && (ty != Type::Text || column.nullable) => {
                Some(Value::Null)
            }
            (_, Type::Time) => return self.time(name, node).map(Value::Time),
            (NodeValue::Text(text), Type::Text) => Some(Value::text(&text.text)),
            (NodeValue::Int(number), Type::Int) => Some(Value::Int(*number)),
            (NodeValue::Int(number), Type::Float) => Some(Value::Float(*number as f64)),
            (NodeValue::Float(number), Type::Float) => Some(Value::Float(number.value)),
            (NodeValue::Bool(value), Type::Bool) => Some(Value::Bool(*value)),
            (_, Type::Json) => Some(Value::Json(Arc::new(json(node)))),
            _ => None,
        };
        match value {
            None => {
                let help =
                    if column.ty == Type::Text { "put it in quotes" } else { "write a value of the column's type" };
                let message = format!("the column `{name}` is {}, not {}", column.ty.name(), node.describe());
                self.error("KW0501", node.place, message, help);
                None
            }
            Some(Value::Null) if !column.nullable => {
                let message = format!("the column `{name}` cannot be missing");
                self.error("KW0501", node.place, message, "give it a value, or leave it out for the store's default");
                None
            }
            value => value,
        }
    }

    /// A label's value; nothing inside where it is removed.
    pub fn label(&mut self, name: &str, node: &Node) -> Option<Option<String>> {
        if let Some(why) = label::name_problem(name) {
            self.error("KW0501", node.place, why, "");
            return None;
        }
        match (label::constant(node), node.as_text()) {
            (None, None) => {
                self.problems.push(label::value_problem(self.file, name, node));
                None
            }
            (fixed, text) => Some(fixed.unwrap_or_else(|| text.map(|text| text.trim().to_owned()))),
        }
    }

    /// The CSM who has a role at the account; nothing inside where nobody has it.
    pub fn owner(&mut self, role: &str, node: &Node) -> Option<Option<String>> {
        match (&node.value, node.as_text()) {
            (NodeValue::Null, _) | (_, Some("none")) => Some(None),
            (_, Some(id)) => Some(Some(id.to_owned())),
            _ => {
                let message = format!("the owner `{role}` is the id of a CSM, or `none`");
                self.error("KW0501", node.place, message, "write it as a text, such as `csm-7`");
                None
            }
        }
    }

    /// Attributes: a mapping of anything that JSON can hold.
    pub fn attributes(&mut self, what: &str, node: &Node) -> serde_json::Map<String, serde_json::Value> {
        match json(node) {
            serde_json::Value::Object(map) => map,
            _ => {
                let message = format!("`{what}` needs a mapping, not {}", node.describe());
                self.error("KW0501", node.place, message, "write `{ key: value }`");
                serde_json::Map::new()
            }
        }
    }
}

/// Free keys as one mapping again, for the reader of keys.
pub(super) fn mapping(entries: &[Entry]) -> Node {
    let place = entries.first().map_or(Position { line: 1, column: 1 }, |first| first.node.place);
    Node { place, value: NodeValue::Mapping(entries.to_vec()) }
}

/// A node as JSON; the reader of files bounds its depth.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        NodeValue::Null => serde_json::Value::Null,
        NodeValue::Bool(value) => (*value).into(),
        NodeValue::Int(value) => (*value).into(),
        NodeValue::Float(number) => number.value.into(),
        NodeValue::Text(source) => (*source.text).into(),
        NodeValue::Sequence(items) => items.iter().map(json).collect(),
        NodeValue::Mapping(entries) => {
            serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect())
        }
    }
}
