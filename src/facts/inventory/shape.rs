//! What the values of an attribute look like, and which of them may be shown.
//!
//! Attributes hold what a company knows of its customers. An example is shown
//! only where it is about nobody: a word that many rows share, a short number,
//! a date, true or false.

use serde::{Deserialize, Serialize};

/// So many examples of a shape are shown at most.
pub const MOST_EXAMPLES: usize = 3;

/// Values of an attribute that look alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub shape: ShapeKind,
    /// How many of the values that were looked at, 0..=1.
    pub share: f64,
    pub examples: Vec<String>,
}

/// A JSON type, and for texts what they would be as another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeKind {
    Boolean,
    Number,
    Text,
    /// A text that is an ISO date or instant.
    Date,
    /// A text such as `TRUE` or `no`.
    TextBoolean,
    /// A text such as `12`.
    TextNumber,
    /// A text such as `03/04/2026`, of which nobody knows the day.
    SlashDate,
    List,
    Object,
}

impl ShapeKind {
    pub const ALL: [ShapeKind; 9] = [
        ShapeKind::Boolean,
        ShapeKind::Number,
        ShapeKind::Text,
        ShapeKind::Date,
        ShapeKind::TextBoolean,
        ShapeKind::TextNumber,
        ShapeKind::SlashDate,
        ShapeKind::List,
        ShapeKind::Object,
    ];

    /// The word in statements, the same as in JSON.
    pub fn key(self) -> &'static str {
        match self {
            ShapeKind::Boolean => "boolean",
            ShapeKind::Number => "number",
            ShapeKind::Text => "text",
            ShapeKind::Date => "date",
            ShapeKind::TextBoolean => "text_boolean",
            ShapeKind::TextNumber => "text_number",
            ShapeKind::SlashDate => "slash_date",
            ShapeKind::List => "list",
            ShapeKind::Object => "object",
        }
    }

    /// What authors read.
    pub fn name(self) -> &'static str {
        match self {
            ShapeKind::Boolean => "true or false",
            ShapeKind::Number => "number",
            ShapeKind::Text => "text",
            ShapeKind::Date => "date",
            ShapeKind::TextBoolean => "true or false as text",
            ShapeKind::TextNumber => "number as text",
            ShapeKind::SlashDate => "date whose day and month may be swapped",
            ShapeKind::List => "list",
            ShapeKind::Object => "object",
        }
    }
}

/// Whether a value of an attribute may be shown as an example: `rows` of the
/// `all` values that were looked at are the same.
pub fn may_be_shown(attribute: &str, shape: ShapeKind, value: &str, rows: u64, all: u64) -> bool {
    if is_personal(attribute) {
        return false;
    }
    match shape {
        ShapeKind::Boolean | ShapeKind::TextBoolean | ShapeKind::Date | ShapeKind::SlashDate => value.len() <= 40,
        ShapeKind::Number | ShapeKind::TextNumber => is_plain_number(value),
        ShapeKind::Text => rows >= 3 && rows * 100 >= all && is_word(value),
        ShapeKind::List | ShapeKind::Object => false,
    }
}

/// Whether an attribute is about a person, by its name.
fn is_personal(attribute: &str) -> bool {
    const PERSONAL: [&str; 21] = [
        "name", "mail", "phone", "mobile", "fax", "address", "street", "zip", "postal", "postcode", "birth", "born",
        "gender", "person", "contact", "owner", "note", "comment", "iban", "token", "password",
    ];
    let lower = attribute.to_lowercase();
    PERSONAL.iter().any(|word| lower.contains(word))
}

/// A short number, or an instant in seconds or milliseconds: no telephone
/// number and no key of another system.
fn is_plain_number(value: &str) -> bool {
    const DIGITS: usize = 7;
    let value = value.trim();
    let whole = value.trim_start_matches(['-', '+']).split(['.', ',']).next().unwrap_or_default();
    let is_instant = match value.parse::<i64>() {
        Ok(seconds @ 946_684_800..2_051_222_400) => seconds > 0,
        Ok(milliseconds) => (946_684_800_000..2_051_222_400_000).contains(&milliseconds),
        Err(_) => false,
    };
    value.len() <= 20 && (whole.len() <= DIGITS || is_instant)
}

/// One or two short words that are no name of a person, no address and no key.
fn is_word(value: &str) -> bool {
    const LONGEST: usize = 24;
    let words: Vec<&str> = value.split_whitespace().collect();
    let is_capitalized = |word: &&str| word.starts_with(char::is_uppercase) && word.chars().any(char::is_lowercase);
    let digits = value.chars().filter(char::is_ascii_digit).count();
    value.chars().count() <= LONGEST
        && (1..=2).contains(&words.len())
        && !(words.len() == 2 && words.iter().all(is_capitalized))
        && digits <= 4
        && value.chars().all(|c| c.is_alphanumeric() || " _-.+&".contains(c))
        && value.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_nobody_is_shown() {
        let shown = |attribute, shape, value| may_be_shown(attribute, shape, value, 40, 100);
        for (attribute, shape, value, expected) in [
            ("plan", ShapeKind::Text, "enterprise", true),
            ("plan", ShapeKind::Text, "Gold", true),
            ("plan", ShapeKind::Text, "self-service v2", true),
            ("industry", ShapeKind::Text, "real estate", true),
            ("opt_out", ShapeKind::TextBoolean, "TRUE", true),
            ("ends", ShapeKind::Date, "2027-04-20", true),
            ("ends", ShapeKind::SlashDate, "03/04/2026", true),
            ("seats", ShapeKind::Number, "1200.5", true),
            ("seats", ShapeKind::TextNumber, "12", true),
            ("ends", ShapeKind::Number, "1798675200000", true),
            ("ends", ShapeKind::Number, "1798675200", true),
            ("x", ShapeKind::Number, "4915112345678", false),
            ("x", ShapeKind::TextNumber, "4165550123", false),
            ("x", ShapeKind::Text, "Anna Schmidt", false),
            ("x", ShapeKind::Text, "anna@acme.example", false),
            ("x", ShapeKind::Text, "+49 151 12345678", false),
            ("x", ShapeKind::Text, "Main Street 5", false),
            ("x", ShapeKind::Text, "wants to leave soon, call back", false),
            ("x", ShapeKind::Text, "https://acme.example", false),
            ("x", ShapeKind::Text, "0061x00000AbCdE", false),
            ("champion_name", ShapeKind::Text, "gold", false),
            ("E-Mail", ShapeKind::Text, "gold", false),
            ("birthday", ShapeKind::Date, "1980-01-02", false),
            ("x", ShapeKind::List, "[]", false),
        ] {
            assert_eq!(shown(attribute, shape, value), expected, "{attribute}: {value}");
        }
        // A text that few rows share may be anything.
        assert!(!may_be_shown("plan", ShapeKind::Text, "enterprise", 2, 3));
        assert!(!may_be_shown("plan", ShapeKind::Text, "enterprise", 5, 1_000));
    }

    #[test]
    fn a_shape_is_written_by_its_key() {
        for shape in ShapeKind::ALL {
            assert_eq!(serde_json::to_value(shape).ok(), Some(shape.key().into()));
        }
    }
}
