//! Schedules in zones whose clocks change, by table and against brute force.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::America::{New_York, Santiago};
use chrono_tz::Asia::Kathmandu;
use chrono_tz::Australia::Lord_Howe;
use chrono_tz::Europe::{Berlin, London};
use chrono_tz::Tz;
use keepwell::clock::Instant;
use keepwell::playbook::schedule::Schedule;
use proptest::prelude::*;

fn instant(text: &str) -> Instant {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M%:z").expect("a valid instant").with_timezone(&Utc)
}

fn schedule(text: &str, zone: Tz) -> Schedule {
    Schedule::parse(text, zone).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The first slots after an instant, as the zone's clock shows them.
fn first(text: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
    schedule(text, zone)
        .slots_between(instant(after), DateTime::<Utc>::MAX_UTC, count)
        .iter()
        .map(|slot| slot.with_timezone(&zone).format("%Y-%m-%d %H:%M%:z").to_string())
        .collect()
}

#[test]
fn clock_changes() {
    let table: &[(&str, Tz, &str, &[&str])] = &[
        // Skipped: once, at the first valid minute after.
        ("30 2 * * *", New_York, "2027-03-13 03:00-05:00", &["2027-03-14 03:00-04:00", "2027-03-15 02:30-04:00"]),
        ("30 1 * * *", London, "2027-03-27 02:00+00:00", &["2027-03-28 02:00+01:00", "2027-03-29 01:30+01:00"]),
        ("30 2 * * *", Berlin, "2027-03-27 03:00+01:00", &["2027-03-28 03:00+02:00", "2027-03-29 02:30+02:00"]),
        // Santiago skips midnight itself.
        ("0 0 * * *", Santiago, "2026-09-05 01:00-04:00", &["2026-09-06 01:00-03:00", "2026-09-07 00:00-03:00"]),
        // Lord Howe skips half an hour.
        ("15 2 * * *", Lord_Howe, "2026-10-03 03:00+10:30", &["2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"]),
        ("30 2 * * *", Kathmandu, "2027-03-28 02:00+05:45", &["2027-03-28 02:30+05:45", "2027-03-29 02:30+05:45"]),
        // Repeated: once, at the first occurrence.
        ("30 1 * * *", New_York, "2026-10-31 02:00-04:00", &["2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"]),
        ("30 1 * * *", London, "2026-10-24 02:00+01:00", &["2026-10-25 01:30+01:00", "2026-10-26 01:30+00:00"]),
        ("30 2 * * *", Berlin, "2026-10-24 03:00+02:00", &["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]),
        ("30 23 * * *", Santiago, "2027-04-03 00:00-03:00", &["2027-04-03 23:30-03:00", "2027-04-04 23:30-04:00"]),
        ("45 1 * * *", Lord_Howe, "2027-04-03 03:00+11:00", &["2027-04-04 01:45+11:00", "2027-04-05 01:45+10:30"]),
        // Several slots in the gap are one, together with the one at its end.
        (
            "*/15 * * * *",
            Berlin,
            "2027-03-28 01:30+01:00",
            &["2027-03-28 01:45+01:00", "2027-03-28 03:00+02:00", "2027-03-28 03:15+02:00"],
        ),
        // The repeated hour is silent.
        (
            "*/30 * * * *",
            Berlin,
            "2026-10-25 01:30+02:00",
            &["2026-10-25 02:00+02:00", "2026-10-25 02:30+02:00", "2026-10-25 03:00+01:00"],
        ),
        (
            "*/15 * * * *",
            Lord_Howe,
            "2027-04-04 01:20+11:00",
            &["2027-04-04 01:30+11:00", "2027-04-04 01:45+11:00", "2027-04-04 02:00+10:30"],
        ),
        // Asked during the second pass, the answer is never in the past.
        ("30 2 * * *", Berlin, "2026-10-25 02:10+01:00", &["2026-10-26 02:30+01:00"]),
        ("*/30 * * * *", Berlin, "2026-10-25 02:10+01:00", &["2026-10-25 03:00+01:00"]),
    ];
    for (text, zone, after, expected) in table {
        assert_eq!(first(text, *zone, after, expected.len()), *expected, "{text} in {zone} after {after}");
    }
}

#[test]
fn days_and_names() {
    // 1 November 2026 is a Sunday. Days of that month:
    let table: &[(&str, &[u32])] = &[
        ("0 9 * * 0", &[1, 8, 15, 22, 29]),
        ("0 9 * * 7", &[1, 8, 15, 22, 29]),
        ("0 9 * * SUN", &[1, 8, 15, 22, 29]),
        ("0 9 * * 1", &[2, 9, 16, 23, 30]),
        ("0 9 * * Mon", &[2, 9, 16, 23, 30]),
        ("0 9 * * 6", &[7, 14, 21, 28]),
        ("0 9 * * fri-mon", &[1, 2, 6, 7, 8, 9, 13, 14, 15, 16, 20, 21, 22, 23, 27, 28, 29, 30]),
        ("0 9 * * 5-7", &[1, 6, 7, 8, 13, 14, 15, 20, 21, 22, 27, 28, 29]),
        ("0 9 * * 7-1", &[1, 2, 8, 9, 15, 16, 22, 23, 29, 30]),
        ("0 9 * * mon,thu", &[2, 5, 9, 12, 16, 19, 23, 26, 30]),
        ("0 9 * * mon-fri/2", &[2, 4, 6, 9, 11, 13, 16, 18, 20, 23, 25, 27, 30]),
        ("0 9 */10 * *", &[1, 11, 21]),
        ("0 9 5-12/3 * *", &[5, 8, 11]),
        ("0 9 1,15 nov *", &[1, 15]),
        ("0 9 31,15 nov-feb *", &[15]),
        ("0 9 15 oct-dec/2 *", &[]),
        // Either day matches, …
        ("0 9 13 * fri", &[6, 13, 20, 27]),
        ("0 9 1,2 * mon", &[1, 2, 9, 16, 23, 30]),
        ("0 9 31 * mon", &[2, 9, 16, 23, 30]),
        // … unless one starts with `*`: then both must.
        ("0 9 */2 * mon", &[9, 23]),
        ("0 9 1-10 * */3", &[1, 4, 7, 8]),
        (
            "0 9 * * *",
            &[
                1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                29, 30,
            ],
        ),
    ];
    let month = (instant("2026-10-31 23:59+00:00"), instant("2026-11-30 23:59+00:00"));
    for (text, days) in table {
        let slots = schedule(text, Tz::UTC).slots_between(month.0, month.1, 1_000);
        assert!(slots.iter().all(|slot| (slot.hour(), slot.minute()) == (9, 0)));
        let found: Vec<u32> = slots.iter().map(|slot| slot.day()).collect();
        assert_eq!(found, *days, "{text}");
    }
}

#[test]
fn shorthands_and_rare_days() {
    let after = "2026-11-21 22:20+00:00";
    for (text, expected) in [
        ("@hourly", "2026-11-21 23:00+00:00"),
        ("@daily", "2026-11-22 00:00+00:00"),
        (" @Weekly ", "2026-11-22 00:00+00:00"),
        ("@monthly", "2026-12-01 00:00+00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00+00:00"),
        ("0 0 29 2 */7", "2032-02-29 00:00+00:00"),
        ("59 23 31 dec *", "2026-12-31 23:59+00:00"),
        ("  5\t4  *  * *  ", "2026-11-22 04:05+00:00"),
    ] {
        assert_eq!(first(text, Tz::UTC, after, 1), [expected], "{text}");
    }
    assert_eq!(schedule("@daily", Tz::UTC).next_after(instant("2100-12-31 12:00+00:00")), None);
}

#[test]
fn a_slot_is_strictly_later() {
    let daily = schedule("0 9 * * *", Tz::UTC);
    let nine = instant("2026-11-21 09:00+00:00");
    let tomorrow = nine + TimeDelta::days(1);
    assert_eq!(daily.next_after(nine), Some(tomorrow));
    assert_eq!(daily.next_after(nine - TimeDelta::microseconds(1)), Some(nine));
    assert_eq!(daily.next_after(nine + TimeDelta::microseconds(1)), Some(tomorrow));
    assert_eq!(daily.latest_between(nine, nine), None);
    assert_eq!(daily.latest_between(nine, tomorrow), Some(tomorrow));
    assert_eq!(daily.latest_between(nine, tomorrow - TimeDelta::microseconds(1)), None);
    let before = nine - TimeDelta::days(20_000);
    assert_eq!(daily.latest_between(before, nine + TimeDelta::microseconds(1)), Some(nine));
    assert!(daily.slots_between(nine, tomorrow, 0).is_empty());
    assert_eq!(daily.slots_between(nine, tomorrow, 5), [tomorrow]);
}

#[test]
fn ten_years_stay_in_order() {
    let start = instant("2020-01-01 00:00+00:00");
    let end = instant("2030-01-01 00:00+00:00");
    for zone in [New_York, London, Berlin, Santiago, Lord_Howe, Kathmandu] {
        for text in ["30 2 * * *", "*/30 0-3 * * *", "0 9 13 * fri", "15 23 * * sat-sun", "@monthly"] {
            let schedule = schedule(text, zone);
            let mut previous = start;
            let mut count = 0;
            while let Some(slot) = schedule.next_after(previous).filter(|slot| *slot <= end) {
                assert!(slot > previous, "{text} in {zone}: {slot} after {previous}");
                assert_eq!(slot.second(), 0);
                assert_eq!(schedule.latest_between(start, slot), Some(slot), "{text} in {zone}");
                previous = slot;
                count += 1;
            }
            if text == "30 2 * * *" {
                assert_eq!(count, 3_653, "once a day in {zone}");
            }
        }
    }
}

/// One field, its text and the numbers it allows, built together.
fn field(min: u32, max: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
    let all = move |step: u32| (min..=max).step_by(step as usize).collect::<Vec<_>>();
    prop_oneof![
        2 => Just(("*".to_owned(), all(1))),
        1 => (2..=6u32).prop_map(move |step| (format!("*/{step}"), all(step))),
        3 => prop::collection::vec(min..=max, 1..4).prop_map(|numbers| {
            let text: Vec<String> = numbers.iter().map(u32::to_string).collect();
            (text.join(","), numbers)
        }),
        2 => (min..=max, min..=max, 1..=3u32).prop_map(|(a, b, step)| {
            let (a, b) = (a.min(b), a.max(b));
            (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize).collect())
        }),
    ]
}

/// Minute by minute through the month: due when the local time matches and was
/// not shown before; at the end of a gap also when a skipped minute matches.
fn brute_force(zone: Tz, from: Instant, until: Instant, matches: impl Fn(NaiveDateTime) -> bool) -> Vec<Instant> {
    let wall = |instant: Instant| instant.with_timezone(&zone).naive_local();
    let minute = TimeDelta::minutes(1);
    // The latest local time shown so far; start a day early to know it.
    let mut instant = from - TimeDelta::days(1);
    let mut latest = wall(instant);
    let mut slots = Vec::new();
    while instant < until {
        instant += minute;
        let mut due = false;
        while latest < wall(instant) {
            latest += minute;
            due |= matches(latest);
        }
        if due && instant > from {
            slots.push(instant);
        }
    }
    slots
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_brute_force(
        minute in field(0, 59),
        hour in field(0, 23),
        day in field(1, 31),
        month in field(1, 12),
        weekday in field(0, 6),
        place in prop::sample::select(vec![
            (New_York, "2026-10-20 00:00+00:00"),
            (Berlin, "2027-03-10 12:34+00:00"),
            (Santiago, "2026-08-20 00:00+00:00"),
            (Santiago, "2027-03-20 00:00+00:00"),
            (Lord_Howe, "2026-09-20 00:00+00:00"),
            (Lord_Howe, "2027-03-20 00:00+00:00"),
        ]),
        ask in 0..43_200i64,
    ) {
        let (zone, from) = (place.0, instant(place.1));
        let until = from + TimeDelta::days(30);
        let fields = [&minute, &hour, &day, &month, &weekday];
        let text = fields.map(|field| field.0.as_str()).join(" ");
        let both = day.0.starts_with('*') || weekday.0.starts_with('*');
        let expected = brute_force(zone, from, until, |local| {
            let on_day = day.1.contains(&local.day());
            let on_weekday = weekday.1.contains(&local.weekday().num_days_from_sunday());
            minute.1.contains(&local.minute())
                && hour.1.contains(&local.hour())
                && month.1.contains(&local.month())
                && if both { on_day && on_weekday } else { on_day || on_weekday }
        });
        // Days no month has are refused, and then brute force finds none either.
        let Ok(schedule) = Schedule::parse(&text, zone) else {
            prop_assert!(expected.is_empty(), "{text} was refused");
            return Ok(());
        };
        prop_assert_eq!(&schedule.slots_between(from, until, usize::MAX), &expected, "{} {}", text, zone);
        let asked = from + TimeDelta::minutes(ask);
        prop_assert_eq!(
            schedule.latest_between(from, asked),
            expected.iter().copied().rfind(|slot| *slot <= asked),
            "{} {} up to {}", text, zone, asked
        );
        let next = expected.iter().copied().find(|slot| *slot > asked);
        if next.is_some() {
            prop_assert_eq!(schedule.next_after(asked), next, "{} {} after {}", text, zone, asked);
        }
    }
}
