//! A crontab line: its five fields and how they combine.

use std::collections::BTreeSet;

use super::ScheduleError;
use super::unit::{Field, UNITS};
use crate::diagnostic::nearest;

/// What `@` stands for; the first four are what authors are told of.
const SHORTHANDS: &[(&str, &str)] =
    &[("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@weekly", "0 0 * * 0"), ("@monthly", "0 0 1 * *")];

/// A whole line.
pub(super) struct CronFields {
    pub(super) minutes: Field,
    pub(super) hours: Field,
    pub(super) days: Field,
    pub(super) months: Field,
    pub(super) weekdays: Field,
    /// The column of the minute field.
    pub(super) minute_column: usize,
    /// The column of the day-of-month field.
    pub(super) column: usize,
}

impl CronFields {
    pub(super) fn parse(text: &str) -> Result<CronFields, ScheduleError> {
        let words = words(text);
        let Some(&(column, first)) = words.first() else {
            return Err(wrong_count(0, 1));
        };
        if first.starts_with('@') {
            let line = shorthand(column, first, words.get(1).copied())?;
            return CronFields::parse(line).map(|fields| CronFields { column, ..fields });
        }
        let [minute, hour, day, month, weekday] = words[..] else {
            let column = words.get(5).map_or(column, |(column, _)| *column);
            return Err(wrong_count(words.len(), column));
        };
        let read = |index: usize, (column, word): (usize, &str)| {
            UNITS[index].read(word).map_err(|(message, help)| ScheduleError { message, help, column })
        };
        Ok(CronFields {
            minutes: read(0, minute)?,
            hours: read(1, hour)?,
            days: read(2, day)?,
            months: read(3, month)?,
            weekdays: read(4, weekday)?,
            minute_column: minute.0,
            column: day.0,
        })
    }

    /// The expressions of the `cron` crate (seconds first, Sunday is 1, both
    /// day fields must match) which together are due when this line is.
    pub(super) fn calendars(&self) -> Vec<String> {
        let all = &Field { allowed: BTreeSet::new(), starred: true };
        if self.days.starred || self.weekdays.starred {
            vec![self.calendar(&self.days, &self.weekdays)]
        } else {
            vec![self.calendar(&self.days, all), self.calendar(all, &self.weekdays)]
        }
    }

    fn calendar(&self, days: &Field, weekdays: &Field) -> String {
        format!(
            "0 {} {} {} {} {}",
            list(&self.minutes, 0),
            list(&self.hours, 0),
            list(days, 0),
            list(&self.months, 0),
            list(weekdays, 1),
        )
    }

    /// The error for days that no month of the list has.
    pub(super) fn never(&self) -> ScheduleError {
        let first_day = self.days.allowed.first().copied().unwrap_or_default();
        ScheduleError {
            message: format!("this schedule is never due: none of its months has a day {first_day}"),
            help: Some("choose a day between 1 and 28, which every month has".to_owned()),
            column: self.column,
        }
    }
}

fn list(field: &Field, shift: u32) -> String {
    if field.allowed.is_empty() {
        return "*".to_owned();
    }
    let numbers: Vec<String> = field.allowed.iter().map(|number| (number + shift).to_string()).collect();
    numbers.join(",")
}

/// The words of a text with the 1-based column of each, in characters.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (column, (offset, character)) in text.char_indices().enumerate() {
        match (start, character.is_whitespace()) {
            (None, false) => start = Some((column + 1, offset)),
            (Some((column, from)), true) => {
                words.push((column, &text[from..offset]));
                start = None;
            }
            _ => {}
        }
    }
    if let Some((column, from)) = start {
        words.push((column, &text[from..]));
    }
    words
}

fn wrong_count(found: usize, column: usize) -> ScheduleError {
    let help = if found > 5 {
        "seconds and years are not part of a schedule: \"0 9 * * mon-fri\" is 09:00 on weekdays"
    } else {
        "\"0 9 * * mon-fri\" is 09:00 on weekdays; `*` stands for every value of a field"
    };
    ScheduleError {
        message: format!(
            "a schedule has five fields (minute, hour, day of month, month, day of week), \
             and this has {}",
            match found {
                0 => "none".to_owned(),
                1 => "only one".to_owned(),
                _ => found.to_string(),
            }
        ),
        help: Some(help.to_owned()),
        column,
    }
}

fn shorthand(column: usize, word: &str, next: Option<(usize, &str)>) -> Result<&'static str, ScheduleError> {
    let known = || SHORTHANDS.iter().map(|(name, _)| *name);
    let lower = word.to_lowercase();
    let error = |message: String, help: String| {
        let help = Some(help);
        Err(ScheduleError { message, help, column })
    };
    match (lower.as_str(), next) {
        ("@every", _) => error(
            "`@every` is not part of a schedule".to_owned(),
            "\"*/15 * * * *\" is every 15 minutes, \"0 */2 * * *\" every two hours".to_owned(),
        ),
        ("@reboot", _) => error(
            "`@reboot` has no meaning here: a playbook is due at times of the clock".to_owned(),
            format!("use one of {}, or five fields", one_of(known())),
        ),
        ("@yearly" | "@annually", None) => error(
            format!("`{word}` is not one of the known schedules"),
            "write \"0 0 1 1 *\", midnight on the 1st of January".to_owned(),
        ),
        ("@midnight", None) => error(
            "`@midnight` is not one of the known schedules".to_owned(),
            "write @daily, which is midnight of every day".to_owned(),
        ),
        (_, Some((column, extra))) => Err(ScheduleError {
            message: format!("nothing may follow `{word}`, and here is `{extra}`"),
            help: Some("use either the word alone or five fields".to_owned()),
            column,
        }),
        (lower, None) => match SHORTHANDS.iter().find(|(name, _)| *name == lower) {
            Some((_, line)) => Ok(line),
            None => error(
                format!("`{word}` is not one of the known schedules"),
                match nearest(lower, known()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("use one of {}, or five fields", one_of(known())),
                },
            ),
        },
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
