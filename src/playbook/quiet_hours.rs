//! Quiet hours: when no customer mail leaves, in the recipient's own zone.
//!
//! A quiet stretch begins and ends at a local time, and thereby at an instant:
//! one that a clock change skips is the first valid instant after it, one that
//! occurs twice is its first occurrence. So a stretch that ends at 01:30 ends
//! once in the night in which 01:30 comes twice.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::calendar::{Calendar, local_date};
use super::local_time;
use super::reader::{Fields, Form, Key, KeyRule, Shape, is_off, short};
use super::yaml::Node;
use crate::clock::Instant;
use crate::diagnostic::Diagnostic;

const TIME: Shape = Shape::text_like(r"^\s*[0-9]{1,2}:[0-9]{1,2}\s*$", "a time of day in quotes, such as `20:00`");

/// The keys of quiet hours, in the configuration and in a case.
pub static QUIET_HOURS: Form = Form::new(
    "quiet_hours",
    &[&[
        Key::new("from", TIME, "When the quiet begins, in the recipient's zone, such as `\"20:00\"`."),
        Key::new("to", TIME, "When the quiet ends, such as `\"08:00\"`."),
        Key::new("weekends", Shape::Boolean, "Whether Saturdays and Sundays are quiet. Default: `false`."),
        Key::new("holidays", Shape::Boolean, "Whether the configured holidays are quiet. Default: `false`."),
    ]],
)
.rules(&[KeyRule::Needs("from", "to"), KeyRule::Needs("to", "from")]);

const HELP: &str = "write `{ from: \"20:00\", to: \"08:00\", weekends: true, holidays: true }` or `off`";

/// More stretches in a row than this are a calendar that never opens.
const MOST_STRETCHES: usize = 1_200;

/// When no mail leaves; what is not given is not quiet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuietHours {
    /// From the first local time to the second, every day; over midnight where
    /// the second is earlier.
    pub hours: Option<(NaiveTime, NaiveTime)>,
    /// All of Saturday and Sunday.
    pub weekends: bool,
    /// All of every configured holiday.
    pub holidays: bool,
}

impl QuietHours {
    /// Reads `quiet_hours:`; `None` is `off`.
    pub fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<QuietHours> {
        if is_off(node) {
            return None;
        }
        let before = problems.len();
        let mut fields = Fields::new(file, node, &QUIET_HOURS, problems);
        let (from, to) = (time(&mut fields, "from"), time(&mut fields, "to"));
        for (given, missing) in [("from", "to"), ("to", "from")] {
            if fields.has(given) && !fields.has(missing) {
                fields.missing(missing);
            }
        }
        if from.is_some() && from == to {
            let at = fields.value_place("to");
            fields.error_with_help("KW0104", at, "`from` and `to` are the same time", HELP);
        }
        let quiet = QuietHours {
            hours: from.zip(to),
            weekends: fields.boolean("weekends").unwrap_or(false),
            holidays: fields.boolean("holidays").unwrap_or(false),
        };
        fields.finish();
        (problems.len() == before).then_some(quiet)
    }

    /// The first instant at or after `at` that is not quiet for clocks in
    /// `zone`; `None` when there is none within about two years.
    pub fn next_allowed(&self, calendar: &Calendar, at: Instant, zone: Tz) -> Option<Instant> {
        let mut at = at;
        for _ in 0..MOST_STRETCHES {
            match self.stretch(calendar, at, zone) {
                Some(end) => at = end,
                None => return Some(at),
            }
        }
        None
    }

    /// The end of a quiet stretch that covers `at`; always after it.
    fn stretch(&self, calendar: &Calendar, at: Instant, zone: Tz) -> Option<Instant> {
        let today = local_date(at, zone);
        // A clock change can put a day's stretch into its neighbour's.
        let days = [today.pred_opt(), Some(today), today.succ_opt()];
        days.into_iter().flatten().flat_map(|day| self.stretches(calendar, day, zone)).find_map(|(start, end)| {
            let covers = start <= at && at < end;
            covers.then_some(end)
        })
    }

    /// The stretches that begin on a day.
    fn stretches(&self, calendar: &Calendar, day: NaiveDate, zone: Tz) -> Vec<(Instant, Instant)> {
        let next = day.succ_opt().unwrap_or(day);
        let moment = |day: NaiveDate, time| local_time::instant(zone, day.and_time(time));
        let mut stretches = Vec::new();
        if (self.weekends && calendar.is_weekend(day)) || (self.holidays && calendar.is_holiday(day)) {
            stretches.push((moment(day, NaiveTime::MIN), moment(next, NaiveTime::MIN)));
        }
        if let Some((from, to)) = self.hours {
            let end = if to > from { day } else { next };
            stretches.push((moment(day, from), moment(end, to)));
        }
        stretches
    }
}

/// How long after the end of a quiet stretch a recipient's mail leaves, so that
/// what was held does not leave in one second: less than this, the same for
/// the same recipient.
pub const SPREAD: TimeDelta = TimeDelta::minutes(5);

fn time(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<NaiveTime> {
    let text = fields.text(key)?;
    let time = NaiveTime::parse_from_str(text.text.trim(), "%H:%M").ok();
    if time.is_none() {
        let at = fields.value_place(key);
        let message = format!("`{key}` is not a time of day: `{}`", short(&text.text));
        fields.error_with_help("KW0104", at, message, "write it in quotes, such as `\"20:00\"`");
    }
    time
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, America::Santiago, Australia::Lord_Howe, Europe::London, UTC};
    use proptest::prelude::*;

    fn instant(text: &str) -> Instant {
        text.parse().expect("a valid instant")
    }

    fn hours(from: &str, to: &str) -> QuietHours {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").expect("a time");
        QuietHours { hours: Some((time(from), time(to))), ..QuietHours::default() }
    }

    fn release(quiet: &QuietHours, at: &str, zone: Tz) -> String {
        let next = quiet.next_allowed(&Calendar::default(), instant(at), zone).expect("it opens");
        next.format("%Y-%m-%dT%H:%MZ").to_string()
    }

    #[test]
    fn nights_weekends_and_holidays_run_together() {
        let christmas = "2026-12-25".parse().expect("a date");
        let calendar = Calendar { holidays: vec![(christmas, christmas)] };
        let quiet = QuietHours { weekends: true, holidays: true, ..hours("20:00", "08:00") };
        for (at, opens) in [
            ("2026-12-23T07:59:59Z", "2026-12-23T08:00:00Z"),
            ("2026-12-23T08:00:00Z", "2026-12-23T08:00:00Z"),
            ("2026-12-23T19:59:59Z", "2026-12-23T19:59:59Z"),
            ("2026-12-23T20:00:00Z", "2026-12-24T08:00:00Z"),
            // Thursday night, Christmas, the weekend, Monday morning.
            ("2026-12-24T20:00:00Z", "2026-12-28T08:00:00Z"),
        ] {
            assert_eq!(quiet.next_allowed(&calendar, instant(at), UTC), Some(instant(opens)), "{at}");
        }
        let noon = hours("12:00", "13:30");
        assert_eq!(release(&noon, "2026-12-23T12:10:00Z", UTC), "2026-12-23T13:30Z");
        let never = QuietHours { holidays: true, ..QuietHours::default() };
        let all = Calendar { holidays: vec![(christmas, "2099-01-01".parse().expect("a date"))] };
        assert_eq!(never.next_allowed(&all, instant("2026-12-25T00:00:00Z"), UTC), None);
    }

    #[test]
    fn a_quiet_time_that_a_clock_change_skips_ends_at_the_first_valid_instant() {
        // 02:00 to 03:00 does not exist in New York on 2026-03-08.
        let quiet = hours("20:00", "02:30");
        assert_eq!(release(&quiet, "2026-03-08T02:00:00Z", New_York), "2026-03-08T07:00Z");
        // 01:00 to 02:00 does not exist in London on 2026-03-29.
        assert_eq!(release(&hours("20:00", "01:15"), "2026-03-29T00:30:00Z", London), "2026-03-29T01:00Z");
        // 00:00 to 01:00 does not exist in Santiago on 2026-09-06.
        assert_eq!(release(&hours("20:00", "00:30"), "2026-09-06T01:00:00Z", Santiago), "2026-09-06T04:00Z");
        // 02:00 to 02:30 does not exist on Lord Howe on 2026-10-04.
        assert_eq!(release(&hours("20:00", "02:10"), "2026-10-03T12:00:00Z", Lord_Howe), "2026-10-03T15:30Z");
        // The ordinary morning after the short night.
        assert_eq!(release(&hours("20:00", "08:00"), "2026-03-08T02:00:00Z", New_York), "2026-03-08T12:00Z");
    }

    #[test]
    fn a_quiet_time_that_comes_twice_ends_at_its_first_occurrence() {
        // 01:30 comes twice in New York on 2026-11-01: at 05:30Z and 06:30Z.
        let quiet = hours("20:00", "01:30");
        assert_eq!(release(&quiet, "2026-11-01T02:00:00Z", New_York), "2026-11-01T05:30Z");
        // In the second pass the clocks show 01:10 again, and it stays open.
        assert_eq!(release(&quiet, "2026-11-01T06:10:00Z", New_York), "2026-11-01T06:10Z");
        assert_eq!(release(&hours("20:00", "01:15"), "2026-10-25T00:00:00Z", London), "2026-10-25T00:15Z");
        // Santiago's clocks go back at midnight: 23:30 comes twice on 2026-04-04.
        assert_eq!(release(&hours("08:00", "23:30"), "2026-04-05T00:00:00Z", Santiago), "2026-04-05T02:30Z");
        // Lord Howe's go back by half an hour: 01:45 comes twice on 2026-04-05.
        assert_eq!(release(&hours("20:00", "01:45"), "2026-04-04T12:00:00Z", Lord_Howe), "2026-04-04T14:45Z");
    }

    proptest! {
        #[test]
        fn what_opens_is_open_and_everything_before_it_was_quiet(
            minutes in 0i64..(2 * 366 * 1_440),
            zone in prop::sample::select(vec![New_York, London, Santiago, Lord_Howe, UTC]),
            from in 0u32..96,
            length in 1u32..95,
            weekends: bool,
        ) {
            let clock = |quarter: u32| NaiveTime::from_hms_opt(quarter % 96 / 4, quarter % 4 * 15, 0).expect("a time");
            let quiet = QuietHours { hours: Some((clock(from), clock(from + length))), weekends, holidays: false };
            let calendar = Calendar::default();
            let at = instant("2026-01-01T00:00:00Z") + TimeDelta::minutes(minutes);
            let opens = quiet.next_allowed(&calendar, at, zone).expect("it opens");
            prop_assert!(opens >= at);
            // It stays open, and asking again changes nothing.
            prop_assert_eq!(quiet.next_allowed(&calendar, opens, zone), Some(opens));
            // Nothing in between was open.
            let mut between = at;
            while between < opens {
                prop_assert_eq!(quiet.next_allowed(&calendar, between, zone), Some(opens));
                between += TimeDelta::minutes(7);
            }
        }
    }
}
