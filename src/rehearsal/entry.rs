//! An entry of `expect:` as text: what is expected, and what happened.

use std::fmt;

use super::happened::Occurrence;
use crate::playbook::case::{Expectation, Expected};

/// One entry of `expect:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    after: i64,
    /// The key that says what happens, with its value.
    key: &'static str,
    value: String,
    to: Option<String>,
    variant: Option<String>,
    subject: Option<String>,
    contains: Option<String>,
}

impl Entry {
    /// As the case has it.
    pub fn of_expectation(expectation: &Expectation) -> Entry {
        let (key, value) = match &expectation.expected {
            Expected::Step { id, form } => (form.key, id.clone()),
            Expected::Ended(word) => ("ended", word.clone()),
            Expected::Undecided => ("undecided", "true".to_owned()),
        };
        let Expectation { after, to, variant, subject, contains, .. } = expectation.clone();
        Entry { after, key, value, to, variant, subject, contains }
    }

    /// What would expect that, in no more detail than whom it went to.
    pub fn of_occurrence(occurrence: &Occurrence) -> Entry {
        let (key, value) = match occurrence.as_expected() {
            (Some(key), id) => (key, id),
            (None, _) if occurrence.is_undecided() => ("undecided", "true".to_owned()),
            (None, word) => ("ended", word),
        };
        let to = occurrence.first_name().map(str::to_owned);
        Entry { after: occurrence.after, key, value, to, variant: None, subject: None, contains: None }
    }

    /// As the case has it, with what is not so put right.
    pub fn mended(expectation: &Expectation, occurrence: &Occurrence) -> Entry {
        let found = Entry::of_occurrence(occurrence);
        let is_right = |to: &String| occurrence.went_to(to);
        // An end has several words.
        let (key, value) = match occurrence.is(&expectation.expected) {
            true => {
                let stated = Entry::of_expectation(expectation);
                (stated.key, stated.value)
            }
            false => (found.key, found.value.clone()),
        };
        Entry {
            key,
            value,
            to: expectation.to.clone().map(|to| if is_right(&to) { to } else { found.to.clone().unwrap_or(to) }),
            variant: expectation.variant.as_ref().and(occurrence.variant()).map(str::to_owned),
            subject: expectation.subject.as_ref().and(occurrence.subject()).map(str::to_owned),
            contains: expectation.contains.as_ref().and_then(|text| nearest_line(text, occurrence)),
            ..found
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ after: {}, {}: {}", offset(self.after), self.key, scalar(&self.value))?;
        for (key, value) in
            [("to", &self.to), ("variant", &self.variant), ("subject", &self.subject), ("contains", &self.contains)]
        {
            if let Some(value) = value {
                write!(f, ", {key}: {}", scalar(value))?;
            }
        }
        f.write_str(" }")
    }
}

/// The text itself where it stands there; else the line of what was written
/// that has most of its words, or is most like it.
fn nearest_line(text: &str, occurrence: &Occurrence) -> Option<String> {
    if occurrence.contains(text) {
        return Some(text.to_owned());
    }
    let lines = occurrence.text().lines().map(str::trim).filter(|line| !line.is_empty());
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let wanted = words(text);
    let likeness = |line: &str| {
        let common = words(line).iter().filter(|word| wanted.contains(word)).count();
        (common, (strsim::normalized_damerau_levenshtein(text, line) * 1e6) as u64)
    };
    lines.max_by_key(|line| likeness(line)).map(str::to_owned)
}

/// `2d`, `6h`, `90m`, `30s`: in the largest unit that fits.
fn offset(seconds: i64) -> String {
    let unit = [("d", 86_400), ("h", 3_600), ("m", 60)].into_iter().find(|(_, length)| seconds % length == 0);
    let (unit, length) = unit.unwrap_or(("s", 1));
    format!("{}{unit}", seconds / length)
}

/// A value inside of braces: a plain word, else in double quotes.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_@.".contains(c))
        && !["null", "Null", "NULL", "True", "TRUE", "false", "False", "FALSE"].contains(&text);
    if is_word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_they_are_read() {
        assert_eq!([0, 86_400, 5_400, 7_200, 90_061].map(offset), ["0d", "1d", "90m", "2h", "90061s"]);
        assert_eq!(
            ["call", "a@b.example", "won back", "1st", "a \"b\"", "null"].map(scalar),
            ["call", "a@b.example", "\"won back\"", "\"1st\"", "\"a \\\"b\\\"\"", "\"null\""]
        );
    }
}
