//! Attributes that hold another kind of value than the one they are compared
//! with, and texts that are times.

use chrono_tz::Tz;
use keepwell::facts::{History, Value};
use keepwell::rule::Wanted;
use serde_json::json;

use super::{Place, World, at, history, table};

fn with(traits: serde_json::Value) -> History {
    let mut history = history();
    history.traits = traits.as_object().cloned().unwrap_or_default();
    history
}

#[test]
fn another_kind_than_the_one_compared_with_is_undecided_and_shown() {
    table(
        Place::When,
        &with(json!({
            "flag": "TRUE", "count": "12", "yes": 1, "plan": 5, "list": [1], "object": { "a": 1 }, "no": false,
            "ends": 1798675200000_i64, "gone": null, "long": "x".repeat(60), "word": "pro",
        })),
        &[
            ("account.traits.flag == true", "undecided: account.traits.flag is the text \"TRUE\", compared with true"),
            ("account.traits.flag != true", "undecided: account.traits.flag is the text \"TRUE\", compared with true"),
            (
                "!(false == account.traits.flag)",
                "undecided: account.traits.flag is the text \"TRUE\", compared with false",
            ),
            ("account.traits.yes == true", "undecided: account.traits.yes is the number 1, compared with true"),
            (
                "account.traits.flag ?? false",
                "undecided: account.traits.flag is the text \"TRUE\", and true or false is needed",
            ),
            (
                "account.traits.flag != none && account.traits.flag",
                "undecided: account.traits.flag is the text \"TRUE\", and true or false is needed",
            ),
            (
                "account.traits.flag == none || !account.traits.flag",
                "undecided: account.traits.flag is the text \"TRUE\", and `!` needs true or false",
            ),
            (
                "account.traits.no == false && (account.traits.flag ?? true)",
                "undecided: account.traits.flag is the text \"TRUE\", and true or false is needed",
            ),
            (
                "account.traits.count != none && account.traits.count > 6",
                "undecided: account.traits.count is the text \"12\", compared with the number 6",
            ),
            ("(account.traits.count ?? 0) > 6", "undecided: account.traits.count is the text \"12\", …"),
            ("account.traits.count in [12, 13]", "undecided: account.traits.count is the text \"12\", …"),
            ("!(account.traits.count in [12, none])", "undecided: account.traits.count is the text \"12\", …"),
            (
                "(account.traits.count ?? 0) * 2 > 6",
                "undecided: account.traits.count is the text \"12\", and `*` needs a number",
            ),
            (
                "-(account.traits.count ?? 0) < 6",
                "undecided: account.traits.count is the text \"12\", and `-` needs a number",
            ),
            (
                "account.traits.plan == \"pro\"",
                "undecided: account.traits.plan is the number 5, compared with the text \"pro\"",
            ),
            ("account.traits.plan in [\"pro\", \"max\"]", "undecided: account.traits.plan is the number 5, …"),
            ("account.traits.plan == account.tier", "undecided: account.traits.plan is the number 5, …"),
            ("account.traits.list == \"x\"", "undecided: account.traits.list is a list, …"),
            ("account.traits.object != 3", "undecided: account.traits.object is an object, …"),
            (
                "days_until(account.traits.ends) == none",
                "undecided: account.traits.ends is the number 1798675200000, and `days_until` needs a time",
            ),
            (
                "account.traits.ends != none && account.traits.ends < now",
                "undecided: account.traits.ends is the number 1798675200000, compared with a time",
            ),
            (
                "account.traits.long == true",
                "undecided: account.traits.long is the text \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\", compared with true",
            ),
            // Two attributes give each other no kind.
            (
                "account.traits.word == account.traits.plan",
                "undecided: `==` cannot compare the text \"pro\" with the number 5",
            ),
            ("account.traits.list == account.traits.list", "true"),
            // Whether there is a value does not depend on its kind.
            ("account.traits.flag != none || account.traits.flag == true", "true"),
            ("account.traits.flag == none && account.traits.flag == true", "false"),
            ("account.traits.gone == none && account.traits.gone != 5 && !(account.traits.gone == 5)", "true"),
            ("account.traits.never in [1, 2]", "false"),
            // What comes first decides.
            ("account.mrr < 0 && account.traits.flag == true", "false"),
            ("account.mrr > 0 || account.traits.flag == true", "true"),
            ("how_many([account.traits.flag == true, account.mrr > 0]) == 1", "true"),
        ],
    );
}

/// In a script nothing is known of a value before it is there.
#[test]
fn scripts_decide_nothing_about_another_kind_either() {
    table(
        Place::When,
        &with(json!({ "flag": "TRUE", "ends": "2026-03-12", "soon": "soon" })),
        &[
            (
                "health::is_set(account.traits.flag ?? false)",
                "undecided: account.traits.flag is the text \"TRUE\", compared with true",
            ),
            (
                "account.traits.flag != none && health::is_set(account.traits.flag)",
                "undecided: `==` cannot compare the text \"TRUE\" with true",
            ),
            ("account.traits.ends != none && health::left(account.traits.ends) == 9", "true"),
            ("account.traits.ends != none && health::is_past(account.traits.ends, now)", "false"),
            (
                "account.traits.soon != none && health::left(account.traits.soon) == 9",
                "undecided: soon is not a date that can be read: write it as 2026-03-01 or 2026-03-01T09:00:00Z",
            ),
        ],
    );
}

/// It is Monday, 2 March 2026, 09:00 UTC.
#[test]
fn a_text_that_is_a_time_is_one_wherever_a_time_is_needed() {
    for text in [
        "2026-03-12",
        "20260312",
        "2026-03-12T10:00:00Z",
        "2026-03-12 10:00:00+00",
        "2026-03-12T10:00:00.000+0000",
        "2026-03-12T12:00:00+02:00",
        "2026-03-12T10:00:00",
        "2026-03-12 10:00",
    ] {
        let days = if text.len() <= 10 { 9 } else { 10 };
        let history = with(json!({ "ends": text }));
        for clause in [
            format!("days_until(account.traits.ends) == {days}"),
            format!("days_since(account.traits.ends) == -{}", days + 1),
            "month(account.traits.ends) == 3 && weekday(account.traits.ends) == 4".to_owned(),
            "account.traits.ends > now && now < account.traits.ends".to_owned(),
            "account.traits.ends - days(20) < now".to_owned(),
            "account.traits.ends != account.signed_up_at".to_owned(),
            "account.traits.ends > account.signed_up_at".to_owned(),
        ] {
            let condition = format!("account.traits.ends != none && {clause}");
            assert_eq!(World::new(Place::When).verdict(&condition, &history), "true", "{text}: {clause}");
        }
    }
}

#[test]
fn a_time_without_a_zone_is_in_the_playbooks() {
    let world = |zone: Tz| World { zone, ..World::new(Place::Step) };
    for (text, zone, expected) in [
        ("2026-03-12 10:00", chrono_tz::UTC, "2026-03-12T10:00:00Z"),
        ("2026-03-12 10:00", chrono_tz::Europe::Berlin, "2026-03-12T09:00:00Z"),
        ("2026-03-12 10:00:00+00", chrono_tz::Europe::Berlin, "2026-03-12T10:00:00Z"),
        // One o'clock in Berlin is midnight in UTC, and still no date.
        ("2026-03-12 01:00", chrono_tz::Europe::Berlin, "2026-03-12T00:00:00Z"),
        ("2026-03-12T01:00:00+01:00", chrono_tz::Europe::Berlin, "2026-03-12T00:00:00Z"),
        ("2026-03-12", chrono_tz::America::New_York, "2026-03-12T04:00:00Z"),
        ("2026-03-12 00:00:00", chrono_tz::America::New_York, "2026-03-12T04:00:00Z"),
        ("2026-03-12T00:00:00Z", chrono_tz::America::New_York, "2026-03-12T04:00:00Z"),
    ] {
        let world = world(zone);
        let (rule, problems) = world.compile("account.traits.ends ?? now", Wanted::Time);
        let rule = rule.unwrap_or_else(|| panic!("{problems:?}"));
        let context = world.context(&rule, &with(json!({ "ends": text })));
        assert_eq!(rule.value(&world.sandbox, &context), Ok(Value::Time(at(expected))), "{text} in {zone}");
    }
}

#[test]
fn a_date_whose_order_must_be_guessed_is_undecided_and_named() {
    for (text, expected) in [
        (
            "03/04/2026",
            "account.traits.ends: 03/04/2026 is not a date that can be read: write 2026-04-03 or 2026-03-04",
        ),
        ("20.04.2027", "account.traits.ends: 20.04.2027 is not a date that can be read: write 2027-04-20"),
        (
            "soon",
            "account.traits.ends: soon is not a date that can be read: write it as 2026-03-01 or 2026-03-01T09:00:00Z",
        ),
    ] {
        for condition in [
            "account.traits.ends != none && days_until(account.traits.ends) < 60",
            "account.traits.ends == account.renewal_at",
            "account.traits.ends != none && account.traits.ends - days(3) < now",
        ] {
            let found = World::new(Place::When).verdict(condition, &with(json!({ "ends": text })));
            assert_eq!(found, format!("undecided: {expected}"), "{condition}");
        }
    }
    let world = World::new(Place::Step);
    let (rule, _) = world.compile("account.traits.ends", Wanted::Time);
    let rule = rule.expect("it checks");
    let context = world.context(&rule, &with(json!({ "ends": 5 })));
    let error = rule.value(&world.sandbox, &context).expect_err("no time");
    assert_eq!(error.to_string(), "account.traits.ends is the number 5, and a time is needed");
}
