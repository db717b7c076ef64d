//! A course leaves out the looks before which nothing can have changed. What
//! comes about is the same as if it had looked every quarter hour.

use std::path::Path;

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::diagnostic::Position;
use keepwell::facts::Schema;
use keepwell::playbook::source::SourceSet;
use keepwell::playbook::{Layout, Origin, Source};
use keepwell::rehearsal::{CaseReport, play_all};

use super::{passes, playbook};

/// Never true, but it asks all accounts together: then a course plays every slot, and looks
/// every quarter hour.
const OF_ALL: &str = "(share_of(account.mrr < 0) ?? 0) > 200";

/// Plays again, looking every quarter hour, and compares.
pub fn assert_same_every_quarter(sources: &SourceSet, config: &Config, played: &[CaseReport]) {
    // One with a suppression or with little time of its own is another world.
    if config.suppress.is_some() || config.limits.cases != Config::default().limits.cases {
        return;
    }
    let origin =
        Origin { file: "keepwell.yaml".into(), start: Position { line: 1, column: 1 }, layout: Layout::Inline };
    let config = Config { suppress: Some(Source { text: OF_ALL.into(), origin }), ..config.clone() };
    let schema = Schema::default_store();
    let (ready, problems) = catalog::load(sources, &[], &config, &schema);
    assert!(!problems.iter().any(|problem| problem.is_error()), "{problems:#?}");
    let reports = play_all(&ready, &config, &schema);
    let every_quarter = reports.iter().flat_map(|report| &report.cases);
    let mut compared = 0;
    for (one, other) in played.iter().zip(every_quarter) {
        assert_eq!(one, other, "{}", one.name);
        compared += 1;
    }
    assert_eq!(compared, played.len());
}

#[test]
fn the_shipped_playbooks_play_the_same_every_quarter_hour() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let (config, schema) = (Config::default(), Schema::default_store());
    let (ready, _) = catalog::load(&sources, &[], &config, &schema);
    let played: Vec<CaseReport> =
        play_all(&ready, &config, &schema).into_iter().flat_map(|report| report.cases).collect();
    assert!(played.len() > 50);
    assert_same_every_quarter(&sources, &config, &played);
}

/// What turns a rule comes at all minutes: just before, at and behind a quarter.
#[test]
fn whatever_the_minute_a_change_is_seen_in_its_quarter() {
    for (minutes, seen) in [(1435, 1440), (1440, 1440), (1441, 1455), (1454, 1455), (1455, 1455), (1456, 1470)] {
        for (change, ended) in [
            ("account: { activated_at: 0d }", "goal"),
            ("events: { report: [-1m] }", "exited"),
            ("contacts: [ { role: champion, left_at: 0d } ]", "timed out"),
            ("done: call", "met"),
            ("outcome: { call: reached }", "met"),
            ("account: { status: churned }", "exited"),
        ] {
            let seen = if ended == "timed out" { 5 * 1440 } else { seen };
            passes(&playbook(&format!(
                "when: account.mrr > 5\ngoal: account.activated_at != none\nexit: account.events(\"report\", 30) > 0\n\
                 steps:\n  - task: {{ id: call, title: x, to: csm, outcomes: [reached] }}\n  \
                 - wait: {{ until: 'done(\"call\")', at_most: 5d, on_met: met, on_timeout: next }}\n  \
                 - end: timed out\n  - end: {{ id: met, reason: met }}\n\
                 tests:\n  - name: {ended} after {minutes} minutes\n    at: 2026-03-02T09:00:00Z\n    account: {{ mrr: 9 }}\n    \
                 then: {{ {minutes}m: {{ {change} }} }}\n    \
                 expect: [ {{ after: 0d, task: call }}, {{ after: {seen}m, ended: {ended} }} ]\n"
            )));
        }
    }
}

/// Days since an event grow by time alone; who is away comes back by time alone.
#[test]
fn what_time_alone_changes_is_seen_too() {
    passes(&playbook(
        "when: account.mrr > 5\nexit: (account.days_since_event(\"login\") ?? 0) >= 3\n\
         steps:\n  - task: { title: x, to: csm }\n  - wait: 20d\n\
         tests:\n  - name: three days after the last login\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    \
         events: { login: [-26h, -7h] }\n    then: { 10h: { events: { login: [9h] } } }\n    \
         expect: [ { after: 0d, task: task-1 }, { after: 81h, ended: exited } ]\n",
    ));
    passes(&playbook(
        "when: account.mrr > 5\nexit: account.events(\"login\", 2) == 0\n\
         steps:\n  - wait: 20d\n\
         tests:\n  - name: two days after the last login\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    \
         events: { login: [-26h, -7h] }\n    expect: [ { after: 2475m, ended: exited } ]\n",
    ));
}

/// Counts of days and hours turn at the minute of what they count from; a calendar
/// at midnight in the playbook's zone.
#[test]
fn what_the_clock_changes_is_seen_in_its_quarter() {
    for (exit, given, ended) in [
        ("days_since(account.signed_up_at) >= 10", "account: { mrr: 9, signed_up_at: 2026-02-25T13:07:00Z }", "7455m"),
        ("days_since(account.signed_up_at) >= 10", "account: { mrr: 9, signed_up_at: 2026-02-25T13:15:00Z }", "7455m"),
        ("account.signed_up_at < now - days(10)", "account: { mrr: 9, signed_up_at: 2026-02-25T13:15:00Z }", "7470m"),
        (
            "(hours_until(account.traits.ends) ?? 99) <= 5",
            "account: { mrr: 9, traits: { ends: '2026-03-04T20:50:00Z' } }",
            "54h",
        ),
        ("weekday(now) == 7", "account: { mrr: 9 }", "134h"),
        ("days_since(entry.at) >= 2", "account: { mrr: 9 }", "48h"),
        (
            "(days_since(account.event_at(\"login\")) ?? 0) >= 2",
            "account: { mrr: 9 }\n    events: { login: [-77m] }",
            "2805m",
        ),
    ] {
        passes(&playbook(&format!(
            "timezone: Europe/Berlin\nwhen: account.mrr > 5\nexit: '{exit}'\nsteps:\n  - wait: 20d\n\
             tests:\n  - name: {ended}\n    at: 2026-03-02T09:00:00Z\n    {given}\n    \
             expect: [ {{ after: {ended}, ended: exited }} ]\n"
        )));
    }
}

/// What the course itself does turns rules at once and days later.
#[test]
fn what_our_own_state_changes_is_seen_in_its_quarter() {
    passes(&playbook(
        "when: account.mrr > 5\nexit: (account.days_since_touch() ?? 0) >= 3\nsteps:\n  - wait: 77m\n  \
         - email: { to: champion, subject: x, body: y }\n  - wait: 20d\n\
         tests:\n  - name: three days after the mail\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    \
         expect: [ { after: 77m, email: email-1 }, { after: 4410m, ended: exited } ]\n",
    ));
    passes(&playbook(
        "when: account.mrr > 5\nexit: account.label(\"risk\") == \"high\"\nsteps:\n  - wait: 77m\n  \
         - set: { risk: high }\n  - wait: 20d\n\
         tests:\n  - name: labelled\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    \
         expect: [ { after: 90m, ended: exited } ]\n",
    ));
}

/// A condition that was false is looked at again when something is done, when a window
/// ends and when the clock turns it.
#[test]
fn a_false_condition_is_looked_at_when_it_can_turn() {
    for (when, given, after) in [
        ("account.tier == \"A\"", "account: { tier: B }\n    then: { 51h: { account: { tier: A } } }", "3d"),
        ("account.tier == \"A\"", "account: { tier: B }\n    then: { 2d: { account: { tier: A } } }", "2d"),
        ("account.events(\"login\", 2) == 0", "events: { login: [-7h, -1h] }", "2d"),
        // The turns of one fact come after those of another.
        (
            "account.events(\"login\", 30) == 0 || account.events(\"report\", 7) == 0",
            "events: { login: [-2d, -1d], report: [-25h] }",
            "6d",
        ),
        ("days_since(account.signed_up_at) >= 10", "account: { signed_up_at: 2026-02-25T13:07:00Z }", "6d"),
        ("weekday(now) == 5", "account: { mrr: 9 }", "4d"),
        ("account.label(\"risk\") == \"high\"", "then: { 30h: { labels: { risk: high } } }", "2d"),
    ] {
        let text = playbook(&format!(
            "when: '{when}'\nsteps:\n  - task: {{ id: call, title: x, to: csm }}\n\
             tests:\n  - name: {after}\n    at: 2026-03-02T09:00:00Z\n    {given}\n    \
             expect: [ {{ after: {after}, task: call }} ]\n"
        ));
        passes(&text.replace("0 9 * * mon-fri", "0 9 * * *"));
    }
}

/// Who came out and whose condition was false comes in again at the slot behind its turn.
#[test]
fn who_came_out_comes_in_again_at_the_next_slot() {
    let text = playbook(
        "when: account.tier == \"A\" && account.mrr < 5\nreentry: { gap: 2d }\ngoal: account.mrr > 5\n\
         steps:\n  - task: { id: call, title: x, to: csm }\n  - wait: 20d\n\
         tests:\n  - name: again\n    at: 2026-03-02T09:00:00Z\n    account: { tier: A, mrr: 1 }\n    \
         then: { 25h: { account: { mrr: 9 } }, 73h: { account: { mrr: 1 } } }\n    \
         expect:\n      - { after: 0d, task: call }\n      - { after: 25h, ended: goal }\n      - { after: 4d, task: call }\n",
    );
    passes(&text.replace("0 9 * * mon-fri", "0 9 * * *"));
}
