//! Reading one value strictly. A message says what is wrong and how to write
//! it; the line and the column are added by the caller.

use chrono::{NaiveDate, SubsecRound};
use serde_json::{Map, Value as Json};

use super::relation::{Column, Kind, Need};
use crate::clock::Instant;
use crate::timestamp::{Timestamp, UnreadableTimestamp};
use crate::zone::find_zone;

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
    Long(i64),
    Bool(bool),
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
        Kind::Text | Kind::Any => plain(text),
        Kind::Id if trimmed.is_empty() => absent(column),
        Kind::Id => plain(trimmed),
        Kind::Status => status(trimmed),
        Kind::Zone => zone(trimmed),
        Kind::Int => integer(trimmed),
        Kind::Long => long(trimmed).map(Cell::Long),
        Kind::Bool => boolean(trimmed).map(Cell::Bool),
        Kind::Amount => amount(trimmed),
        Kind::Decimal => number(trimmed).map(|_| Cell::Amount(trimmed.to_owned())),
        Kind::Float => float(trimmed),
        Kind::Time => time(trimmed).map(Cell::Time),
        Kind::Date => date(trimmed).map(Cell::Date),
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
        (Kind::Int | Kind::Long | Kind::Amount | Kind::Decimal | Kind::Float, Json::Number(number)) => {
            from_text(column, &number.to_string())
        }
        (Kind::Bool, Json::Bool(value)) => Ok(Cell::Bool(value)),
        (Kind::Any, Json::Number(number)) => from_text(column, &number.to_string()),
        (Kind::Any, Json::Bool(value)) => Ok(Cell::Text(value.to_string())),
        (Kind::Any, value) if !has_nul(&value) => Ok(Cell::Text(value.to_string())),
        // Ids are often numbers elsewhere.
        (Kind::Text | Kind::Id, Json::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(Cell::Text(number.to_string()))
        }
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

/// Kept by IANA's name, however the file names it.
fn zone(text: &str) -> Result<Cell, String> {
    match find_zone(text) {
        Some(zone) => Ok(Cell::Text(zone.name().to_owned())),
        None => Err(format!("{} is not a time zone; write it as Europe/Berlin", quoted(text))),
    }
}

fn integer(text: &str) -> Result<Cell, String> {
    i32::try_from(long(text)?).map(Cell::Int).map_err(|_| format!("{} is too large", quoted(text)))
}

fn long(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{} is not a whole number", quoted(text)))
}

/// As Postgres and spreadsheets write it.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
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

/// Reads a day.
fn date(text: &str) -> Result<NaiveDate, String> {
    match Timestamp::parse(text) {
        Ok(Timestamp::Date(date)) => Ok(date),
        other => Err(format!("{} is not a date; {}", quoted(text), what_to_write(other.err(), "2026-03-01"))),
    }
}

/// Reads an instant; a time without a zone is in UTC, and a date is its first
/// instant there.
fn time(text: &str) -> Result<Instant, String> {
    match Timestamp::parse(text) {
        // As Postgres keeps it, so that equal keys are seen to be equal.
        Ok(time) => Ok(time.in_utc().trunc_subsecs(6)),
        Err(UnreadableTimestamp::Years) => Err(format!("{} {}", quoted(text), UnreadableTimestamp::Years)),
        Err(why) => {
            Err(format!("{} is not an instant; {}", quoted(text), what_to_write(Some(why), "2026-03-01T09:00:00Z")))
        }
    }
}

fn what_to_write(why: Option<UnreadableTimestamp>, example: &str) -> String {
    match why {
        Some(UnreadableTimestamp::Order(meant)) => {
            let meant: Vec<String> = meant.iter().map(ToString::to_string).collect();
            format!("write it as {}", meant.join(" or "))
        }
        _ => format!("write it as {example}"),
    }
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
        Kind::Text | Kind::Id | Kind::Status | Kind::Zone => "text",
        Kind::Int | Kind::Long => "a whole number",
        Kind::Amount | Kind::Decimal | Kind::Float => "a number",
        Kind::Bool => "true or false",
        Kind::Time => "an instant as text",
        Kind::Date => "a date as text",
        Kind::Object => "an object",
        Kind::Any => "a value",
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
        from_text(&Column { name: "x".into(), kind, need: Need::Nullable, ty: None }, text)
    }

    #[test]
    fn instants_are_read_as_iso_and_postgres_write_them() {
        for (text, seen) in [
            ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01T09:00:00+02:00", "2026-03-01T07:00:00+00:00"),
            ("2026-03-01 09:00", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01T09:00:01.5", "2026-03-01T09:00:01.500+00:00"),
            (" 2026-03-01 ", "2026-03-01T00:00:00+00:00"),
            ("0001-01-01", "0001-01-01T00:00:00+00:00"),
            ("2026-03-01 09:00:00+00", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01T09:00:00.000+0000", "2026-03-01T09:00:00+00:00"),
            ("2026-03-01 09:00:00.1234567+02", "2026-03-01T07:00:00.123456+00:00"),
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
        assert_eq!(read(Kind::Long, "9007199254740993"), Ok(Cell::Long(9_007_199_254_740_993)));
        assert_eq!(read(Kind::Decimal, "-1234567890123.4567"), Ok(Cell::Amount("-1234567890123.4567".to_owned())));
        for (text, value) in [("TRUE", true), ("Yes", true), ("1", true), ("f", false), (" no ", false), ("0", false)] {
            assert_eq!(read(Kind::Bool, text), Ok(Cell::Bool(value)));
        }
        assert!(read(Kind::Bool, "maybe").is_err() && read(Kind::Long, "1.5").is_err());
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
        let read = |kind, value| from_json(&Column { name: "x".into(), kind, need: Need::Default, ty: None }, value);
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
