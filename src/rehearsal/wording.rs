//! Offsets, instants and values in words for people.

use chrono::TimeZone;
use chrono_tz::Tz;

use crate::clock::Instant;
use crate::delivery::markdown;

/// `at the start`, `after 2d`, `after 6d 2h`.
pub(super) fn after(seconds: i64) -> String {
    if seconds == 0 { "at the start".to_owned() } else { format!("after {}", span(seconds)) }
}

/// `6d 2h`; the parts that are zero are left out.
pub(super) fn span(seconds: i64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest / length > 0 {
            parts.push(format!("{}{unit}", rest / length));
        }
        rest %= length;
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// `2026-03-06 09:00 CET`.
pub(super) fn instant(time: Instant, zone: Tz) -> String {
    zone.from_utc_datetime(&time.naive_utc()).format("%Y-%m-%d %H:%M %Z").to_string()
}

/// A mail's Markdown as its reader sees it, on one line.
pub(super) fn plain(markdown: &str) -> String {
    one_line(&markdown::render(markdown).text)
}

/// The same words with single spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a text on one line, for messages.
pub(super) fn beginning(text: &str) -> String {
    let line = one_line(text);
    let mut start: String = line.chars().take(160).collect();
    if start.len() < line.len() {
        start.push('…');
    }
    start
}
