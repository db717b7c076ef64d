//! Instants and values in words.

use chrono::{DateTime, NaiveTime, SecondsFormat, Timelike};
use chrono_tz::Tz;
use serde_json::Value as Json;

use crate::clock::Instant;
use crate::facts::Value;

/// `3 December 2026`, with the time of day where that is not midnight.
pub(super) fn day_in_words(at: Instant, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    match local.time() {
        NaiveTime::MIN => local.format("%-d %B %Y").to_string(),
        _ => local.format("%-d %B %Y, %H:%M").to_string(),
    }
}

/// `3 December 2026, 09:00`, with the seconds where there are some.
pub(super) fn moment_in_words(at: Instant, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    match local.second() {
        0 => local.format("%-d %B %Y, %H:%M").to_string(),
        _ => local.format("%-d %B %Y, %H:%M:%S").to_string(),
    }
}

/// The instant that a row of a list names, in words; what is none is left as it is.
pub(super) fn stored_moment(row: &Json, key: &str, zone: Tz) -> String {
    let text = row[key].as_str().unwrap_or_default();
    DateTime::parse_from_rfc3339(text).map_or_else(|_| text.to_owned(), |at| moment_in_words(at.to_utc(), zone))
}

/// A value as an author would write it; a missing one is `none`.
pub(super) fn value_in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        // As people write numbers: 501 and not 501.0.
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Time(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Value::Json(json) => json.to_string(),
    }
}
