//! When a playbook is due: crontab(5) in a time zone.
//!
//! The `cron` crate finds matching times on a calendar without clock changes;
//! this adapter gives it crontab's day numbers and its rule for the two day
//! fields, and maps what it finds to instants.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::local_time;
use crate::clock::Instant;

mod fields;
mod unit;
mod warnings;

use fields::CronFields;
pub use warnings::{ScheduleWarning, warnings};

/// A schedule in its time zone. Its slots are whole minutes of local time.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// One calendar, or two when either day field may match.
    calendars: Vec<cron::Schedule>,
    zone: Tz,
}

/// Why a text is not a schedule, for somebody who does not program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    pub message: String,
    /// What to write instead, when it can be said.
    pub help: Option<String>,
    /// 1-based column of the offending field in the text, in characters.
    pub column: usize,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScheduleError {}

impl Schedule {
    /// Reads five crontab fields or `@hourly`, `@daily`, `@weekly`, `@monthly`.
    ///
    /// A schedule that can never be due, such as the 31st of February, is an error.
    pub fn parse(text: &str, zone: Tz) -> Result<Schedule, ScheduleError> {
        let fields = CronFields::parse(text)?;
        let mut calendars = Vec::new();
        for expression in fields.calendars() {
            // What remains to be refused here would be a mistake of `fields`;
            // the author still gets a place and a message.
            calendars.push(expression.parse().map_err(|error| ScheduleError {
                message: format!("this schedule cannot be read: {error}"),
                help: None,
                column: fields.column,
            })?);
        }
        let schedule = Schedule { calendars, zone };
        // Every day of every month falls on every weekday within 40 years.
        if schedule.next_local(DateTime::UNIX_EPOCH.naive_utc()).is_none() {
            return Err(fields.never());
        }
        Ok(schedule)
    }

    /// The zone in which its fields are read.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first slot strictly later than `after`; `None` from the year 2101 on.
    ///
    /// A local time that a clock change skips is due once, at the first valid
    /// minute after; one that occurs twice is due at its first occurrence only.
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        // Whatever the clock showed earlier was due at `after` or before, as
        // mapping keeps the order. In the second pass of a repeated hour the
        // coming local times were already due; these are passed over.
        let mut local = local_time::wall(self.zone, after);
        loop {
            local = self.next_local(local)?;
            let slot = local_time::instant(self.zone, local);
            if slot > after {
                return Some(slot);
            }
        }
    }

    /// The slots in `after_exclusive < slot <= until_inclusive` in order, the
    /// first `at_most` of them.
    pub fn slots_between(&self, after_exclusive: Instant, until_inclusive: Instant, at_most: usize) -> Vec<Instant> {
        std::iter::successors(self.next_after(after_exclusive), |slot| self.next_after(*slot))
            .take_while(|slot| *slot <= until_inclusive)
            .take(at_most)
            .collect()
    }

    /// The last slot in `after_exclusive < slot <= until_inclusive`, found from
    /// the end: its cost does not grow with the length of the gap.
    pub fn latest_between(&self, after_exclusive: Instant, until_inclusive: Instant) -> Option<Instant> {
        // In the second pass of a repeated hour, all local times up to the end
        // of the first pass have been due.
        let mut local = local_time::wall(self.zone, until_inclusive)
            + local_time::set_back(self.zone, until_inclusive)
            + TimeDelta::seconds(1);
        loop {
            local = self.previous_local(local)?;
            let slot = local_time::instant(self.zone, local);
            if slot <= until_inclusive {
                return (slot > after_exclusive).then_some(slot);
            }
        }
    }

    /// The first matching local time strictly later than `local`.
    fn next_local(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        self.calendars
            .iter()
            .filter_map(|calendar| calendar.after(&as_if_utc(local)).next())
            .map(|found| found.naive_utc())
            .min()
    }

    /// The last matching local time strictly earlier than the second of `local`.
    fn previous_local(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let whole = local.with_nanosecond(0).unwrap_or(local);
        self.calendars
            .iter()
            .filter_map(|calendar| calendar.after(&as_if_utc(whole)).next_back())
            .map(|found| found.naive_utc())
            .max()
    }
}

/// `cron` iterates out of order across clock changes, so it is only ever shown
/// a zone that has none.
fn as_if_utc(local: NaiveDateTime) -> DateTime<Utc> {
    local.and_utc()
}
