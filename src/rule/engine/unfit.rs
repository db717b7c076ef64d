//! Attributes that hold another kind of value than the one they are read as.
//!
//! Such a value is not missing, and nothing is said about it by comparing it:
//! whatever needs its kind fails with a message that shows the value, which
//! makes a verdict undecided.

use std::fmt::Display;
use std::sync::Arc;

use rhai::Dynamic;

use super::value::{describe, from_dynamic, text};
use crate::clock::Instant;
use crate::facts::{Type, Value};
use crate::printable::steers;
use crate::timestamp::UnreadableTimestamp;

/// The longest part of a text that a message shows, in characters.
const LONGEST_SHOWN: usize = 40;

/// The value of an attribute that is read as another kind.
#[derive(Clone, Debug)]
pub(crate) struct UnfitAttribute(Arc<Reading>);

#[derive(Debug)]
struct Reading {
    /// What it holds.
    value: Value,
    /// `account.traits.seats is the text "12"`.
    says: String,
    /// What it is read as.
    wanted: Type,
    /// Why a text is no time, which says it all.
    unreadable: Option<UnreadableTimestamp>,
}

impl UnfitAttribute {
    /// The value of an attribute, by its name as authors write it; a text that
    /// is read as a time says why it is none.
    pub fn new(
        name: &dyn Display,
        value: Value,
        wanted: Type,
        unreadable: Option<UnreadableTimestamp>,
    ) -> UnfitAttribute {
        let says = match (&unreadable, &value) {
            (Some(why), Value::Text(text)) => format!("{name}: {} {why}", shorten(text)),
            _ => format!("{name} is {}", show(&value)),
        };
        UnfitAttribute(Arc::new(Reading { value, says, wanted, unreadable }))
    }

    /// The attribute that a value is, where it is one that does not fit.
    pub fn of(value: &Dynamic) -> Option<UnfitAttribute> {
        value.clone().try_cast::<UnfitAttribute>()
    }

    /// What it holds.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// Why it cannot be compared with another value.
    pub fn compared_with(&self, other: &Dynamic) -> String {
        match &self.0.unreadable {
            Some(_) => self.0.says.clone(),
            None => format!("{}, compared with {}", self.0.says, show_dynamic(other)),
        }
    }

    /// Why it cannot be used where its kind is needed.
    pub fn needed(&self) -> String {
        match &self.0.unreadable {
            Some(_) => self.0.says.clone(),
            None => format!("{}, and {} is needed", self.0.says, self.0.wanted.name()),
        }
    }

    /// The same for a function, an operator or a filter of that name.
    pub fn needed_by(&self, name: &str) -> String {
        match &self.0.unreadable {
            Some(_) => self.0.says.clone(),
            None => format!("{}, and `{name}` needs {}", self.0.says, self.0.wanted.name()),
        }
    }
}

/// A value in a message, with its kind: `the text "12"`.
pub(crate) fn show_dynamic(value: &Dynamic) -> String {
    if let Some(unfit) = UnfitAttribute::of(value) {
        return show(unfit.value());
    }
    if let Some(text) = text(value) {
        return show(&Value::text(&text));
    }
    if value.is::<Instant>() {
        return describe(value).to_owned();
    }
    match from_dynamic(value) {
        Some(Value::Null) | None => describe(value).to_owned(),
        Some(value) => show(&value),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "a missing value".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Text(text) => format!("the text \"{}\"", shorten(text)),
        Value::Time(_) => "a time".to_owned(),
        Value::Json(json) if json.is_array() => "a list".to_owned(),
        Value::Json(_) => "an object".to_owned(),
    }
}

/// The beginning of a text, on one line.
pub(crate) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_SHOWN).map(|c| if steers(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
