//! Rows as stories compare them.

use keepwell::clock::Instant;
use serde_json::Value as Json;

/// Rows as lines of these fields, sorted; a missing one is `-`, an instant is
/// without its zone, which is UTC.
pub fn lines(rows: &[Json], fields: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        rows.iter().map(|row| fields.split(' ').map(|field| cell(&row[field])).collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

fn cell(value: &Json) -> String {
    match (instant(value), value) {
        (Some(at), _) => at.format("%m-%dT%H:%M").to_string(),
        (None, Json::Null) => "-".to_owned(),
        (None, Json::String(text)) => text.clone(),
        (None, other) => other.to_string(),
    }
}

pub(super) fn instant(value: &Json) -> Option<Instant> {
    value.as_str()?.parse().ok()
}
