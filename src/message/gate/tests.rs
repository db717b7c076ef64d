use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::playbook::calendar::Calendar;
use crate::playbook::quiet_hours::QuietHours;

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// Monday, nine in the morning.
const NOW: &str = "2026-03-02T09:00:00Z";

fn contact(email: Option<&str>, left_at: Option<&str>, consent: bool) -> Contact {
    let traits = serde_json::json!({ "consent": consent });
    Contact {
        id: "ann".to_owned(),
        email: email.map(str::to_owned),
        name: "Ann".to_owned(),
        role: None,
        timezone: None,
        locale: None,
        created_at: at("2026-01-01T00:00:00Z"),
        left_at: left_at.map(at),
        columns: BTreeMap::new(),
        traits: traits.as_object().cloned().unwrap_or_default(),
    }
}

/// Quiet from eight in the morning on for so many hours.
fn quiet_for(hours: u32) -> QuietHours {
    let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).expect("a time");
    QuietHours { hours: Some((time(8), time(8 + hours))), ..QuietHours::default() }
}

/// A mail that may go: valid for a day, to a contact who is there.
fn fine(contact: &Contact) -> Seen<'_> {
    Seen {
        now: at(NOW),
        valid_until: at("2026-03-03T09:00:00Z"),
        class: Class::Lifecycle,
        shadow: false,
        enrollment: Enrollment::GoesOn,
        planned_for: "ann",
        contact: Some(contact),
        address: Some("ann@a1.example"),
        suppressed: false,
        other_survey: None,
        recheck_at: at("2026-03-02T09:15:00Z"),
        undo_until: None,
        quiet: None,
        yields_to: None,
        held_by: None,
    }
}

/// `go`, `later +SECONDS because`, or `STATE because`.
fn describe(seen: &Seen) -> String {
    match gate(seen) {
        Answer::Go => "go".to_owned(),
        Answer::Later { until, because } => format!("later +{}s {because}", (until - seen.now).num_seconds()),
        Answer::Never { state, because } => format!("{state} {because}"),
    }
}

type Situation = (&'static str, fn(&mut Seen), &'static str);

#[test]
fn each_reason_alone() {
    let situations: [Situation; 18] = [
        ("nothing against it", |_| {}, "go"),
        ("the last valid instant", |seen| seen.valid_until = seen.now, "go"),
        (
            "past its validity",
            |seen| seen.valid_until = seen.now - TimeDelta::microseconds(1),
            "expired not sent while it was valid",
        ),
        (
            "past its validity, after it had waited",
            |seen| (seen.valid_until, seen.held_by) = (seen.now - TimeDelta::microseconds(1), Some("budget: full")),
            "expired budget: full; not sent while it was valid",
        ),
        ("no enrollment", |seen| seen.enrollment = Enrollment::Gone, "cancelled its enrollment is gone"),
        ("no account", |seen| seen.enrollment = Enrollment::AccountGone, "cancelled the account is gone"),
        ("no enrolled contact", |seen| seen.enrollment = Enrollment::ContactGone, "cancelled the contact is gone"),
        ("an end", |seen| seen.enrollment = Enrollment::Ended("exited".to_owned()), "cancelled exited"),
        ("a condition", |seen| seen.enrollment = Enrollment::Ends("goal".to_owned()), "cancelled goal"),
        (
            "nobody can tell",
            |seen| seen.enrollment = Enrollment::Undecided("exit: no seats".to_owned()),
            "later +900s undecided: exit: no seats",
        ),
        ("no such contact", |seen| seen.contact = None, "skipped contact gone"),
        ("an address of nobody", |seen| (seen.contact, seen.planned_for) = (None, ""), "go"),
        ("no address", |seen| seen.address = None, "failed there is no address"),
        ("no such address", |seen| seen.address = Some("ann"), "failed `ann` has no `@` between a name and a domain"),
        ("no consent", |seen| seen.class = Class::Marketing, "skipped no consent"),
        ("suppressed", |seen| seen.suppressed = true, "suppressed suppressed"),
        (
            "can be undone",
            |seen| seen.undo_until = Some(seen.now + TimeDelta::minutes(5)),
            "later +300s can be cancelled until 2026-03-02T09:05:00Z",
        ),
        ("gives way", |seen| seen.yields_to = Some("rescue"), "later +900s yields to rescue, which is active"),
    ];
    let ann = contact(Some("ann@a1.example"), None, false);
    for (what, change, expected) in situations {
        let mut seen = fine(&ann);
        change(&mut seen);
        assert_eq!(describe(&seen), expected, "{what}");
    }
}

#[test]
fn whoever_left_or_lost_the_address_gets_nothing() {
    for (contact, expected) in [
        (contact(None, None, true), "skipped contact left"),
        (contact(Some(" "), None, true), "skipped contact left"),
        (contact(Some("ann@a1.example"), Some(NOW), true), "skipped contact left"),
        (contact(Some("ann@a1.example"), Some("2026-03-02T09:00:01Z"), true), "go"),
    ] {
        assert_eq!(describe(&fine(&contact)), expected, "{contact:?}");
    }
    let consents = contact(Some("ann@a1.example"), None, true);
    assert_eq!(describe(&Seen { class: Class::Marketing, ..fine(&consents) }), "go");
}

#[test]
fn quiet_hours_hold_until_they_end() {
    let (ann, calendar, quiet) = (contact(Some("ann@a1.example"), None, true), Calendar::default(), quiet_for(2));
    let around = |class, ignores| Quiet::around(Some(&quiet), &calendar, chrono_tz::UTC, class, ignores);
    let held = Seen { quiet: around(Class::Lifecycle, true), ..fine(&ann) };
    assert_eq!(describe(&held), "later +3600s quiet hours until 2026-03-02T10:00:00Z");
    let spread = around(Class::Lifecycle, false).map(|quiet| quiet.spread_by(TimeDelta::seconds(90)));
    assert_eq!(
        describe(&Seen { quiet: spread, ..held.clone() }),
        "later +3690s quiet hours until 2026-03-02T10:00:00Z"
    );
    // Valid for less long.
    let soon = Seen { valid_until: at("2026-03-02T09:30:00Z"), ..held.clone() };
    assert_eq!(describe(&soon), "later +1800s quiet hours until 2026-03-02T10:00:00Z");
    assert_eq!(
        describe(&Seen { now: soon.valid_until, ..soon }),
        "expired quiet hours until 2026-03-02T10:00:00Z; not sent while it was valid"
    );
    // Only transactional mail may ignore them.
    assert!(around(Class::Transactional, true).is_none());
    assert!(around(Class::Transactional, false).is_some());
    let everyday = QuietHours { holidays: true, ..QuietHours::default() };
    let holidays = Calendar { holidays: vec![(at(NOW).date_naive(), at("2099-01-01T00:00:00Z").date_naive())] };
    let endless = Quiet::around(Some(&everyday), &holidays, chrono_tz::UTC, Class::Lifecycle, false);
    assert_eq!(describe(&Seen { quiet: endless, ..fine(&ann) }), "later +86400s quiet hours without an end");
}

/// Everything against a mail, taken away one after the other: what is said is
/// the order of the gate.
#[test]
fn the_first_reason_decides() {
    let (ann, calendar, quiet) = (contact(Some("ann@a1.example"), None, false), Calendar::default(), quiet_for(2));
    let mut seen = Seen {
        valid_until: at("2026-03-02T08:00:00Z"),
        class: Class::Marketing,
        enrollment: Enrollment::Ended("exited".to_owned()),
        contact: None,
        address: None,
        suppressed: true,
        undo_until: Some(at("2026-03-02T09:05:00Z")),
        quiet: Quiet::around(Some(&quiet), &calendar, chrono_tz::UTC, Class::Marketing, false),
        yields_to: Some("rescue"),
        ..fine(&ann)
    };
    let mut order = vec![describe(&seen)];
    let steps: [&dyn Fn(&mut Seen); 10] = [
        &|seen| seen.valid_until = at("2026-03-04T09:00:00Z"),
        &|seen| seen.enrollment = Enrollment::Undecided("goal".to_owned()),
        &|seen| seen.enrollment = Enrollment::GoesOn,
        &|seen| seen.planned_for = "",
        &|seen| seen.address = Some("ann@a1.example"),
        &|seen| seen.class = Class::Lifecycle,
        &|seen| seen.suppressed = false,
        &|seen| seen.undo_until = None,
        &|seen| seen.quiet = None,
        &|seen| seen.yields_to = None,
    ];
    for step in steps {
        step(&mut seen);
        order.push(describe(&seen));
    }
    assert_eq!(
        order,
        [
            "expired not sent while it was valid",
            "cancelled exited",
            "later +900s undecided: goal",
            "skipped contact gone",
            "failed there is no address",
            "skipped no consent",
            "suppressed suppressed",
            "later +300s can be cancelled until 2026-03-02T09:05:00Z",
            "later +3600s quiet hours until 2026-03-02T10:00:00Z",
            "later +900s yields to rescue, which is active",
            "go",
        ]
    );
}

#[test]
fn nothing_delays_what_is_only_recorded() {
    let (ann, calendar, quiet) = (contact(Some("ann@a1.example"), None, true), Calendar::default(), quiet_for(2));
    let seen = Seen {
        shadow: true,
        undo_until: Some(at("2026-03-02T09:05:00Z")),
        quiet: Quiet::around(Some(&quiet), &calendar, chrono_tz::UTC, Class::Lifecycle, false),
        yields_to: Some("rescue"),
        ..fine(&ann)
    };
    assert_eq!(describe(&seen), "go");
    assert_eq!(describe(&Seen { suppressed: true, ..seen }), "suppressed suppressed");
    assert!(!needs_budget(Class::Lifecycle, true) && needs_budget(Class::Marketing, false));
    assert!(!needs_budget(Class::Transactional, false));
}

#[test]
fn every_delay_ends_with_the_validity() {
    let ann = contact(Some("ann@a1.example"), None, true);
    let (now, valid_until) = (at(NOW), at("2026-03-02T09:03:00Z"));
    let later = |change: fn(&mut Seen)| {
        let mut seen = Seen { valid_until, ..fine(&ann) };
        change(&mut seen);
        let first = gate(&seen);
        seen.now = valid_until;
        (first, gate(&seen))
    };
    let expired = |reason: &str| Answer::Never {
        state: State::Expired,
        because: Because::Expired { held_by: Some(reason.to_owned()) },
    };
    for (change, reason) in [
        ((|seen| seen.enrollment = Enrollment::Undecided("goal".to_owned())) as fn(&mut Seen), "undecided: goal"),
        (|seen| seen.undo_until = Some(seen.now + TimeDelta::hours(1)), "can be cancelled until 2026-03-02T10:00:00Z"),
        (|seen| seen.yields_to = Some("rescue"), "yields to rescue, which is active"),
    ] {
        let (first, last) = later(change);
        assert!(matches!(first, Answer::Later { until, .. } if until == just_after(valid_until)), "{first:?}");
        assert_eq!(last, expired(reason));
    }
    let of_budget = |now| {
        let (at, reason) = (at("2026-03-02T12:00:00Z"), "budget: full".to_owned());
        after_budget(budget::BudgetAnswer::Later { at, reason, used_by: Vec::new() }, valid_until, now)
    };
    assert!(matches!(of_budget(now), Answer::Later { until, .. } if until == just_after(valid_until)));
    assert_eq!(of_budget(valid_until), expired("budget: full"));
    let step_back = budget::BudgetAnswer::StepBack { at: now + TimeDelta::seconds(10), reason: "first".to_owned() };
    assert!(matches!(after_budget(step_back, valid_until, now), Answer::Later { because: Because::GoesFirst(_), .. }));
    let outranked = after_budget(budget::BudgetAnswer::Outranked { reason: "kept".to_owned() }, valid_until, now);
    assert_eq!(outranked, Answer::Never { state: State::Skipped, because: Because::Outranked("kept".to_owned()) });
    assert_eq!(after_budget(budget::BudgetAnswer::Go, valid_until, valid_until), Answer::Go);
}

#[test]
fn what_a_delay_leaves_on_the_row() {
    let valid_until = at("2026-03-05T09:00:00Z");
    let until = at("2026-03-02T10:00:00Z");
    let quiet = |ends| Because::QuietHours { ends, zone: chrono_tz::UTC };
    let budget = Because::Budget { reason: "full".to_owned(), used_by: Vec::new() };
    assert_eq!(Because::UndoWindow { until }.wait(valid_until), Wait::Undo { until });
    assert_eq!(quiet(Some(until)).wait(valid_until), Wait::Quiet { until });
    assert_eq!(quiet(None).wait(valid_until), Wait::Quiet { until: valid_until });
    assert_eq!(budget.wait(valid_until), Wait::Budget);
    assert_eq!(Because::YieldsTo("rescue".to_owned()).wait(valid_until), Wait::Retry);
}
