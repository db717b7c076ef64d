//! The time functions of expressions and templates, on instants.
//!
//! A day is 24 hours here, as in the SQL: counts are whole units, rounded down.

use chrono::{Datelike, Duration, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::clock::Instant;
use crate::playbook::local_time;

/// When what a column holds begins. A date is stored as its midnight in UTC;
/// it is that day in every zone, and begins with the day there.
pub fn begins(t: Instant, zone: Tz) -> Instant {
    if t.time() == NaiveTime::MIN { local_time::instant(zone, t.naive_utc()) } else { t }
}

/// Whole days from `t` to `now`, rounded down; negative when `t` lies ahead.
pub fn days_since(now: Instant, t: Instant) -> i64 {
    floor_div(now - t, Duration::days(1))
}

/// Whole days from `now` to `t`, rounded down.
pub fn days_until(now: Instant, t: Instant) -> i64 {
    floor_div(t - now, Duration::days(1))
}

/// Whole hours from `t` to `now`, rounded down.
pub fn hours_since(now: Instant, t: Instant) -> i64 {
    floor_div(now - t, Duration::hours(1))
}

/// Whole hours from `now` to `t`, rounded down.
pub fn hours_until(now: Instant, t: Instant) -> i64 {
    floor_div(t - now, Duration::hours(1))
}

/// 1 (January) to 12, in the zone.
pub fn month(t: Instant, zone: Tz) -> i64 {
    i64::from(zone.from_utc_datetime(&t.naive_utc()).month())
}

/// 1 to 31, the day of the month, in the zone.
pub fn day(t: Instant, zone: Tz) -> i64 {
    i64::from(zone.from_utc_datetime(&t.naive_utc()).day())
}

/// 1 (Monday) to 7 (Sunday), in the zone.
pub fn weekday(t: Instant, zone: Tz) -> i64 {
    i64::from(zone.from_utc_datetime(&t.naive_utc()).weekday().number_from_monday())
}

/// The calendar period an instant lies in: `2026-W08`, `2026-02`, `2026-Q1`
/// or `2026`. Weeks are ISO weeks. `None` for an unknown unit.
pub fn period(now: Instant, unit: &str, zone: Tz) -> Option<String> {
    let date: NaiveDate = zone.from_utc_datetime(&now.naive_utc()).date_naive();
    Some(match unit {
        "week" => format!("{}-W{:02}", date.iso_week().year(), date.iso_week().week()),
        "month" => format!("{}-{:02}", date.year(), date.month()),
        "quarter" => format!("{}-Q{}", date.year(), date.month0() / 3 + 1),
        "year" => format!("{}", date.year()),
        _ => return None,
    })
}

fn floor_div(span: Duration, unit: Duration) -> i64 {
    let micros = |d: Duration| d.num_microseconds().unwrap_or_else(|| d.num_seconds().saturating_mul(1_000_000));
    micros(span).div_euclid(micros(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        chrono::DateTime::parse_from_rfc3339(text).expect("a fixed instant").to_utc()
    }

    #[test]
    fn days_are_whole_and_rounded_down() {
        let now = at("2026-03-02T09:00:00Z");
        assert_eq!(days_since(now, at("2026-02-28T09:00:00Z")), 2);
        assert_eq!(days_since(now, at("2026-02-28T09:00:01Z")), 1);
        assert_eq!(days_since(now, at("2026-03-02T09:00:01Z")), -1);
        assert_eq!(days_until(now, at("2026-03-03T08:59:59Z")), 0);
    }

    #[test]
    fn a_date_is_that_day_in_every_zone() {
        let date = at("2026-03-01T00:00:00Z");
        for (zone, begins_at) in [
            (chrono_tz::UTC, "2026-03-01T00:00:00Z"),
            (chrono_tz::America::New_York, "2026-03-01T05:00:00Z"),
            (chrono_tz::Pacific::Auckland, "2026-02-28T11:00:00Z"),
        ] {
            let begins = begins(date, zone);
            assert_eq!(begins, at(begins_at), "{zone}");
            // A Sunday, and the first of March.
            assert_eq!((month(begins, zone), weekday(begins, zone)), (3, 7), "{zone}");
        }
        // Clocks skip this midnight: the day begins an hour later.
        let skipped = begins(at("2026-09-06T00:00:00Z"), chrono_tz::America::Santiago);
        assert_eq!(skipped, at("2026-09-06T04:00:00Z"));
        let moment = at("2026-03-01T00:00:01Z");
        assert_eq!(begins(moment, chrono_tz::America::New_York), moment);
    }

    #[test]
    fn periods_follow_the_zone() {
        let new_year = at("2026-12-31T23:30:00Z");
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(period(new_year, "year", berlin).as_deref(), Some("2027"));
        assert_eq!(period(new_year, "quarter", chrono_tz::UTC).as_deref(), Some("2026-Q4"));
        assert_eq!(period(new_year, "week", chrono_tz::UTC).as_deref(), Some("2026-W53"));
    }
}
