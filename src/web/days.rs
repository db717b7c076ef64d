//! Days as people speak of them, in their own zone.

use chrono::{Datelike, NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::dates::weekday_date;
use super::language::say;
use crate::clock::Instant;
use crate::playbook::calendar::{Calendar, local_date};
use crate::zone::find_zone;

/// `Today`, `Tomorrow`, `Thu 5 March`; of what is over due since when, in business
/// days.
pub(super) fn due_day(due: Instant, now: Instant, zone: Tz, calendar: &Calendar) -> String {
    let (day, today) = (local_date(due, zone), local_date(now, zone));
    if due >= now {
        return match (day - today).num_days() {
            0 => say!("Today"),
            1 => say!("Tomorrow"),
            _ => named(day, today),
        };
    }
    if day == today {
        return say!("Today, since {time}", time = due.with_timezone(&zone).format("%H:%M"));
    }
    let since = named(day, today);
    match business_days(day, today, calendar) {
        // A weekend or a holiday is nobody's delay.
        0 => say!("Since {day}", day = since),
        n => say!(n as i64, "Since {day}, 1 business day", "Since {day}, {n} business days", day = since, n = n),
    }
}

/// `Thu 5 March`, with the year where it is another one.
pub(super) fn named(day: NaiveDate, today: NaiveDate) -> String {
    weekday_date(day, day.year() != today.year())
}

/// The zone of whoever does it, else the configuration's.
pub(super) fn reader_zone(name: Option<&str>, usual: Tz) -> Tz {
    name.and_then(find_zone).unwrap_or(usual)
}

/// How many business days there are after a day, the last one included; of very
/// long times those of the last year.
fn business_days(after: NaiveDate, until: NaiveDate, calendar: &Calendar) -> usize {
    let first = after.max(until - TimeDelta::days(366));
    first.iter_days().skip(1).take_while(|day| *day <= until).filter(|day| calendar.is_business_day(*day)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::language::PageLanguage;

    #[tokio::test]
    async fn days_are_said_in_the_readers_language() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let of = |text: &'static str| PageLanguage::Chinese.answer(async move { named(day(text), day("2026-03-10")) });
        assert_eq!(of("2026-03-05").await, "3月5日星期四");
        assert_eq!(of("2027-01-04").await, "2027年1月4日星期一");
    }

    #[test]
    fn a_day_is_the_readers_and_only_business_days_are_late() {
        let at = |text: &str| text.parse::<Instant>().expect("an instant");
        let holiday: NaiveDate = "2026-03-09".parse().expect("a date");
        let calendar = Calendar { holidays: vec![(holiday, holiday)] };
        // A Tuesday; in Tokyo it is Wednesday by then.
        let now = at("2026-03-10T16:00:00Z");
        for (due, zone, words) in [
            ("2026-03-10T17:00:00Z", Tz::UTC, "Today"),
            ("2026-03-10T15:30:00Z", Tz::UTC, "Today, since 15:30"),
            ("2026-03-11T01:00:00Z", Tz::UTC, "Tomorrow"),
            ("2026-03-11T01:00:00Z", Tz::Asia__Tokyo, "Today"),
            ("2026-03-13T09:00:00Z", Tz::UTC, "Fri 13 March"),
            ("2027-01-04T09:00:00Z", Tz::UTC, "Mon 4 January 2027"),
            // The weekend and the holiday on Monday are no delay.
            ("2026-03-06T09:00:00Z", Tz::UTC, "Since Fri 6 March, 1 business day"),
            ("2026-03-05T09:00:00Z", Tz::UTC, "Since Thu 5 March, 2 business days"),
        ] {
            assert_eq!(due_day(at(due), now, zone, &calendar), words, "{due} in {zone}");
        }
        let sunday = at("2026-03-08T09:00:00Z");
        assert_eq!(due_day(at("2026-03-07T09:00:00Z"), sunday, Tz::UTC, &calendar), "Since Sat 7 March");
    }
}
