//! Spans of time as authors write them: `30m`, `12h`, `3d`, `2w`, `2 business days`.

use std::fmt;

use chrono::TimeDelta;

/// A span of time. A day is 24 hours; business days need a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// Elapsed time in seconds.
    Seconds(i64),
    /// Monday to Friday less the configured holidays.
    BusinessDays(u32),
}

/// More than this is no span that anybody means: 999999 days are 2,700 years.
const MOST_DIGITS: usize = 6;

impl Duration {
    /// Whether it would be a span of time with fewer digits.
    pub fn is_too_long(text: &str) -> bool {
        let digits = text.trim().chars().take_while(char::is_ascii_digit).count();
        digits > MOST_DIGITS && Duration::parse(&text.trim()[digits - 1..]).is_some()
    }

    /// A span of elapsed time that a text says; `None` of business days, and of
    /// anything else.
    pub fn elapsed_of(text: &str) -> Option<TimeDelta> {
        match Duration::parse(text)? {
            Duration::Seconds(seconds) => TimeDelta::try_seconds(seconds),
            Duration::BusinessDays(_) => None,
        }
    }

    /// Reads `30m`, `12h`, `3d`, `2w` or `2 business days`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Duration> {
        let text = text.trim();
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        if digits == 0 || digits > MOST_DIGITS {
            return None;
        }
        let number: i64 = text[..digits].parse().ok()?;
        match text[digits..].trim() {
            "s" => Some(Duration::Seconds(number)),
            "m" => Some(Duration::Seconds(number * 60)),
            "h" => Some(Duration::Seconds(number * 3_600)),
            "d" => Some(Duration::Seconds(number * 86_400)),
            "w" => Some(Duration::Seconds(number * 7 * 86_400)),
            "business day" | "business days" => Some(Duration::BusinessDays(u32::try_from(number).ok()?)),
            _ => None,
        }
    }
}

/// How a span is written that somebody wrote otherwise: `3 days`, `72hrs`,
/// `1.5d`, `P3D`, `2 working days`; a number alone is days.
pub fn meant(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let plain = lower.strip_prefix("pt").or_else(|| lower.strip_prefix('p')).unwrap_or(&lower);
    let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let number: f64 = plain[..end].parse().ok().filter(|number| (0.0..1e6).contains(number))?;
    let unit = plain[end..].trim();
    let hours = match unit {
        "business" | "workday" | "workdays" | "working day" | "working days" | "weekday" | "weekdays" | "bd" => {
            return (number.fract() == 0.0).then(|| Duration::BusinessDays(number as u32).to_string());
        }
        "min" | "mins" | "minute" | "minutes" => 1.0 / 60.0,
        // In a standard's `PT5M` it is minutes.
        "m" if lower.starts_with("pt") => 1.0 / 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 1.0,
        "" | "d" | "day" | "days" => 24.0,
        "w" | "week" | "weeks" => 7.0 * 24.0,
        "month" | "months" | "mo" => 30.0 * 24.0,
        "y" | "year" | "years" => 365.0 * 24.0,
        _ => return None,
    };
    Some(Duration::Seconds((number * hours * 3_600.0).round() as i64).to_string())
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Duration::BusinessDays(1) => write!(f, "1 business day"),
            Duration::BusinessDays(days) => write!(f, "{days} business days"),
            Duration::Seconds(s) if *s > 0 && s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            Duration::Seconds(s) if *s > 0 && s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            Duration::Seconds(s) if *s > 0 && s % 60 == 0 => write!(f, "{}m", s / 60),
            Duration::Seconds(s) => write!(f, "{s}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_was_meant() {
        for (text, right) in [
            ("3 days", Some("3d")),
            ("1 Week", Some("7d")),
            ("72hrs", Some("3d")),
            ("1.5d", Some("36h")),
            ("P3D", Some("3d")),
            ("PT5M", Some("5m")),
            ("90 minutes", Some("90m")),
            ("2 working days", Some("2 business days")),
            ("1 month", Some("30d")),
            ("3", Some("3d")),
            ("three days", None),
            ("-3d", None),
            ("2026-03-02", None),
            ("", None),
        ] {
            assert_eq!(meant(text).as_deref(), right, "{text}");
        }
    }

    #[test]
    fn reads_what_authors_write() {
        assert_eq!(Duration::parse("30m"), Some(Duration::Seconds(1_800)));
        assert_eq!(Duration::parse("2w"), Some(Duration::Seconds(1_209_600)));
        assert_eq!(Duration::parse("2 business days"), Some(Duration::BusinessDays(2)));
        for wrong in ["", "d", "3", "3 days", "-3d", "1.5d", "9999999d", "3dd"] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }
}
