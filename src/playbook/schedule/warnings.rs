//! Schedules that can be read and are likely not what was meant.

use super::fields::CronFields;
use super::unit::MONTH_NAMES;

/// What is likely not meant about a schedule, for somebody who does not program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleWarning {
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// 1-based column of the field in the text, in characters.
    pub column: usize,
}

/// The most days of each month, from January; the 29th of February is looked at by itself.
const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Everything doubtful about a schedule. One that cannot be read has errors instead.
pub fn warnings(text: &str) -> Vec<ScheduleWarning> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (Ok(fields), [_, hour, day, month, weekday]) = (CronFields::parse(text), &words[..]) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if fields.minutes.allowed.len() == 60 && fields.hours.allowed.len() < 24 {
        let hours = if fields.hours.allowed.len() == 1 { "that hour" } else { "each of its hours" };
        found.push(ScheduleWarning {
            message: format!("this is due at every minute of {hours}: sixty runs"),
            help: format!("did you mean \"0 {hour} {day} {month} {weekday}\"?"),
            column: fields.minute_column,
        });
    }
    if !fields.days.starred && !fields.weekdays.starred {
        found.push(ScheduleWarning {
            message: format!("both day fields are set, and either is enough: on each day `{day}` of a month and also on each `{weekday}`"),
            help: format!("for days that are both, write `*` for the day of the month, and ask for it in `when`, such as \
                `day(now) <= 7` with \"{} {hour} * {month} {weekday}\"", words[0]),
            column: fields.column,
        });
    }
    if !fields.days.starred {
        found.extend(missing_day(&fields));
    }
    found
}

/// The last of the days that some of the months do not have. Who names the end of
/// each month, as with `28-31`, knows that they differ.
fn missing_day(fields: &CronFields) -> Option<ScheduleWarning> {
    let last = *fields.days.allowed.last()?;
    let is_short = |month: &&u32| {
        let most = DAYS[(**month as usize).saturating_sub(1) % 12];
        last > most && !fields.days.allowed.contains(&most)
    };
    let months: Vec<&str> =
        fields.months.allowed.iter().filter(is_short).map(|month| MONTH_NAMES[(*month as usize - 1) % 12]).collect();
    let (final_month, before) = months.split_last()?;
    let months = match before {
        [] => (*final_month).to_owned(),
        before => format!("{} and {final_month}", before.join(", ")),
    };
    let but = if last == 29 { ", but for leap years" } else { "" };
    Some(ScheduleWarning {
        message: format!("day {last} is left out in months that lack it: {months}{but}"),
        help: "choose a day between 1 and 28, which every month has".to_owned(),
        column: fields.column,
    })
}
