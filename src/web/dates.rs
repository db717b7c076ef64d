//! Instants and days, in the reader's zone and language.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::language::PageLanguage;
use crate::clock::Instant;

/// `5 Mar 2026, 09:00` in the reader's zone and language.
pub(super) fn moment(at: Instant, zone: Tz) -> String {
    let (day, time) = (short_date(at, zone), at.with_timezone(&zone).format("%H:%M"));
    match PageLanguage::current() {
        PageLanguage::English => format!("{day}, {time}"),
        PageLanguage::Chinese => format!("{day} {time}"),
    }
}

/// `5 Mar 2026` in the reader's zone and language.
pub(super) fn short_date(at: Instant, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    match PageLanguage::current() {
        PageLanguage::English => at.format("%-d %b %Y").to_string(),
        other => other.dates().date(&at),
    }
}

/// `5 March 2026` in the reader's zone and language.
pub(super) fn date(at: Instant, zone: Tz) -> String {
    PageLanguage::current().dates().date(&at.with_timezone(&zone))
}

/// `Thu 5 March`, with the year where it is wanted, in the reader's language.
pub(super) fn weekday_date(day: NaiveDate, with_year: bool) -> String {
    match (PageLanguage::current(), with_year) {
        (PageLanguage::English, false) => day.format("%a %-d %B").to_string(),
        (PageLanguage::English, true) => day.format("%a %-d %B %Y").to_string(),
        (other, _) => other.dates().weekday_date(&day, with_year),
    }
}

/// `March 2026` in the reader's language.
pub(super) fn month(day: &impl Datelike) -> String {
    PageLanguage::current().dates().month_of_year(day)
}
