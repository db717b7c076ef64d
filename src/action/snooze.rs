//! Tasks that a person puts off.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::task::ESCALATED_AFTER;
use crate::clock::Instant;
use crate::playbook::calendar::Calendar;
use crate::playbook::{Duration, local_time};

/// A task put off by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snooze {
    pub until: Instant,
    /// The earliest time at which the manager is notified.
    pub escalate_at: Instant,
}

impl Snooze {
    /// Reads an instant (RFC 3339), a date (its first moment in `zone`) or a
    /// duration from `now`, in the calendar of whoever has the task. `None` when
    /// it is none of these, or not after `now`.
    pub fn read(text: &str, now: Instant, calendar: &Calendar, zone: Tz) -> Option<Snooze> {
        let text = text.trim();
        let instant = chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        let date = || text.parse().ok().map(|date: NaiveDate| local_time::instant(zone, date.and_time(NaiveTime::MIN)));
        let after = || Duration::parse(text).map(|span| calendar.add(now, span, zone));
        let until = instant.or_else(date).or_else(after).filter(|until| *until > now)?;
        // Postgres knows no later instants than a few hundred thousand years.
        let sane = until - now < chrono::Duration::days(36_500);
        sane.then(|| Snooze { until, escalate_at: calendar.add(until, ESCALATED_AFTER, zone) })
    }
}
