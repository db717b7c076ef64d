//! A date that a column holds is that day wherever the playbook is.

use chrono_tz::Tz;
use keepwell::facts::{History, Value};
use keepwell::rule::Wanted;

use super::{Place, World, at, history};

fn dated(renewal: &str) -> History {
    let mut history = history();
    history.account.insert("renewal_at".to_owned(), Value::Time(at(renewal)));
    history.traits.insert("trial_ends".to_owned(), renewal.into());
    history
}

fn world(zone: Tz) -> World {
    World { zone, ..World::new(Place::When) }
}

/// It is Monday, 2 March, 09:00 UTC: in Honolulu still Sunday, 23:00, in Auckland 22:00.
#[test]
fn every_function_of_the_calendar_takes_a_date_as_itself() {
    use chrono_tz::{America::New_York, Pacific::Auckland, Pacific::Honolulu, UTC};
    let first = "2026-03-01T00:00:00Z";
    let second = "2026-03-02T00:00:00Z";
    for (zone, date, clause) in [
        (New_York, first, "month(account.renewal_at) == 3"),
        (New_York, first, "weekday(account.renewal_at) == 7"),
        (New_York, first, "day(account.renewal_at) == 1"),
        (New_York, "2026-03-01T00:00:01Z", "day(account.renewal_at) == 28"),
        (New_York, first, "month(account.renewal_at - days(1)) == 2"),
        (New_York, first, "month(account.traits.trial_ends) == 3"),
        (Auckland, first, "month(account.renewal_at) == 3 && weekday(account.renewal_at) == 7"),
        (Auckland, second, "hours_since(account.renewal_at) == 22 && days_since(account.renewal_at) == 0"),
        (Auckland, second, "account.renewal_at < now - hours(21)"),
        (Honolulu, second, "hours_until(account.renewal_at) == 1 && days_until(account.renewal_at) == 0"),
        (Honolulu, second, "account.renewal_at > now"),
        (UTC, second, "hours_since(account.renewal_at) == 9 && days_until(account.renewal_at) == -1"),
        // A moment is a moment, however near to midnight.
        (New_York, "2026-03-01T00:00:01Z", "month(account.renewal_at) == 2 && weekday(account.renewal_at) == 6"),
    ] {
        let guard = if clause.contains("traits") { "account.traits.trial_ends" } else { "account.renewal_at" };
        let clause = format!("{guard} != none && {clause}");
        assert_eq!(world(zone).verdict(&clause, &dated(date)), "true", "{zone} {date}: {clause}");
    }
}

#[test]
fn a_key_of_a_date_is_that_date() {
    for zone in [chrono_tz::UTC, chrono_tz::America::New_York, chrono_tz::Pacific::Auckland] {
        let world = world(zone);
        let (rule, problems) = world.compile("account.renewal_at", Wanted::Key);
        let rule = rule.unwrap_or_else(|| panic!("{problems:?}"));
        let context = world.context(&rule, &dated("2026-03-01T00:00:00Z"));
        let value = rule.value(&world.sandbox, &context).expect("a value");
        assert_eq!(value.canonical(zone).as_deref(), Some("2026-03-01"), "{zone}");
    }
}
