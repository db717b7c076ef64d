//! Spans of time as authors write them: `30m`, `12h`, `3d`, `2w`, `2 business days`.

use std::fmt;

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
    fn reads_what_authors_write() {
        assert_eq!(Duration::parse("30m"), Some(Duration::Seconds(1_800)));
        assert_eq!(Duration::parse("2w"), Some(Duration::Seconds(1_209_600)));
        assert_eq!(Duration::parse("2 business days"), Some(Duration::BusinessDays(2)));
        for wrong in ["", "d", "3", "3 days", "-3d", "1.5d", "9999999d", "3dd"] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }
}
