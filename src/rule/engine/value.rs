//! What the values of expressions are in Rhai.

use rhai::{Array, Dynamic, ImmutableString};

use super::label::label_text;
use crate::clock::Instant;
use crate::facts::Value;
use crate::rule::holder::Person;

/// The longest text that an expression or script may make, in bytes.
pub(crate) const LONGEST_TEXT: usize = 16 * 1024;

/// The longest text of a fact that an expression may give, in bytes.
pub(crate) const LONGEST_VALUE: usize = 64 * 1024;

/// A span of time, as `days(n)` and `hours(n)` give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span(pub chrono::Duration);

/// `recipient` or `csm`; where there is nobody, it equals `none`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PersonRef {
    pub person: Person,
    pub is_there: bool,
}

/// What messages call a value that is missing.
pub(crate) const MISSING: &str = "a missing value";

/// Whether it equals `none`.
pub(crate) fn is_missing(value: &Dynamic) -> bool {
    value.is_unit() || value.clone().try_cast::<PersonRef>().is_some_and(|person| !person.is_there)
}

/// A text; a single character of one, which Rhai keeps apart, is one as well.
pub(crate) fn text(value: &Dynamic) -> Option<ImmutableString> {
    let plain = value.as_char().map(|c| c.to_string().into()).ok();
    plain.or_else(|| value.clone().into_immutable_string().ok()).or_else(|| label_text(value))
}

/// The word for a value's kind in messages.
pub(crate) fn describe(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        MISSING
    } else if value.is_bool() {
        "true or false"
    } else if value.is_int() || value.is_float() {
        "a number"
    } else if value.is_string() || value.is_char() || label_text(value).is_some() {
        "text"
    } else if value.is::<Instant>() {
        "a time"
    } else if value.is::<Span>() {
        "a span of time"
    } else if value.is_array() {
        "a list"
    } else {
        "this kind of value"
    }
}

/// A cell's value as Rhai holds it; a missing value is `()`.
pub(crate) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => Dynamic::from(*value),
        Value::Int(value) => Dynamic::from(*value),
        Value::Float(value) => Dynamic::from(*value),
        Value::Text(value) => Dynamic::from(ImmutableString::from(value.as_ref())),
        Value::Time(value) => Dynamic::from(*value),
        Value::Json(value) => Dynamic::from(value.clone()),
    }
}

/// The value an expression gave; `None` for lists, spans and the like.
pub fn from_dynamic(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Some(Value::Bool(value));
    }
    if let Ok(value) = value.as_int() {
        return Some(Value::Int(value));
    }
    if let Ok(value) = value.as_float() {
        return Some(Value::Float(value));
    }
    if let Some(value) = value.clone().try_cast::<Instant>() {
        return Some(Value::Time(value));
    }
    text(value).map(|text| Value::text(&text))
}

/// A list of texts, as `to: ["a", "b"]` gives in a script.
pub fn texts(value: &Dynamic) -> Option<Vec<String>> {
    if let Some(list) = value.clone().try_cast::<Array>() {
        return list.into_iter().map(|item| text(&item).map(|text| text.to_string())).collect();
    }
    text(value).map(|text| vec![text.to_string()])
}
