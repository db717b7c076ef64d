//! What canonical texts of parts say: equal texts are the same value.

use std::collections::HashSet;

/// The text itself and, as a count of days or hours is missing exactly when its
/// time is, the time inside.
pub(crate) fn present(text: String) -> HashSet<String> {
    inside_count(&text).map(str::to_owned).into_iter().chain([text.clone()]).collect()
}

/// The time inside `days_since(…)` and its kin, and behind `(… - days(n))`.
pub(crate) fn inside_count(text: &str) -> Option<&str> {
    let counts = ["days_since(", "days_until(", "hours_since(", "hours_until(", "month(", "day(", "weekday("];
    let moved = |text| {
        [" + days(", " - days(", " + hours(", " - hours("].iter().find_map(|by| Some(str::split_once(text, by)?.0))
    };
    let inner = counts.iter().find_map(|count| text.strip_prefix(count)?.strip_suffix(')'));
    inner.or_else(|| text.strip_prefix('(').and_then(moved))
}

/// A text as a literal, which can be read back.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
