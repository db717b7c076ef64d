//! How values read in a sentence.

use std::fmt::Write as _;

use chrono::format::{Fixed, Item, StrftimeItems};
use chrono::{DateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::reader_language::Language;
use crate::clock::Instant;
use crate::facts::Value;

/// A value as it prints; what has no text says why.
pub(crate) fn print_value(value: &Value, zone: Tz, locale: &str) -> Result<String, &'static str> {
    Ok(match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(value) => Language::of(locale).number(&number(*value).ok_or("this number has no end")?),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Time(at) => date(*at, if is_date(*at) { Tz::UTC } else { zone }, locale),
        Value::Json(_) => return Err("a list or an object cannot be printed"),
        Value::Null => return Err("there is no value to print here"),
    })
}

/// Whether a time of the store is a date there: the same for everybody.
pub(crate) fn is_date(at: Instant) -> bool {
    at.time() == NaiveTime::MIN
}

/// How many digits of a number every decimal keeps when it is stored in binary.
const FAITHFUL_DIGITS: i32 = 15;

/// A number without needless decimals and never in exponent form; `None` when
/// it is not finite. What was written with up to fifteen digits reads as it was
/// written, and what binary fractions add in a calculation does not show.
pub(crate) fn number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let is_short = value.fract() == 0.0 || value.abs() >= 10f64.powi(FAITHFUL_DIGITS);
    let rounded = match is_short {
        true => value,
        false => format!("{value:.*e}", FAITHFUL_DIGITS as usize - 1).parse().unwrap_or(value),
    };
    Some(drop_minus_of_zero(rounded.to_string()))
}

/// A number with exactly so many decimals, halves away from zero.
pub(crate) fn with_decimals(value: f64, decimals: u8) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let scale = 10f64.powi(i32::from(decimals));
    let scaled = value * scale;
    // The nudge lets 1.005, which is stored a little below, round up.
    let nudged = scaled + scaled.signum() * scaled.abs() * f64::EPSILON * 2.0;
    let rounded = if nudged.abs() < 9.0e15 { nudged.round() / scale } else { value };
    let text = format!("{rounded:.*}", usize::from(decimals));
    Some(drop_minus_of_zero(text))
}

/// An amount of a currency, such as `€1,234.50`, as the reader's language writes
/// it; `None` when it is not finite. It has as many decimals as ISO 4217 gives
/// the currency.
pub(crate) fn money(value: f64, currency: &str, locale: &str) -> Option<String> {
    let decimals = match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    Some(Language::of(locale).money(&with_decimals(value, decimals)?, currency))
}

/// A number as the reader's language writes it, with its thousands set apart:
/// `1.234,50`.
pub(crate) fn grouped(number: &str, locale: &str) -> String {
    Language::of(locale).grouped(number)
}

/// A number of percent as the reader's language writes it.
pub(crate) fn percent(number: &str, locale: &str) -> String {
    Language::of(locale).percent(number)
}

fn drop_minus_of_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if !rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => rest.to_owned(),
        _ => text,
    }
}

/// A time as a date in the reader's zone and language.
pub(crate) fn date(at: Instant, zone: Tz, locale: &str) -> String {
    Language::of(locale).date(&local(at, zone))
}

/// A time by a strftime pattern, names in the reader's language; `None` when
/// the pattern is not one.
pub(crate) fn pattern(at: Instant, zone: Tz, locale: &str, pattern: &str) -> Option<String> {
    let language = Language::of(locale);
    let at = local(at, zone);
    let mut out = String::new();
    for item in StrftimeItems::new(pattern) {
        match item {
            Item::Error => return None,
            Item::Fixed(Fixed::LongMonthName) => out.push_str(&language.month(&at, false)),
            Item::Fixed(Fixed::ShortMonthName) => out.push_str(&language.month(&at, true)),
            Item::Fixed(Fixed::LongWeekdayName) => out.push_str(&language.weekday(&at, false)),
            Item::Fixed(Fixed::ShortWeekdayName) => out.push_str(&language.weekday(&at, true)),
            item => write!(out, "{}", at.format_with_items(std::iter::once(item))).ok()?,
        }
    }
    Some(out)
}

fn local(at: Instant, zone: Tz) -> DateTime<Tz> {
    zone.from_utc_datetime(&at.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_plainly() {
        for (value, text) in [
            (4.0, "4"),
            (4.5, "4.5"),
            (1_234_567.5, "1234567.5"),
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (100.0, "100"),
            (1e21, "1000000000000000000000"),
            // Each was written so; ten decimals of it have noise.
            (1_234_567.89, "1234567.89"),
            (-98_765_432.1, "-98765432.1"),
            (123_456_789_012.34, "123456789012.34"),
            (0.000_000_000_123, "0.000000000123"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1.1 * 3.0, "3.3"),
        ] {
            assert_eq!(number(value).as_deref(), Some(text));
        }
        assert_eq!(number(f64::NAN), None);
        for (value, decimals, text) in [
            (1.005, 2, "1.01"),
            (2.5, 0, "3"),
            (-2.5, 0, "-3"),
            (-0.001, 2, "0.00"),
            (1_234.5, 2, "1234.50"),
            (1e300, 1, format!("{:.1}", 1e300).as_str()),
        ] {
            assert_eq!(with_decimals(value, decimals).as_deref(), Some(text));
        }
    }

    #[test]
    fn dates_read_in_the_readers_language() {
        let at = DateTime::parse_from_rfc3339("2026-03-04T23:30:00Z").expect("a fixed instant").to_utc();
        let berlin = chrono_tz::Europe::Berlin;
        for (locale, text) in [
            ("en", "5 March 2026"),
            ("en-GB", "5 March 2026"),
            ("en-US", "March 5, 2026"),
            ("xx", "5 March 2026"),
            ("", "5 March 2026"),
            ("de-AT", "5. März 2026"),
            ("fr", "5 mars 2026"),
            ("es", "5 de marzo de 2026"),
            ("it", "5 marzo 2026"),
            ("nl_NL", "5 maart 2026"),
            ("pt-BR", "5 de março de 2026"),
            ("zh-Hans-CN", "2026年3月5日"),
            ("JA", "2026年3月5日"),
            ("sv", "5 mars 2026"),
            ("pl", "5 marca 2026"),
            ("he", "5 במרץ 2026"),
            ("ko-KR", "2026년 3월 5일"),
            ("not a language", "5 March 2026"),
        ] {
            assert_eq!(date(at, berlin, locale), text);
        }
        assert_eq!(date(at, chrono_tz::UTC, "en"), "4 March 2026");
        assert_eq!(
            pattern(at, berlin, "de", "%A, %-d. %B %Y, %H:%M %Z").as_deref(),
            Some("Donnerstag, 5. März 2026, 00:30 CET")
        );
        assert_eq!(pattern(at, berlin, "de", "%Q"), None);
        let first = DateTime::parse_from_rfc3339("2026-08-01T12:00:00Z").expect("a fixed instant").to_utc();
        assert_eq!(date(first, berlin, "fr"), "1er août 2026");
    }
}
