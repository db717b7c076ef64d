//! Business days: Monday to Friday less the configured holidays.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

use super::{Duration, local_time};
use crate::clock::Instant;

/// The days on which nobody works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// First and last day of each holiday, both included, in any order.
    pub holidays: Vec<(NaiveDate, NaiveDate)>,
}

impl Calendar {
    /// Whether `date` is a Monday to Friday outside every holiday.
    pub fn is_business_day(&self, date: NaiveDate) -> bool {
        !self.is_weekend(date) && !self.is_holiday(date)
    }

    /// Whether `date` is a Saturday or a Sunday.
    pub fn is_weekend(&self, date: NaiveDate) -> bool {
        matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// Whether `date` lies in a holiday.
    pub fn is_holiday(&self, date: NaiveDate) -> bool {
        self.holiday(date).is_some()
    }

    /// The instant `span` after `from`.
    ///
    /// Seconds are elapsed time. Business days end at the same local time in
    /// `zone`; from a day off, one business day ends on the next business day.
    /// A local time that a clock change skips becomes the first valid one
    /// after it, one that occurs twice its first occurrence. Zero business
    /// days are no time at all.
    pub fn add(&self, from: Instant, span: Duration, zone: Tz) -> Instant {
        match span {
            Duration::Seconds(seconds) => TimeDelta::try_seconds(seconds)
                .and_then(|elapsed| from.checked_add_signed(elapsed))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            Duration::BusinessDays(0) => from,
            Duration::BusinessDays(days) => {
                let start = local_time::wall(zone, from);
                let mut date = start.date();
                for _ in 0..days {
                    date = self.next_business_day(date);
                }
                local_time::instant(zone, date.and_time(start.time()))
            }
        }
    }

    /// The first instant at or after `after_or_at` when clocks in `zone` show
    /// `time`, holiday or not. On a day that skips `time` it is the first
    /// valid instant after; on a day that has it twice, the first.
    pub fn next_local_time(&self, after_or_at: Instant, time: NaiveTime, zone: Tz) -> Instant {
        let mut date = local_date(after_or_at, zone);
        loop {
            let instant = local_time::instant(zone, date.and_time(time));
            if instant >= after_or_at {
                return instant;
            }
            match date.succ_opt() {
                Some(next) => date = next,
                None => return DateTime::<Utc>::MAX_UTC,
            }
        }
    }

    fn next_business_day(&self, mut date: NaiveDate) -> NaiveDate {
        // The calendar's end is no business day of anyone alive.
        while let Some(next) = date.succ_opt() {
            date = next;
            if self.is_business_day(date) {
                break;
            }
            // Leap over a long holiday at once.
            if let Some(last) = self.holiday(date) {
                date = last;
            }
        }
        date
    }

    /// The last day of a holiday that covers `date`.
    fn holiday(&self, date: NaiveDate) -> Option<NaiveDate> {
        self.holidays.iter().find(|(first, last)| (*first..=*last).contains(&date)).map(|(_, last)| *last)
    }
}

/// The calendar date in `zone` at `instant`.
pub fn local_date(instant: Instant, zone: Tz) -> NaiveDate {
    local_time::date(zone, instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::Santiago, Europe::Berlin, UTC};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a valid date")
    }

    fn instant(text: &str) -> Instant {
        text.parse().expect("a valid instant")
    }

    fn christmas() -> Calendar {
        Calendar { holidays: vec![(day("2026-12-25"), day("2026-12-25")), (day("2027-02-05"), day("2027-02-12"))] }
    }

    #[test]
    fn weekends_and_holidays_are_days_off() {
        let calendar = christmas();
        for (date, works) in [
            ("2026-12-24", true),
            ("2026-12-25", false),
            ("2026-12-26", false),
            ("2026-12-28", true),
            ("2027-02-04", true),
            ("2027-02-05", false),
            ("2027-02-12", false),
            ("2027-02-15", true),
        ] {
            assert_eq!(calendar.is_business_day(day(date)), works, "{date}");
        }
    }

    #[test]
    fn business_days_keep_the_local_time() {
        let calendar = christmas();
        for (from, days, to) in [
            // Thursday over Christmas and a weekend.
            ("2026-12-24T14:00:00Z", 1, "2026-12-28T14:00:00Z"),
            ("2026-12-24T14:00:00Z", 2, "2026-12-29T14:00:00Z"),
            // From a Saturday and from a holiday, one day is the next business day.
            ("2026-12-26T14:00:00Z", 1, "2026-12-28T14:00:00Z"),
            ("2026-12-25T14:00:00Z", 1, "2026-12-28T14:00:00Z"),
            ("2027-02-04T08:30:00Z", 1, "2027-02-15T08:30:00Z"),
            ("2026-12-26T14:00:00Z", 0, "2026-12-26T14:00:00Z"),
            // Friday 09:00 in Berlin to Monday 09:00, the clock having changed.
            ("2027-03-26T08:00:00Z", 1, "2027-03-29T07:00:00Z"),
            // Friday 23:30 UTC is already Saturday in Berlin.
            ("2026-11-20T23:30:00Z", 1, "2026-11-22T23:30:00Z"),
        ] {
            let span = Duration::BusinessDays(days);
            assert_eq!(calendar.add(instant(from), span, Berlin), instant(to), "{from} + {days}");
        }
    }

    #[test]
    fn business_days_meet_a_clock_change() {
        // Clocks rarely change on a weekday; once they skipped a Friday.
        let thursday = instant("2011-12-29T22:00:00Z"); // Thursday noon in Apia
        let there = Calendar::default().add(thursday, Duration::BusinessDays(1), chrono_tz::Pacific::Apia);
        // Friday 30 December 2011 never came: Saturday 00:00 is the first valid instant.
        assert_eq!(there, instant("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn seconds_are_elapsed_time() {
        let calendar = christmas();
        let eve = instant("2027-03-27T08:00:00Z");
        let day_later = calendar.add(eve, Duration::Seconds(86_400), Berlin);
        assert_eq!(day_later, instant("2027-03-28T08:00:00Z"));
        let never = calendar.add(eve, Duration::Seconds(i64::MAX), UTC);
        assert_eq!(never, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn the_next_local_time_may_be_today() {
        let calendar = Calendar::default();
        let next = |from: &str, time: &str, zone| {
            calendar.next_local_time(instant(from), time.parse().expect("a valid time"), zone)
        };
        let nine = "09:00:00";
        assert_eq!(next("2026-11-20T08:00:00Z", nine, Berlin), instant("2026-11-20T08:00:00Z"));
        assert_eq!(next("2026-11-20T08:00:01Z", nine, Berlin), instant("2026-11-21T08:00:00Z"));
        // Skipped: the first valid minute after. Repeated: the first, never the second.
        let half_two = "02:30:00";
        assert_eq!(next("2027-03-28T00:00:00Z", half_two, Berlin), instant("2027-03-28T01:00:00Z"));
        assert_eq!(next("2026-10-25T00:30:00Z", half_two, Berlin), instant("2026-10-25T00:30:00Z"));
        assert_eq!(next("2026-10-25T00:31:00Z", half_two, Berlin), instant("2026-10-26T01:30:00Z"));
        // Midnight itself is skipped.
        assert_eq!(next("2026-09-06T03:59:00Z", "00:00:00", Santiago), instant("2026-09-06T04:00:00Z"));
    }

    #[test]
    fn dates_are_local() {
        let late = instant("2026-11-20T23:30:00Z");
        assert_eq!(local_date(late, Berlin), day("2026-11-21"));
        assert_eq!(local_date(late, UTC), day("2026-11-20"));
    }
}
