use super::*;
use crate::facts::NameKind;
use crate::playbook::guardrails::{FreshSource, Ramp, StoreChange};
use crate::playbook::trips::TripLimits;

const STALE: Fresh = Fresh { source: FreshSource::Events, within: chrono::Duration::hours(36) };

/// Nothing holds but `hold_above` of 25 or 2 %.
fn limits() -> Limits {
    Limits {
        hold_above: HoldAbove::Above { count: 25, share: 0.02, most: None },
        first_run: FirstRun::Go,
        hold_unseen: true,
        ramp: None,
        trips: TripLimits::default(),
        unusual: None,
        store_change: None,
        max_per_day: None,
        fresh: Vec::new(),
        yields_to: Vec::new(),
    }
}

/// A revision that ran before on a store of the same size.
fn before() -> BeforeRun {
    BeforeRun {
        twin: None,
        stale: None,
        unseen: Vec::new(),
        is_approved: false,
        revision: RevisionBefore::Same,
        subjects: 1_000,
        subjects_before: Some(1_000),
        sizes: vec![4, 6, 5],
        entered: 0,
        recent: None,
    }
}

/// The same of a playbook that events call and of which a person has approved a run; so
/// many have entered within 24 hours.
fn called(recent: u64) -> BeforeRun {
    BeforeRun { recent: Some(recent), is_approved: true, ..before() }
}

/// An event that was never seen, beside one that was.
fn login() -> MissingName {
    let instead = Some(("Logged In".to_owned(), 12_430));
    MissingName { kind: NameKind::Event, name: "login".to_owned(), instead, is_similar: true }
}

/// The words for a run of so many, or `go`.
fn answer(limits: &Limits, before: &BeforeRun, would_enter: u64) -> String {
    match limit(limits, before).answer(would_enter) {
        HoldAnswer::Go => "go".to_owned(),
        HoldAnswer::Hold(reason) => reason.to_string(),
    }
}

#[test]
fn each_limit_holds_from_the_first_number_above_it() {
    let count = |count, share| Limits { hold_above: HoldAbove::Above { count, share, most: None }, ..limits() };
    let usual_limits = Limits { hold_above: HoldAbove::default(), ..limits() };
    let unusual = |times| Limits { unusual: Some(times), ..count(10, 0.5) };
    let change = |share, least| Limits { store_change: Some(StoreChange { share, least }), ..limits() };
    let subjects = |subjects, earlier| BeforeRun { subjects, subjects_before: earlier, ..before() };
    let sizes = |sizes: &[i64]| BeforeRun { sizes: sizes.to_vec(), ..before() };
    let first = Limits { first_run: FirstRun::Hold, ..limits() };
    let canary = Limits { first_run: FirstRun::Canary, ..limits() };
    let canary_of = |count, enter| {
        let waiting = count - enter;
        format!(
            "first run of this revision: {count} would enter; {enter} enter at once, and {waiting} wait for a \
             person's approval"
        )
    };
    let of = |revision| BeforeRun { revision, ..before() };
    let other = |reentry| of(RevisionBefore::Other(reentry));
    let moved = |from, to| format!("the store has changed from {from} to {to} since the last run");
    let all = |why: &str, count| format!("{why}: {count} would enter, and wait for a person's approval");
    let above = |count, most| format!("{count} would enter; more than {most} wait for a person's approval");
    let usual = |count, times, median| {
        format!("{count} would enter, which is unusual: more than {times} times {median}, the median of the last runs")
    };
    let cases: Vec<(&str, Limits, BeforeRun, u64, String)> = vec![
        ("the count is the larger", limits(), before(), 25, "go".to_owned()),
        ("one above the count", limits(), before(), 26, above(26, 25)),
        ("the share is the larger", limits(), subjects(5_000, None), 100, "go".to_owned()),
        ("one above the share", limits(), subjects(5_000, None), 101, above(101, 100)),
        ("a share is rounded down", limits(), subjects(1_999, None), 40, above(40, 39)),
        ("as many of few subjects as `most`", usual_limits.clone(), subjects(40, None), 10, "go".to_owned()),
        ("one more of them than `most`", usual_limits.clone(), subjects(40, None), 11, above(11, 10)),
        ("five of hardly more", usual_limits.clone(), subjects(6, None), 5, "go".to_owned()),
        ("six of hardly more", usual_limits.clone(), subjects(6, None), 6, above(6, 5)),
        ("`most` is above the count", usual_limits, subjects(400, None), 26, above(26, 25)),
        ("`hold_above: off`", Limits { hold_above: HoldAbove::Off, ..limits() }, before(), 9_999, "go".to_owned()),
        (
            "`off` has no usual number",
            Limits { hold_above: HoldAbove::Off, ..unusual(1.0) },
            before(),
            9_999,
            "go".to_owned(),
        ),
        ("as many as usual", unusual(3.0), before(), 15, "go".to_owned()),
        ("more than usual", unusual(3.0), before(), 16, usual(16, 3, "5")),
        ("never fewer than the count", unusual(1.0), before(), 10, "go".to_owned()),
        ("more than the count, which is unusual", unusual(1.0), before(), 11, usual(11, 1, "5")),
        ("an even number of runs", unusual(3.0), sizes(&[4, 5, 6, 9]), 17, usual(17, 3, "5.5")),
        ("two runs tell nothing", unusual(3.0), sizes(&[5, 5]), 500, "go".to_owned()),
        ("the usual number is above the limit", unusual(200.0), before(), 501, above(501, 500)),
        ("the store moved by the least", change(0.1, 200), subjects(1_200, Some(1_000)), 1, "go".to_owned()),
        ("the store grew", change(0.1, 20), subjects(1_101, Some(1_000)), 1, all(&moved(1_000, 1_101), 1)),
        ("the store moved by the share", change(0.1, 20), subjects(1_100, Some(1_000)), 1, "go".to_owned()),
        ("the store shrank", change(0.1, 20), subjects(899, Some(1_000)), 1, all(&moved(1_000, 899), 1)),
        ("the size before is not known", change(0.1, 20), subjects(9, None), 1, "go".to_owned()),
        ("the first run of all", first.clone(), of(RevisionBefore::NoRun), 1, all("first run of this revision", 1)),
        ("the first run is not held", limits(), of(RevisionBefore::NoRun), 1, "go".to_owned()),
        ("the first of a revision", first.clone(), other(ReentryBefore::Same), 2, all("first run of this revision", 2)),
        ("the second of a revision", first, before(), 2, "go".to_owned()),
        ("as many as a canary", canary.clone(), of(RevisionBefore::NoRun), 10, "go".to_owned()),
        ("more than a canary", canary.clone(), of(RevisionBefore::NoRun), 11, canary_of(11, 10)),
        ("a canary of a changed revision", canary.clone(), other(ReentryBefore::Same), 90, canary_of(90, 10)),
        (
            "the canary is as large as the ramp begins",
            Limits { ramp: Some(Ramp { first: 3, ..Ramp::default() }), ..canary.clone() },
            of(RevisionBefore::NoRun),
            4,
            canary_of(4, 3),
        ),
        (
            "the canary keeps the limit by count",
            Limits { first_run: FirstRun::Canary, ..count(2, 0.0) },
            of(RevisionBefore::NoRun),
            3,
            canary_of(3, 2),
        ),
        (
            "a canary that has entered before",
            canary.clone(),
            BeforeRun { entered: 10, ..of(RevisionBefore::NoRun) },
            1,
            all("first run of this revision", 1),
        ),
        ("the second run after a canary", canary.clone(), before(), 25, "go".to_owned()),
        (
            "a canary of a changed `reentry`",
            canary,
            other(ReentryBefore::Different),
            3,
            all("`reentry` has changed", 3),
        ),
        ("another revision", limits(), other(ReentryBefore::Same), 2, "go".to_owned()),
        ("`reentry` changed", limits(), other(ReentryBefore::Different), 3, all("`reentry` has changed", 3)),
        (
            "`reentry` cannot be read",
            limits(),
            other(ReentryBefore::Unreadable),
            1,
            all("`reentry` may have changed: the revision before cannot be read", 1),
        ),
        (
            "a relation is stale",
            limits(),
            BeforeRun { stale: Some(STALE), ..before() },
            1,
            all("stale: the store has no events of the last 36h", 1),
        ),
        (
            "a text that came under another name",
            limits(),
            BeforeRun { twin: Some("welcome".to_owned()), ..before() },
            2,
            "this is the text of `welcome`, whose file is gone: 2 would enter, and wait until it says `was: welcome`, \
             so that nobody enters twice, or `was: none` if it is new; an approval says that it is new"
                .to_owned(),
        ),
        (
            "a text that came under another name, and a person has approved the revision",
            limits(),
            BeforeRun { twin: Some("welcome".to_owned()), is_approved: true, ..before() },
            2,
            "go".to_owned(),
        ),
        (
            "an event was never seen",
            limits(),
            BeforeRun { unseen: vec![login()], ..before() },
            1,
            all("no event `login` was ever seen; `Logged In` was, 12,430 times", 1),
        ),
        (
            "an event was never seen, and a person has approved the revision",
            limits(),
            BeforeRun { unseen: vec![login()], is_approved: true, ..before() },
            25,
            "go".to_owned(),
        ),
        (
            "an event was never seen, and `unseen: off`",
            Limits { hold_unseen: false, ..limits() },
            BeforeRun { unseen: vec![login()], ..before() },
            25,
            "go".to_owned(),
        ),
        ("nobody would enter", limits(), BeforeRun { stale: Some(STALE), ..before() }, 0, "go".to_owned()),
    ];
    for (situation, limits, before, would_enter, words) in cases {
        assert_eq!(answer(&limits, &before, would_enter), words, "{situation}");
    }
}

#[test]
fn what_events_call_is_held_by_all_that_enter_within_a_day() {
    let canary = Limits { first_run: FirstRun::Canary, ..limits() };
    let hold = Limits { first_run: FirstRun::Hold, ..limits() };
    let off = Limits { hold_above: HoldAbove::Off, ..limits() };
    let unusual =
        Limits { unusual: Some(3.0), hold_above: HoldAbove::Above { count: 10, share: 0.5, most: None }, ..limits() };
    let new = |entered, recent| BeforeRun { is_approved: false, entered, recent: Some(recent), ..before() };
    let above = |count, recent| {
        format!("{count} would enter, and {recent} have within 24 hours; more than 25 wait for a person's approval")
    };
    let unapproved =
        |entered, rest: &str| format!("no person has approved this revision, by which {entered} have entered: {rest}");
    let first = "first run of this revision: 1 would enter, and wait for a person's approval";
    let cases: Vec<(&str, Limits, BeforeRun, u64, String)> = vec![
        ("nobody before", limits(), called(0), 25, "go".to_owned()),
        (
            "nobody before, and too many at once",
            limits(),
            called(0),
            26,
            "26 would enter; more than 25 wait for a person's approval".to_owned(),
        ),
        ("the last of a day", limits(), called(24), 1, "go".to_owned()),
        ("one more than on a day", limits(), called(25), 1, above(1, 25)),
        ("far more than on a day", limits(), called(90), 2, above(2, 90)),
        ("two where one has room", limits(), called(24), 2, above(2, 24)),
        ("`hold_above: off`", off, called(9_999), 9, "go".to_owned()),
        ("as many as on a usual day", unusual.clone(), called(14), 1, "go".to_owned()),
        (
            "more than on a usual day",
            unusual,
            called(15),
            1,
            "1 would enter, and 15 have within 24 hours, which is unusual: more than 3 times 5, the median of the last \
             days"
                .to_owned(),
        ),
        ("the first whom a new revision lets in", canary.clone(), new(0, 0), 1, "go".to_owned()),
        ("the tenth, in whichever run", canary.clone(), new(9, 9), 1, "go".to_owned()),
        (
            "the eleventh, while no person has approved it",
            canary.clone(),
            new(10, 0),
            1,
            unapproved(10, "1 would enter, and wait for a person's approval"),
        ),
        (
            "some of whom only one has room",
            canary.clone(),
            new(9, 9),
            3,
            unapproved(9, "3 would enter; 1 enter at once, and 2 wait for a person's approval"),
        ),
        ("the eleventh after an approval", canary.clone(), BeforeRun { entered: 10, ..called(10) }, 15, "go".to_owned()),
        ("a run that let nobody in was no first run", hold.clone(), new(0, 0), 1, first.to_owned()),
        ("`first_run: hold` ends with an approval", hold, called(0), 1, "go".to_owned()),
        ("`first_run: go` lets no flood in", limits(), new(25, 25), 1, above(1, 25)),
    ];
    for (situation, limits, before, would_enter, words) in cases {
        assert_eq!(answer(&limits, &before, would_enter), words, "{situation}");
    }
    // A canary never lets more in than a day may.
    let before = new(3, 20);
    assert_eq!(limit(&canary, &before).canary(), 5);
}

#[test]
fn of_several_causes_the_earliest_is_named() {
    let limits = Limits {
        first_run: FirstRun::Hold,
        unusual: Some(1.0),
        store_change: Some(StoreChange { share: 0.1, least: 20 }),
        hold_above: HoldAbove::Above { count: 1, share: 0.01, most: None },
        ..limits()
    };
    // Everything at once; each next case lacks the cause before it.
    let mut before = BeforeRun {
        stale: Some(STALE),
        unseen: vec![login()],
        revision: RevisionBefore::Other(ReentryBefore::Different),
        subjects_before: Some(10),
        ..before()
    };
    let cause = |limits: &Limits, before: &BeforeRun| match limit(limits, before).answer(11) {
        HoldAnswer::Go => None,
        HoldAnswer::Hold(reason) => Some(reason.cause),
    };
    assert_eq!(cause(&limits, &before), Some(HoldCause::Stale(STALE)));
    before.stale = None;
    assert_eq!(cause(&limits, &before), Some(HoldCause::Unseen(vec![login()])));
    before.is_approved = true;
    assert_eq!(cause(&limits, &before), Some(HoldCause::ReentryChanged));
    before.revision = RevisionBefore::Other(ReentryBefore::Unreadable);
    assert_eq!(cause(&limits, &before), Some(HoldCause::ReentryUnreadable));
    before.revision = RevisionBefore::Other(ReentryBefore::Same);
    assert_eq!(cause(&limits, &before), Some(HoldCause::FirstRun));
    before.revision = RevisionBefore::Same;
    assert_eq!(cause(&limits, &before), Some(HoldCause::StoreChanged { before: 10, now: 1_000 }));
    before.subjects_before = Some(1_000);
    assert_eq!(cause(&limits, &before), Some(HoldCause::Unusual { times: 1.0, median: 5.0 }));
    before.sizes.clear();
    assert_eq!(cause(&limits, &before), Some(HoldCause::Count));
    before.subjects = 1_100;
    assert_eq!(cause(&limits, &before), None);
}

#[test]
fn the_median_needs_three_runs() {
    assert_eq!(median(&[5, 1]), None);
    assert_eq!(median(&[9, 1, 2]), Some(2.0));
    assert_eq!(median(&[9, 1, 2, 4]), Some(3.0));
}
