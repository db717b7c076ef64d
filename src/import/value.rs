//! Reading one value strictly. A message says what is wrong and how to write
//! it; the line and the column are added by the caller.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound};
use serde_json::{Map, Value as Json};

use super::relation::{Column, Kind, Need};
use crate::clock::Instant;

/// The most bytes one value may have.
pub const LONGEST_VALUE: usize = 1 << 20;

/// What a row says about a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing: a new row gets the default, a row that is there keeps its value.
    Keep,
    Null,
    Text(String),
    Int(i32),
    Float(f64),
    /// Plain decimal digits.
    Amount(String),
    Time(Instant),
    Date(NaiveDate),
    /// The whole object.
    Object(Map<String, Json>),
    /// Single keys of the object: what is null goes.
    Keys(Map<String, Json>),
}

/// Reads the text of a column. An empty text is no value.
pub fn from_text(column: &Column, text: &str) -> Result<Cell, String> {
    if text.is_empty() {
        return absent(column);
    }
    if text.len() > LONGEST_VALUE {
        return Err(too_long());
    }
    let trimmed = text.trim();
    match column.kind {
        Kind::Text => plain(text),
        Kind::Status => status(trimmed),
        Kind::Zone => zone(trimmed),
        Kind::Int => integer(trimmed),
        Kind::Amount => amount(trimmed),
        Kind::Float => float(trimmed),
        Kind::Time => time(trimmed).map(Cell::Time),
        Kind::Date => date(trimmed)
            .map(Cell::Date)
            .ok_or_else(|| format!("{} is not a date; write it as 2026-03-01", quoted(trimmed))),
        Kind::Object => match serde_json::from_str(trimmed) {
            Ok(Json::Object(map)) => object(map),
            Ok(_) => Err("must be a JSON object, such as {\"plan\": \"team\"}".to_owned()),
            Err(error) => Err(format!("is not JSON: {error}")),
        },
    }
}

/// Reads the JSON value of a column. Text is read as in a CSV file.
pub fn from_json(column: &Column, value: Json) -> Result<Cell, String> {
    match (column.kind, value) {
        (_, Json::Null) => absent(column),
        (_, Json::String(text)) if column.kind != Kind::Object => from_text(column, &text),
        (Kind::Object, Json::Object(map)) => object(map),
        (Kind::Object, _) => Err("must be a JSON object".to_owned()),
        (Kind::Int | Kind::Amount | Kind::Float, Json::Number(number)) => from_text(column, &number.to_string()),
        // Ids are often numbers elsewhere.
        (Kind::Text, Json::Number(number)) if number.is_i64() || number.is_u64() => Ok(Cell::Text(number.to_string())),
        (Kind::Time, Json::Number(_)) => Err("is a number; write an instant as \"2026-03-01T09:00:00Z\"".to_owned()),
        (_, value) => Err(format!("must be {}, not {}", noun(column.kind), json_noun(&value))),
    }
}

/// Reads a key of traits or properties from text: what is JSON is that,
/// anything else is text, an empty field is null. Digits that no number holds
/// exactly stay text.
pub fn trait_from_text(text: &str) -> Result<Json, String> {
    if text.len() > LONGEST_VALUE {
        return Err(too_long());
    }
    if text.is_empty() {
        return Ok(Json::Null);
    }
    let value = match serde_json::from_str(text) {
        Ok(Json::Number(number)) => {
            let exact = number.is_i64() || number.is_u64() || text.contains(['.', 'e', 'E']);
            if exact { Json::Number(number) } else { Json::String(text.to_owned()) }
        }
        Ok(value) => value,
        Err(_) => Json::String(text.to_owned()),
    };
    trait_from_json(value)
}

/// Checks a key's value that came as JSON.
pub fn trait_from_json(value: Json) -> Result<Json, String> {
    if has_nul(&value) { Err(nul()) } else { Ok(value) }
}

/// A value in a message: short, and on one line.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// What to say about a value beyond the limit.
pub fn too_long() -> String {
    "is longer than 1 MiB".to_owned()
}

fn absent(column: &Column) -> Result<Cell, String> {
    match column.need {
        Need::Key => Err("is empty, and it is part of the key".to_owned()),
        Need::New | Need::Default => Ok(Cell::Keep),
        Need::Nullable => Ok(Cell::Null),
    }
}

fn nul() -> String {
    "has a NUL character".to_owned()
}

fn plain(text: &str) -> Result<Cell, String> {
    if text.contains('\0') { Err(nul()) } else { Ok(Cell::Text(text.to_owned())) }
}

fn status(text: &str) -> Result<Cell, String> {
    match text {
        "active" | "trial" | "churned" => Ok(Cell::Text(text.to_owned())),
        _ => Err(format!("{} is not a status: it is active, trial or churned", quoted(text))),
    }
}

fn zone(text: &str) -> Result<Cell, String> {
    match text.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(Cell::Text(text.to_owned())),
        Err(_) => Err(format!("{} is not a time zone; write it as Europe/Berlin", quoted(text))),
    }
}

fn integer(text: &str) -> Result<Cell, String> {
    match text.parse::<i64>() {
        Ok(number) => i32::try_from(number).map(Cell::Int).map_err(|_| format!("{} is too large", quoted(text))),
        Err(_) => Err(format!("{} is not a whole number", quoted(text))),
    }
}

/// A number as JSON writes it, with more leading zeros than JSON allows.
fn number(text: &str) -> Result<f64, String> {
    let odd = |c: char| !c.is_ascii_digit() && !"+-.eE".contains(c);
    match text.parse::<f64>() {
        Ok(number) if !text.contains(odd) => Ok(number),
        _ if text.contains(',') => {
            Err(format!("{} is not a number; write it with a decimal point and no separators", quoted(text)))
        }
        _ => Err(format!("{} is not a number", quoted(text))),
    }
}

fn amount(text: &str) -> Result<Cell, String> {
    let number = number(text)?;
    if number.abs() >= 999_999_999_999.995 || text.len() > 100 {
        return Err(format!("{} is too large or too long", quoted(text)));
    }
    // Without an exponent the digits are kept as they are.
    let digits = if text.contains(['e', 'E']) { number.to_string() } else { text.to_owned() };
    Ok(Cell::Amount(digits))
}

fn float(text: &str) -> Result<Cell, String> {
    match number(text)? {
        number if number.abs() <= 1e15 => Ok(Cell::Float(number)),
        _ => Err(format!("{} is not between -1e15 and 1e15", quoted(text))),
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    // Exactly ten characters: chrono would read 26-3-1 as well.
    let date = (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())??;
    (1..=9999).contains(&date.year()).then_some(date)
}

/// Reads an instant: RFC 3339, a time without a zone (UTC), or a date (its
/// first instant in UTC).
fn time(text: &str) -> Result<Instant, String> {
    let wrong = || format!("{} is not an instant; write it as 2026-03-01T09:00:00Z", quoted(text));
    let instant = if text.len() == 10 {
        date(text).ok_or_else(wrong)?.and_time(chrono::NaiveTime::MIN).and_utc()
    } else if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        time.to_utc()
    } else if text.as_bytes().get(4) == Some(&b'-') {
        let text = text.replacen('T', " ", 1);
        ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
            .ok_or_else(wrong)?
            .and_utc()
    } else {
        return Err(wrong());
    };
    if !(1..=9999).contains(&instant.year()) {
        return Err(format!("{} is not between the years 1 and 9999", quoted(text)));
    }
    // As Postgres keeps it, so that equal keys are seen to be equal.
    Ok(instant.trunc_subsecs(6))
}

fn object(map: Map<String, Json>) -> Result<Cell, String> {
    if map_has_nul(&map) { Err(nul()) } else { Ok(Cell::Object(map)) }
}

fn map_has_nul(map: &Map<String, Json>) -> bool {
    map.iter().any(|(key, value)| key.contains('\0') || has_nul(value))
}

fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(list) => list.iter().any(has_nul),
        Json::Object(map) => map_has_nul(map),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Status | Kind::Zone => "text",
        Kind::Int => "a whole number",
        Kind::Amount | Kind::Float => "a number",
        Kind::Time => "an instant as text",
        Kind::Date => "a date as text",
        Kind::Object => "an object",
    }
}

fn json_noun(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, text: &str) -> Result<Cell, String> {
        from_text(&Column { name: "x", kind, need: Need::Nullable }, text)
    }

    #[test]
    fn instants_are_read_in_three_ways_and_stay_within_four_digits() {
        for (text, seen) in [
            ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01T09:00:00+02:00", "2026-03-01T07:00:00+00:00"),
            ("2026-03-01 09:00", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01T09:00:01.5", "2026-03-01T09:00:01.500+00:00"),
            (" 2026-03-01 ", "2026-03-01T00:00:00+00:00"),
            ("0001-01-01", "0001-01-01T00:00:00+00:00"),
        ] {
            let Ok(Cell::Time(time)) = read(Kind::Time, text) else { panic!("{text}") };
            assert_eq!(time.to_rfc3339(), seen, "{text}");
        }
        for text in [
            "0000-12-31",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:00:00-02:00",
            "10000-01-01",
            "infinity",
            "now",
            "2026-02-30",
            "01.03.2026",
            "03/01/2026",
            "1772355600",
            "2026-3-1",
            "26-03-01 09:00",
            "2026-03-01 25:00",
        ] {
            assert!(read(Kind::Time, text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(read(Kind::Int, " 12 "), Ok(Cell::Int(12)));
        assert_eq!(read(Kind::Amount, "1200.505"), Ok(Cell::Amount("1200.505".to_owned())));
        assert_eq!(read(Kind::Amount, "1.2e3"), Ok(Cell::Amount("1200".to_owned())));
        assert_eq!(read(Kind::Float, "-0.5"), Ok(Cell::Float(-0.5)));
        for text in ["1.5", "1,000", "2147483648", "x", "0x10", "1e3"] {
            assert!(read(Kind::Int, text).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "infinity", "1,5", "1 000", "1e16", "-1e15000", "€5"] {
            assert!(read(Kind::Float, text).is_err(), "{text}");
            assert!(read(Kind::Amount, text).is_err(), "{text}");
        }
    }

    #[test]
    fn traits_are_json_where_they_can_be() {
        use serde_json::json;
        for (text, seen) in [
            ("12", json!(12)),
            ("1.50", json!(1.5)),
            ("true", json!(true)),
            ("\"12\"", json!("12")),
            ("01234", json!("01234")),
            ("[1]", json!([1])),
            ("[draft]", json!("[draft]")),
            ("", json!(null)),
            ("123456789012345678901234", json!("123456789012345678901234")),
            ("plain words", json!("plain words")),
        ] {
            assert_eq!(trait_from_text(text), Ok(seen), "{text}");
        }
        assert!(trait_from_text("a\0b").is_err());
        assert!(trait_from_text("\"a\\u0000b\"").is_err());
    }

    #[test]
    fn json_values_keep_their_kind() {
        use serde_json::json;
        let read = |kind, value| from_json(&Column { name: "x", kind, need: Need::Default }, value);
        assert_eq!(read(Kind::Text, json!(42)), Ok(Cell::Text("42".to_owned())));
        assert_eq!(read(Kind::Int, json!("42")), Ok(Cell::Int(42)));
        assert_eq!(read(Kind::Int, json!(null)), Ok(Cell::Keep));
        assert_eq!(read(Kind::Amount, json!(12.5)), Ok(Cell::Amount("12.5".to_owned())));
        for (kind, value) in [
            (Kind::Text, json!(true)),
            (Kind::Text, json!({})),
            (Kind::Int, json!(1.5)),
            (Kind::Time, json!(1772355600)),
            (Kind::Object, json!([])),
            (Kind::Object, json!("{}")),
            (Kind::Date, json!(20260301)),
        ] {
            assert!(read(kind, value.clone()).is_err(), "{value}");
        }
    }
}
