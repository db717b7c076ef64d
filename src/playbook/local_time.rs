//! From the clock on somebody's wall to an instant, also on the two nights a
//! year when that clock is changed.

use chrono::{LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::clock::Instant;

/// The instant at which clocks in `zone` show `local`.
///
/// A local time that occurs twice is its first occurrence; one that a clock
/// change skips is the first valid instant after the gap. So a later local
/// time never maps to an earlier instant.
pub fn instant(zone: Tz, local: NaiveDateTime) -> Instant {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(only) => only.with_timezone(&Utc),
        LocalResult::Ambiguous(one, other) => one.min(other).with_timezone(&Utc),
        LocalResult::None => end_of_gap(zone, local),
    }
}

/// What clocks in `zone` show at `instant`.
pub fn wall(zone: Tz, instant: Instant) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

/// The calendar date in `zone` at `instant`.
pub fn date(zone: Tz, instant: Instant) -> NaiveDate {
    wall(zone, instant).date()
}

/// How far the clock was set back when `instant` lies in the second pass of a
/// repeated hour; zero otherwise.
pub(super) fn set_back(zone: Tz, instant: Instant) -> TimeDelta {
    match zone.from_local_datetime(&wall(zone, instant)) {
        LocalResult::Ambiguous(one, other) if instant == one.max(other) => one.max(other) - one.min(other),
        _ => TimeDelta::zero(),
    }
}

/// The moment of the clock change that skips `local`: the first second at
/// which the clock shows something later.
fn end_of_gap(zone: Tz, local: NaiveDateTime) -> Instant {
    // No zone is further than 26 hours from UTC, so the change lies between.
    let wanted = local.and_utc().timestamp();
    let (mut before, mut after) = (wanted - 26 * 3_600, wanted + 26 * 3_600);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let later = Utc.timestamp_opt(middle, 0).single().is_none_or(|moment| wall(zone, moment) > local);
        if later {
            after = middle;
        } else {
            before = middle;
        }
    }
    Utc.timestamp_opt(after, 0).single().unwrap_or(chrono::DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: Tz, local: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").expect("a valid time");
        instant(zone, local).format("%Y-%m-%dT%H:%MZ").to_string()
    }

    #[test]
    fn skipped_times_are_the_first_valid_instant_after() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(at(berlin, "2027-03-28 01:59"), "2027-03-28T00:59Z");
        for skipped in ["02:00", "02:30", "02:59", "03:00"] {
            assert_eq!(at(berlin, &format!("2027-03-28 {skipped}")), "2027-03-28T01:00Z");
        }
        // Half an hour is skipped.
        let lord_howe = chrono_tz::Australia::Lord_Howe;
        assert_eq!(at(lord_howe, "2026-10-04 02:10"), "2026-10-03T15:30Z");
        // Midnight is skipped.
        let santiago = chrono_tz::America::Santiago;
        assert_eq!(at(santiago, "2026-09-06 00:30"), "2026-09-06T04:00Z");
        // A whole day is skipped.
        let apia = chrono_tz::Pacific::Apia;
        assert_eq!(at(apia, "2011-12-30 12:00"), "2011-12-30T10:00Z");
    }

    #[test]
    fn repeated_times_are_their_first_occurrence() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(at(berlin, "2026-10-25 02:30"), "2026-10-25T00:30Z");
        let first = instant(berlin, "2026-10-25T02:30:00".parse().expect("a valid time"));
        assert_eq!(set_back(berlin, first), TimeDelta::zero());
        let hour = TimeDelta::hours(1);
        assert_eq!(set_back(berlin, first + hour), hour);
        assert_eq!(set_back(berlin, first + hour * 2), TimeDelta::zero());
    }
}
