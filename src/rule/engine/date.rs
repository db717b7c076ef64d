//! Times that are dates of the store or stand in texts, while an expression is
//! evaluated.
//!
//! A column may hold a date, as its midnight in UTC. Expressions compare it as
//! the instant at which that day begins in the playbook's zone; printed, it is
//! the same date for every reader. So a value carries how far its date's
//! midnight in UTC lies from it, in the tag that Rhai keeps with a value.

use chrono::{Duration, NaiveTime};
use chrono_tz::Tz;
use rhai::Dynamic;

use super::unfit::shorten;
use super::value::text;
use crate::clock::Instant;
use crate::facts::time::begins;
use crate::playbook::local_time;
use crate::timestamp::Timestamp;

/// Added to the distance, so that a date at no distance has a tag as well.
const IS_DATE: i64 = 1_000_000;

/// A time that a column holds.
pub(crate) fn of_column(at: Instant, zone: Tz) -> Dynamic {
    let begins = begins(at, zone);
    let mut value = Dynamic::from(begins);
    if at.time() == NaiveTime::MIN {
        value.set_tag(i32::try_from((at - begins).num_seconds() + IS_DATE).unwrap_or_default());
    }
    value
}

/// A time that stands in a text; what names no zone is in the playbook's.
pub(crate) fn of_timestamp(time: Timestamp, zone: Tz) -> Dynamic {
    match time {
        Timestamp::Date(_) => of_column(time.in_utc(), zone),
        Timestamp::Local(local) => Dynamic::from(local_time::instant(zone, local)),
        Timestamp::Instant(at) => Dynamic::from(at),
    }
}

/// A value where a time is needed: a time, or a text that is one; `None` of any
/// other kind.
///
/// # Errors
/// When it is a text that is no time: the text and what is wrong with it.
pub(crate) fn read(value: &Dynamic, zone: Tz) -> Result<Option<Dynamic>, String> {
    if value.is::<Instant>() {
        return Ok(Some(value.clone()));
    }
    let Some(text) = text(value) else { return Ok(None) };
    match Timestamp::parse(&text) {
        Ok(time) => Ok(Some(of_timestamp(time, zone))),
        Err(why) => Err(format!("{} {why}", shorten(&text))),
    }
}

/// A time moved by a span; a date moved by whole days stays one.
pub(crate) fn carry(from: &Dynamic, to: Instant) -> Dynamic {
    let mut value = Dynamic::from(to);
    value.set_tag(from.tag());
    value
}

/// The midnight in UTC of the date that a time is; `None` of another time.
pub(crate) fn date(value: &Dynamic, at: Instant) -> Option<Instant> {
    let distance = i64::from(value.tag());
    let midnight = at.checked_add_signed(Duration::try_seconds(distance - IS_DATE)?)?;
    (distance != 0 && midnight.time() == NaiveTime::MIN).then_some(midnight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        chrono::DateTime::parse_from_rfc3339(text).expect("a fixed instant").to_utc()
    }

    #[test]
    fn a_date_is_known_again_wherever_its_day_begins() {
        for zone in [chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::Pacific::Honolulu] {
            let value = of_column(at("2026-10-20T00:00:00Z"), zone);
            let begins = value.clone().cast::<Instant>();
            assert_eq!(date(&value, begins), Some(at("2026-10-20T00:00:00Z")), "{zone}");
            // The clocks change on the 25th.
            let later = begins + Duration::days(10);
            assert_eq!(date(&carry(&value, later), later), Some(at("2026-10-30T00:00:00Z")), "{zone}");
            let later = begins + Duration::hours(10);
            assert_eq!(date(&carry(&value, later), later), None, "{zone}");
            let instant = of_column(at("2026-10-20T09:00:00Z"), zone);
            assert_eq!(date(&instant, at("2026-10-20T09:00:00Z")), None, "{zone}");
            assert_eq!(date(&Dynamic::from(begins), begins), None, "{zone}");
        }
    }
}
