//! One of the five places of a crontab line: its numbers, names and ranges.

use std::collections::BTreeSet;

use crate::diagnostic::nearest;

/// The meaning of one of the five places.
pub(super) struct Unit {
    /// As it is called in messages.
    name: &'static str,
    min: u32,
    max: u32,
    /// Three-letter names of `min`, `min + 1`, ….
    names: &'static [&'static str],
    /// The other end of `max`: ranges may wrap around.
    wraps: bool,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
pub(super) const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) const UNITS: [Unit; 5] = [
    unit("minute", 0, 59, &[], false),
    unit("hour", 0, 23, &[], false),
    unit("day-of-month", 1, 31, &[], false),
    unit("month", 1, 12, MONTHS, true),
    unit("day-of-week", 0, 7, WEEKDAYS, true),
];

const fn unit(name: &'static str, min: u32, max: u32, names: &'static [&'static str], wraps: bool) -> Unit {
    Unit { name, min, max, names, wraps }
}

/// One field's allowed numbers; weekdays are 0 (Sunday) to 6.
pub(super) struct Field {
    pub(super) allowed: BTreeSet<u32>,
    /// It starts with `*`, which decides how the two day fields combine.
    pub(super) starred: bool,
}

/// Message and help.
pub(super) type Wrong = (String, Option<String>);

impl Unit {
    /// The numbers of one comma-separated list.
    pub(super) fn read(&self, word: &str) -> Result<Field, Wrong> {
        let mut allowed = BTreeSet::new();
        for item in word.split(',') {
            self.read_item(item, word, &mut allowed)?;
        }
        Ok(Field { allowed, starred: word.starts_with('*') })
    }

    /// One of a list's items: `*`, `5`, `mon`, `1-5`, `*/2` or `1-5/2`.
    fn read_item(&self, item: &str, word: &str, into: &mut BTreeSet<u32>) -> Result<(), Wrong> {
        if item.is_empty() {
            return Err((
                format!("the {} field `{word}` has a comma with nothing beside it", self.name),
                Some("separate values with single commas and no spaces: 1,15".to_owned()),
            ));
        }
        self.refuse_extensions(item)?;
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.last()),
            Some((first, last)) => {
                let (first, last) = (self.value(first, item)?, self.value(last, item)?);
                // As a start, 7 is the Sunday before Monday.
                let before_monday = self.max == 7 && first == 7 && last != 7;
                (if before_monday { 0 } else { first }, last)
            }
            None if step.is_some() => {
                return Err((
                    format!("`{item}` in the {} field has a step without a range", self.name),
                    Some(format!(
                        "write {range}-{}/{} to count from {range}, or */{} to count from the start",
                        self.last(),
                        step.unwrap_or(1),
                        step.unwrap_or(1)
                    )),
                ));
            }
            None => {
                let value = self.value(range, item)?;
                (value, value)
            }
        };
        if first > last && !self.wraps {
            return Err((
                format!("the range `{range}` in the {} field runs backwards", self.name),
                Some(format!("write {first}-{},{}-{last}", self.last(), self.min)),
            ));
        }
        let step = step.unwrap_or(1) as usize;
        let numbers: Vec<u32> = if first <= last {
            (first..=last).collect()
        } else {
            (first..=self.last()).chain(self.min..=last).collect()
        };
        into.extend(numbers.into_iter().step_by(step).map(|n| if self.max == 7 { n % 7 } else { n }));
        Ok(())
    }

    /// The last value that is not another name of the first.
    fn last(&self) -> u32 {
        if self.max == 7 { 6 } else { self.max }
    }

    fn step(&self, item: &str, step: &str) -> Result<u32, Wrong> {
        let most = self.last() - self.min + 1;
        match step.parse::<u32>() {
            Ok(number) if (1..=most).contains(&number) && is_number(step) => Ok(number),
            _ => Err((
                format!("the step of `{item}` in the {} field must be a number from 1 to {most}", self.name),
                Some("*/2 is every second value, */15 every fifteenth".to_owned()),
            )),
        }
    }

    fn value(&self, text: &str, item: &str) -> Result<u32, Wrong> {
        let lower = text.to_lowercase();
        if let Some(index) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.min + index as u32);
        }
        if is_number(text) {
            return match text.parse::<u32>() {
                Ok(number) if (self.min..=self.max).contains(&number) => Ok(number),
                _ => Err((
                    format!(
                        "{text} is out of range: the {} field goes from {} to {}{}",
                        self.name,
                        self.min,
                        self.max,
                        if self.max == 7 { " (0 and 7 are Sunday)" } else { "" }
                    ),
                    (self.name == "hour" && text == "24").then(|| "midnight is hour 0".to_owned()),
                )),
            };
        }
        let range = format!("{} to {}", self.min, self.max);
        let wanted = match self.names {
            [first, .., last] => format!("numbers from {range} or names from {first} to {last}"),
            _ => format!("numbers from {range}"),
        };
        if text.is_empty() {
            return Err((
                format!("`{item}` in the {} field is incomplete", self.name),
                Some(format!("the field takes {wanted}, ranges such as 1-5 and steps such as */2")),
            ));
        }
        Err((
            format!("`{text}` is not a value of the {} field, which takes {wanted}", self.name),
            self.suggestion(&lower),
        ))
    }

    fn suggestion(&self, lower: &str) -> Option<String> {
        if self.names.is_empty() {
            let elsewhere = UNITS.iter().find(|unit| unit.names.contains(&lower))?;
            return Some(format!("`{lower}` belongs in the {} field", elsewhere.name));
        }
        // "monday" and "tues" begin with the name; "mno" is a slip of the finger.
        let begins = self.names.iter().copied().find(|name| lower.starts_with(name));
        let near = begins.or_else(|| nearest(lower, self.names.iter().copied()))?;
        Some(format!("did you mean {near}?"))
    }

    /// Signs of other schedulers, each with what to do instead.
    fn refuse_extensions(&self, item: &str) -> Result<(), Wrong> {
        let says = |what: &str| format!("`{item}` in the {} field: {what} is not part of a schedule", self.name);
        let upper = item.to_uppercase();
        let is_day = self.min == 1 && self.max == 31 || self.max == 7;
        let bare = |letter: char| {
            is_day
                && upper.contains(letter)
                && upper.chars().all(|c| c == letter || "LW-/".contains(c) || c.is_ascii_digit())
        };
        if item == "?" {
            Err((says("`?`"), Some("write * for any value".to_owned())))
        } else if item.contains('#') {
            Err((
                says("`#` (the second Monday of a month and the like)"),
                Some("name a weekday or a date: \"0 9 * * mon\" is every Monday".to_owned()),
            ))
        } else if bare('W') {
            Err((
                says("`W` (the working day nearest to a date)"),
                Some("use weekdays such as mon-fri, or a fixed day".to_owned()),
            ))
        } else if bare('L') {
            Err((
                says("`L` (the last day)"),
                Some("use the 1st of the next month, or day 28, which every month has".to_owned()),
            ))
        } else if item.contains(['?', '%', '~', '+']) || upper == "H" || upper.starts_with("H/") {
            Err((says("this sign"), Some("use numbers, lists (1,15), ranges (1-5) and steps (*/2)".to_owned())))
        } else {
            Ok(())
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
