//! The playbooks' own cases: those that must pass, and the same ones changed
//! so that they must fail with the right words.

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rehearsal::{CaseReport, check_cases, play_all};

mod attention;
mod consent;
mod earlier;
mod edges;
mod hindsight;
mod neighbours;
mod own;
mod people;

/// Plays the cases of one playbook under a configuration.
fn play_with(text: &str, config: &Config) -> Vec<CaseReport> {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let other = "playbook: other\nabout: x\nalerts_to: a@example.com\nschedule: '0 9 * * *'\nwhen: account.mrr > 1\nsteps: [ { task: { title: x } } ]\n";
    let sources = SourceSet {
        playbooks: vec![file("playbooks/p.yaml", text), file("playbooks/other.yaml", other)],
        ..SourceSet::default()
    };
    let schema = Schema::default_store();
    let (ready, problems) = catalog::load(&sources, &[], config, &schema);
    let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    play_all(&ready, config, &schema).remove(0).cases
}

fn play(text: &str) -> Vec<CaseReport> {
    play_with(text, &Config::default())
}

#[track_caller]
fn passes(text: &str) -> Vec<CaseReport> {
    let cases = play(text);
    assert!(!cases.is_empty());
    for case in &cases {
        let happened: Vec<String> = case.happened.iter().map(|happening| happening.told()).collect();
        assert!(case.passed, "{}: {:#?}\n{happened:#?}", case.name, case.failures);
    }
    cases
}

/// The messages of the first case after a change of the text.
#[track_caller]
fn fails(text: &str, from: &str, to: &str) -> Vec<String> {
    assert!(text.contains(from), "{from}");
    let case = play(&text.replacen(from, to, 1)).remove(0);
    assert!(!case.passed, "{:#?}", case.happened);
    case.failures.into_iter().map(|failure| failure.message).collect()
}

fn playbook(rest: &str) -> String {
    format!("playbook: p\nabout: A test.\nalerts_to: ops@example.com\nschedule: \"0 9 * * mon-fri\"\n{rest}")
}

const RESCUE: &str = r#"
timezone: Europe/Berlin
when: |
  account.activated_at == none
    && days_since(account.signed_up_at) >= 30
    && account.events("login", 30) < 3
    && account.tier in ["A", "B"]
goal: account.activated_at != none
exit: account.open_tickets("urgent") > 0
suppress: account.in_playbook("other")
steps:
  - email:
      id: nudge
      to: champion
      subject: "{{ account.name }}: three steps"
      body: |
        Hi {{ recipient.first_name | default("there") }}, *three* steps
        to your first result.
  - wait: { until: 'account.events("login", since_step) > 0', at_most: 4d, on_met: end }
  - branch:
      - if: account.mrr >= 5000
        steps:
          - task: { id: call, title: "Call {{ account.name }}", to: csm, due: 2 business days, outcomes: [reached] }
      - else:
          - notify: { id: tell, channel: csm, text: "{{ account.name }} is still not activated" }
  - wait: 7d
  - task: { id: escalate, if: 'account.tier == "A" && !done("call")', title: "Escalate", to: manager, due: 1 business day }
tests:
  - name: a stalled A account is nudged, then called, then escalated
    at: 2026-03-02T09:00:00+01:00
    account: { tier: A, signed_up_at: -46d, mrr: 9000 }
    expect:
      - { after: 0d, email: nudge, to: champion, subject: "Example Company: three steps", contains: "three steps to your first result" }
      - { after: 4d, task: call, to: csm, contains: "Call Example" }
      - { after: 11d, task: escalate, to: manager }
      - { after: 11d, ended: completed }
"#;

fn rescue(case: &str) -> String {
    playbook(&format!("{RESCUE}{case}"))
}

#[test]
fn a_whole_way_is_played() {
    let cases = passes(&rescue(""));
    let happened: Vec<String> = cases[0].happened.iter().map(|happening| happening.told()).collect();
    assert_eq!(
        happened,
        [
            "at the start: the account entered (account.activated_at is missing, account.events(\"login\", 30) = 0, account.signed_up_at = 2026-01-15T08:00:00Z, account.tier = A)",
            "at the start: mail `nudge` to champion (champion@customer.example): Example Company: three steps",
            "after 4d: task `call` for csm, due 2026-03-10 09:00 CET: Call Example Company",
            "after 11d: task `escalate` for manager, due 2026-03-16 09:00 CET: Escalate",
            "after 11d: ended as completed",
        ]
    );
}

/// A case that gives what the playbook never asks for holds nothing.
#[test]
fn a_misspelt_name_in_a_case_is_a_warning() {
    let text = playbook(
        r#"
when: account.events("login", 30) < 3 && account.label("risk") != "high"
goal: account.score("nps") != none && account.score("nps") > 8
steps: [ { task: { title: x } } ]
tests:
  - name: misspelt
    at: 2026-03-02T09:00:00Z
    account: { status: canceled }
    events: { logni: [-1d], purchase: [-1d] }
    labels: { riks: high }
    scores: [ { name: nsp, value: 9, at: -1d } ]
    expect: []
  - name: as it should be
    at: 2026-03-02T09:00:00Z
    account: { status: churned }
    events: { login: [-1d] }
    then: { 1d: { scores: [ { name: nps, value: 9, at: -1d } ], labels: { risk: high } } }
    expect: []
"#,
    );
    let file = SourceFile { path: "p.yaml".into(), text: text.into() };
    let set = SourceSet { playbooks: vec![file], ..SourceSet::default() };
    let schema = Schema::default_store();
    let (ready, _) = catalog::load(&set, &[], &Config::default(), &schema);
    let problems = check_cases(&ready[0], &schema, &[]);
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            assert!(!problem.is_error());
            format!("{}: {}; {}", problem.line, problem.message, problem.help.as_deref().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            "12: no account has the status `canceled`; the statuses are active, trial, churned",
            "13: the playbook asks for no event `logni`; did you mean `login`?",
            "14: the playbook asks for no label `riks`; did you mean `risk`?",
            "15: the playbook asks for no score `nsp`; did you mean `nps`?",
        ]
    );
}

/// A fact is an address and never a role or `all`, in steps as in scripts.
#[test]
fn a_recipient_from_a_fact_is_an_address() {
    let text = |to: &str, billing: &str| {
        let steps = match to {
            "step" => "  - email: { id: bill, to: account.traits.billing, subject: s, body: b }".to_owned(),
            to => format!("  - run: |\n      email(#{{ to: {to}, subject: \"s\", body: \"b\" }});"),
        };
        let case = format!(
            "  - name: one\n    at: 2026-03-02T09:00:00Z\n    account: {{ mrr: 9, traits: {{ billing: {billing} }} }}\n\
             \x20   contacts: [ {{ role: champion }}, {{ role: owner }} ]\n    expect: []"
        );
        playbook(&format!("\nwhen: account.mrr > 1\nsteps:\n{steps}\ntests:\n{case}\n"))
    };
    let told = |to: &str, billing: &str| -> Vec<String> {
        play(&text(to, billing))[0].happened.iter().map(|happening| happening.told()).collect()
    };
    for billing in ["all", "champion", "Ann <a@b.example>"] {
        for to in ["step", "account.traits.billing"] {
            let told = told(to, billing);
            assert!(told.iter().any(|line| line.contains("could not be sent")), "{told:#?}");
            assert!(!told.iter().any(|line| line.contains("customer.example)")), "{told:#?}");
        }
    }
    let unlisted = text("[account.traits.billing, \"finance\"][1]", "x")
        .replace("    contacts: [ { role: champion }, { role: owner } ]\n", "");
    let failures = format!("{:?}{:?}", play(&unlisted)[0].failures, play(&unlisted)[0].happened);
    assert!(failures.contains("no recipient; list who is there under `contacts:`"), "{failures}");
    let mail = |to: &str, billing: &str| {
        let told = told(to, billing);
        told.into_iter().filter(|line| line.contains(": mail `")).count()
    };
    assert_eq!(mail("account.traits.billing", "pay@b.example"), 1);
    assert_eq!(mail("if account.mrr > 5 { \"all\" } else { \"owner\" }", "pay@b.example"), 2);
}

#[test]
fn a_case_like_another_changes_what_it_says() {
    passes(&rescue(
        r#"
  - name: activation stops it
    like: a stalled A account is nudged, then called, then escalated
    then: { 3d: { account: { activated_at: 3d } } }
    expect: [ { after: 0d, email: nudge }, { after: 3d, ended: goal } ]
  - name: a C account is left alone
    like: a stalled A account is nudged, then called, then escalated
    account: { tier: C }
    expect: []
  - name: a small account is told about
    like: a stalled A account is nudged, then called, then escalated
    account: { mrr: 100 }
    expect: [ { after: 0d, email: nudge }, { after: 4d, notify: tell, to: csm, contains: "still not" }, { after: 11d, task: escalate } ]
  - name: a call that was made is not escalated
    like: a stalled A account is nudged, then called, then escalated
    then: { 5d: { outcome: { call: reached } } }
    expect: [ { after: 0d, email: nudge }, { after: 4d, task: call }, { after: 11d, ended: completed } ]
  - name: a login since the mail ends it at the next look
    like: a stalled A account is nudged, then called, then escalated
    then: { 1d: { events: { login: [1d] } } }
    expect: [ { after: 0d, email: nudge }, { after: 1455m, ended: completed } ]
  - name: logins before it do not end the wait
    like: a stalled A account is nudged, then called, then escalated
    events: { login: 2 over 30d }
    expect: [ { after: 0d, email: nudge }, { after: 4d, task: call } ]
  - name: three logins are enough, and one at exactly 30 days ago counts
    like: a stalled A account is nudged, then called, then escalated
    events: { login: [ -1d, { at: -3d, contact: champion }, -29d ] }
    expect: [ { after: 2d, email: nudge }, { after: 6d, task: call } ]
  - name: an urgent ticket stops it
    like: a stalled A account is nudged, then called, then escalated
    then: { 2d: { tickets: [ { opened_at: 47h, severity: urgent } ] } }
    expect: [ { after: 0d, email: nudge }, { after: 2d, ended: exited } ]
  - name: another playbook blocks it on the way
    like: a stalled A account is nudged, then called, then escalated
    then: { 2d: { in_playbook: [other] } }
    expect: [ { after: 0d, email: nudge }, { after: 2d, ended: blocked } ]
  - name: another playbook keeps it out
    like: a stalled A account is nudged, then called, then escalated
    in_playbook: other
    expect: []
  - name: a churned account leaves
    like: a stalled A account is nudged, then called, then escalated
    then: { 2d: { account: { status: churned } } }
    expect: [ { after: 0d, email: nudge }, { after: 2d, ended: exited } ]
  - name: nobody to write to
    like: a stalled A account is nudged, then called, then escalated
    contacts: { champion: { left_at: -1d } }
    expect: [ { after: 0d, notify: nudge, to: csm }, { after: 4d, task: call } ]
  - name: without a CSM the owners hear of it
    like: a stalled A account is nudged, then called, then escalated
    account: { csm_id: null }
    contacts: []
    expect: [ { after: 0d, notify: nudge, to: ops@example.com }, { after: 4d, task: call } ]
  - name: an unnamed champion
    like: a stalled A account is nudged, then called, then escalated
    contacts: [ { role: champion, email: Ada@Customer.example } ]
    expect: [ { after: 0d, email: nudge, to: ada@customer.example, contains: "Hi there" } ]
"#,
    ));
}

#[test]
fn differences_are_told_in_words() {
    let text = rescue("");
    let first = |from: &str, to: &str| fails(&text, from, to);
    assert_eq!(
        first("{ after: 4d, task: call", "{ after: 5d, task: call"),
        ["expected the task `call` after 5d, but the task `call` was created for csm after 4d"]
    );
    assert_eq!(
        first("{ after: 11d, task: escalate, to: manager }", "{ after: 11d, notify: tell }"),
        [
            "expected the notice `tell` after 11d, but it did not happen: it ended as `completed` after 11d",
            "after 11d the task `escalate` was created for manager, which the case does not expect: Escalate",
        ]
    );
    assert_eq!(
        first("task: call, to: csm", "task: call, to: manager"),
        ["the task `call` after 4d was expected to go to `manager`; it went to csm"]
    );
    assert_eq!(
        first("email: nudge, to: champion", "email: nudge, to: owner"),
        [
            "the mail `nudge` at the start was expected to go to `owner`; it went to champion (champion@customer.example)"
        ]
    );
    assert_eq!(
        first("subject: \"Example Company: three steps\"", "subject: Hello"),
        [
            "the mail `nudge` at the start was expected to have the subject “Hello”; it is “Example Company: three steps”"
        ]
    );
    assert_eq!(
        first("contains: \"three steps to your first result\"", "contains: \"four steps\""),
        [
            "the mail `nudge` at the start does not contain “four steps”; its text is “Example Company: three steps Hi Champion, *three* steps to your first result.”"
        ]
    );
    assert_eq!(
        first("ended: completed", "ended: goal"),
        ["expected the end as `goal` after 11d, but it ended as `completed` after 11d"]
    );
    let told = first("account: { tier: A,", "account: { tier: C,");
    assert_eq!(told.len(), 4);
    assert!(
        told[0].starts_with(
            "expected the mail `nudge` at the start, but it did not happen. The account did not enter: the condition was false ("
        ) && told[0].contains("account.tier = C"),
        "{}",
        told[0]
    );
    assert_eq!(
        first("    expect:\n", "    in_playbook: [other]\n    expect:\n")[0],
        "expected the mail `nudge` at the start, but it did not happen. The account did not enter: skipped as `blocked` (suppress: account.in_playbook(\"other\") = true)"
    );
    assert_eq!(
        first("    expect:\n", "    contacts: []\n    expect:\n"),
        [
            "expected the mail `nudge` at the start, but at the start the mail `nudge` was skipped: no recipient",
            "at the start the notice `nudge` was sent to csm (casey.morgan@keepwell.example), which the case does not expect: Nobody to write to at Example Company A mail of the playbook p to Example Company was not sent: there is no reachable contact for it. Please see who could be ad…",
        ]
    );
}

#[test]
fn failures_stand_at_their_expectation() {
    let text = rescue("").replace("{ after: 4d, task: call", "{ after: 5d, task: call");
    let case = play(&text).remove(0);
    let line = text.lines().position(|line| line.contains("after: 5d")).map(|at| at as u32 + 1);
    assert_eq!(Some(case.failures[0].place.line), line);
}

#[test]
fn mistakes_in_fixtures_have_places_and_suggestions() {
    let text = rescue("");
    let found = |from: &str, to: &str| fails(&text, from, to);
    assert_eq!(
        found("signed_up_at: -46d", "signd_up_at: -46d"),
        ["the account has no column `signd_up_at`; did you mean `signed_up_at`? (KW0202)"]
    );
    assert_eq!(
        found("signed_up_at: -46d", "signed_up_at: yesterday"),
        [
            "`signed_up_at` is not a time: `yesterday`; write a span from `at` such as `-46d` or `3d`, a date such as `2026-01-15`, or an instant with its offset (KW0501)"
        ]
    );
    assert_eq!(found("tier: A", "tier: 1"), ["the column `tier` is text, not the number 1; put it in quotes (KW0501)"]);
    assert_eq!(
        found("signed_up_at: -46d,", ""),
        [
            "the playbook reads the column `signed_up_at`, which every account has and this case does not give: add `account: { signed_up_at: … }`"
        ]
    );
    for (key, message) in [
        ("events: { login: 5 }", "`login` needs a time, not the number 5"),
        ("events: { login: 5 over a month }", "the events `login` cannot be read"),
        ("events: { login: [ { at: -1d, contact: owner } ] }", "the case has no contact with the role `owner`"),
        ("scores: [ { name: nps, vlue: 3, at: -1d } ]", "a score needs the key `value`"),
        ("scores: [ { name: nps, value: high, at: -1d } ]", "`value` needs a number, not text"),
        ("tickets: [ { severity: high } ]", "a ticket needs the key `opened_at`"),
        (
            "contacts: { champion: { frst_name: Ada } }",
            "a contact has no column `frst_name`; did you mean `first_name`?",
        ),
        ("csm: { nme: Ada }", "the CSM has no column `nme`; did you mean `name`?"),
        ("then: { 1d: { account: { mmr: 3 } } }", "the account has no column `mmr`; did you mean `mrr`?"),
        ("then: { 1d: { account: { mrr: null } } }", "the column `mrr` cannot be missing"),
    ] {
        let told = found("    expect:\n", &format!("    {key}\n    expect:\n"));
        assert!(told.iter().any(|told| told.starts_with(message)), "{key}: {told:?}");
    }
}

#[test]
fn mistakes_in_fixtures_are_diagnostics_too() {
    let again = "  - { name: again, like: \"a stalled A account is nudged, then called, then escalated\", in_playbook: other, expect: [] }\n";
    let text = rescue(again).replace("tier: A,", "tir: A,").replace("in_playbook(\"other\")", "in_playbook(\"p\")");
    let sources = SourceSet {
        playbooks: vec![SourceFile { path: "p.yaml".into(), text: text.as_str().into() }],
        ..SourceSet::default()
    };
    let schema = Schema::default_store();
    let (ready, _) = catalog::load(&sources, &[], &Config::default(), &schema);
    let known = ["other".to_owned()];
    assert_eq!(check_cases(&ready[0], &schema, &known).len(), 1, "a case like it is not said again");
    let problems = check_cases(&ready[0], &schema, &[]);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_eq!((problems[1].code, problems[1].help.as_deref()), ("KW0108", None));
    assert_eq!((problems[0].code, problems[0].help.as_deref()), ("KW0202", Some("did you mean `tier`?")));
    let line = text.lines().nth(problems[0].line as usize - 1).unwrap();
    assert!(line[problems[0].column as usize - 1..].starts_with("tir:"), "{line}");
}

#[test]
fn dates_move_and_local_times_are_local() {
    let text = playbook(
        r#"
timezone: Europe/Berlin
when: account.renewal_at != none && days_until(account.renewal_at) >= 30
steps:
  - wait: { date: account.renewal_at - days(90), at: "10:30" }
  - notify: { id: ninety, channel: alerts_to, text: "due {{ account.renewal_at | default('?') }}" }
  - wait: { for: 1d, at: "08:00" }
  - task: { id: plan, title: Plan }
tests:
  - name: ninety days before, over the change to summer time, at the account's time
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30, timezone: America/New_York }
    expect:
      # 1 April 00:00 in Berlin is 18:00 in New York; the next 10:30 there is 1 April, 14:30Z.
      - { after: 7590m, notify: ninety, to: alerts_to, contains: "due 30 June 2026" }
      # A day later it is past 08:00; the next one is 3 April, 12:00Z.
      - { after: 172h, task: plan }
  - name: the renewal moves
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30 }
    then: { 1d: { account: { renewal_at: 2026-09-30 } }, 2d: { account: { renewal_at: 2026-06-20 } } }
    expect:
      - { after: 2d, notify: ninety }
      # 30 March 10:00 in Berlin is past 08:00, so 31 March, 06:00Z.
      - { after: 94h, task: plan }
  - name: the renewal goes away
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30 }
    then: { 1d: { account: { renewal_at: none } } }
    expect: [ { after: 1d, ended: exited } ]
"#,
    );
    passes(&text);
}

#[test]
fn one_enrollment_per_key() {
    passes(&playbook(
        r#"
when: account.renewal_at != none && days_until(account.renewal_at) <= 90
reentry: { once_per: account.renewal_at }
goal: account.renewal_at != none && account.renewal_at > entry.renewal_at
steps:
  - task: { id: plan, title: "Plan {{ account.renewal_at }}", due: 5 business days }
tests:
  - name: once per renewal
    at: 2026-03-02T09:00:00Z
    account: { renewal_at: 60d }
    expect: [ { after: 0d, task: plan }, { after: 0d, ended: completed } ]
  - name: and again for the next one
    at: 2026-03-02T09:00:00Z
    account: { renewal_at: 60d }
    then: { 8d: { account: { renewal_at: 80d } } }
    expect: [ { after: 0d, task: plan, contains: "1 May" }, { after: 8d, task: plan, contains: "21 May" } ]
"#,
    ));
    // The first task would still be open: its goal is what closed it.
    let told = fails(
        &playbook(
            r#"
when: account.mrr > 0
reentry: { gap: 3d }
steps:
  - task: { id: plan, title: Plan }
tests:
  - name: refreshed
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 5d: { done: plan } }
    expect: [ { after: 0d, task: plan }, { after: 7d, task: plan } ]
"#,
        ),
        "after: 7d",
        "after: 3d",
    );
    assert_eq!(told, ["expected the task `plan` after 3d, but it did not happen: it ended as `completed` after 3d"]);
}

#[test]
fn an_open_task_is_refreshed_and_a_done_one_comes_again() {
    let cases = passes(&playbook(
        r#"
when: account.mrr > 0
reentry: { gap: 3d }
steps:
  - task: { id: plan, title: Plan }
tests:
  - name: refreshed after 3 days, done, created again after 7 (5 and 6 are a weekend)
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 5d: { done: plan } }
    expect: [ { after: 0d, task: plan }, { after: 7d, task: plan } ]
"#,
    ));
    let happened: Vec<String> = cases[0].happened.iter().map(|happening| happening.told()).collect();
    assert!(
        happened.contains(&"after 3d: the task `plan` is still open and was refreshed".to_owned()),
        "{happened:#?}"
    );
    assert!(happened.contains(&"after 5d: the task `plan` was completed".to_owned()), "{happened:#?}");
}

#[test]
fn a_person_ends_a_wait() {
    passes(&playbook(
        r#"
when: account.mrr > 0
steps:
  - task: { id: call, title: Call, outcomes: [reached, no answer] }
  - wait: { until: 'done("call")', at_most: 10d, on_timeout: late }
  - branch:
      - if: outcome("call") == "reached"
        steps: [ { end: talked } ]
  - email: { id: sorry, to: [champion, owner], subject: Sorry, body: "We *missed* you at {{ account.name }}" }
  - end: missed
  - notify: { id: late, channel: manager, text: "nobody called" }
tests:
  - name: reached
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 36h: { outcome: { call: reached } } }
    expect: [ { after: 0d, task: call }, { after: 36h, ended: talked } ]
  - name: not reached
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, name: "A_B *Ltd*" }
    then: { 36h: { done: call, outcome: { call: no answer } } }
    expect:
      - { after: 0d, task: call }
      - { after: 36h, email: sorry, to: champion, contains: "missed you at A_B *Ltd*" }
      - { after: 36h, email: sorry, to: owner }
      - { after: 36h, ended: missed }
  - name: nobody calls
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: [ { after: 0d, task: call }, { after: 10d, notify: late, to: manager } ]
"#,
    ));
}

#[test]
fn a_mail_that_cannot_be_written_fails_the_case() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - email: { id: hello, to: champion, subject: "{{ account.traits.plan }}", body: Hello }
tests:
  - name: without a plan
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: []
  - name: with a plan
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, traits: { plan: Pro } }
    expect: [ { after: 0d, email: hello, subject: Pro } ]
"#,
    );
    let cases = play(&text);
    assert!(cases[1].passed, "{:#?}", cases[1].failures);
    assert_eq!(cases[0].failures.len(), 1);
    let message = &cases[0].failures[0].message;
    assert!(message.starts_with("at the start the mail `hello` could not be written: "), "{message}");
}

#[test]
fn scores_and_spread_events_are_seen_strictly_before() {
    passes(&playbook(
        r#"
when: account.score("nps") != none && account.score("nps") < 7 && account.active_days("login", 10) >= 10
steps: [ { task: { id: call, title: "NPS {{ account.score('nps') | default('?') }}" } } ]
tests:
  - name: a bad answer
    at: 2026-03-02T09:00:00Z
    events: { login: 10 over 10d }
    scores: [ { name: nps, value: 3, at: -1d, contact: champion } ]
    contacts: [ { role: champion } ]
    expect: [ { after: 0d, task: call, subject: "NPS 3" } ]
  - name: an answer at the very instant of the run counts at the next one
    at: 2026-03-02T09:00:00Z
    events: { login: [ 23h, 11h, 10h, -1d, -2d, -3d, -4d, -5d, -6d, -7d, -8d, -9d, -10d ] }
    scores: [ { name: nps, value: 3, at: 0d } ]
    expect: [ { after: 1d, task: call } ]
"#,
    ));
}

#[test]
fn holidays_are_the_configurations() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - wait: 2 business days
  - task: { id: call, title: Call, due: 1 business day }
tests:
  - name: over a holiday and a weekend
    at: 2026-12-23T09:00:00Z
    account: { mrr: 5 }
    expect: [ { after: 5d, task: call } ]
"#,
    );
    let day = |text: &str| text.parse().expect("a valid date");
    let config = Config { holidays: vec![(day("2026-12-25"), day("2026-12-25"))], ..Config::default() };
    let case = play_with(&text, &config).remove(0);
    assert!(case.passed, "{:#?}", case.failures);
    assert!(!play(&text).remove(0).passed);
}

#[test]
fn a_case_without_end_is_refused() {
    let text = rescue("");
    assert_eq!(
        fails(&text, "after: 11d, ended", "after: 9999d, ended"),
        ["a case is played for at most 1098d, and this is later"]
    );
}

#[test]
fn the_shipped_playbooks_keep_their_promises() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let (config, schema) = (Config::default(), Schema::default_store());
    let (ready, problems) = catalog::load(&sources, &[], &config, &schema);
    assert!(problems.is_empty(), "{problems:#?}");
    let reports = play_all(&ready, &config, &schema);
    assert!(!reports.is_empty());
    for case in reports.iter().flat_map(|report| &report.cases) {
        let happened: Vec<String> = case.happened.iter().map(|happening| happening.told()).collect();
        assert!(case.passed, "{}: {:#?}\n{happened:#?}", case.name, case.failures);
    }
}

#[test]
fn scripts_write_to_their_roles() {
    passes(&playbook(
        r#"
when: account.mrr > 0
steps:
  - run: |
      if account.mrr > 3 {
        email(#{ to: ["champion", "owner"], subject: "Hello", body: "At " + account.name });
      }
      task(#{ title: "Look", to: "manager", due: "1 business day" });
  - wait: { until: 'sent("run-1") && done("run-1")', at_most: 2d }
  - end: looked
tests:
  - name: everybody is written to
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 1d: { done: run-1 } }
    expect:
      - { after: 0d, email: run-1, to: champion, contains: At Example Company }
      - { after: 0d, email: run-1, to: owner }
      - { after: 0d, task: run-1, to: manager }
      - { after: 1d, ended: looked }
"#,
    ));
}

#[test]
fn surveys_are_asked_and_answered() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - survey: { id: why, score: nps, question: "How likely, {{ account.name }}?", to: champion, valid_for: 5d }
  - branch:
      - if: answer("why") == none
        steps: [ { end: silent } ]
      - if: answer("why") != none && answer("why") <= 6
        steps: [ { task: { id: call, title: "They gave {{ answer('why') | default('nothing') }}" } } ]
tests:
  - name: a detractor is called at once
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 50h: { answer: { why: 3 } } }
    expect:
      - { after: 0d, survey: why, to: champion, contains: "How likely, Example Company?" }
      - { after: 50h, task: call, contains: They gave 3 }
  - name: a promoter is left alone
    like: a detractor is called at once
    then: { 50h: { answer: { why: 9 } } }
    expect: [ { after: 0d, survey: why }, { after: 50h, ended: completed } ]
  - name: silence ends it when the time is over
    like: a detractor is called at once
    then: { 50h: { account: { mrr: 6 } } }
    expect: [ { after: 0d, survey: why }, { after: 5d, ended: silent } ]
"#,
    );
    passes(&text);
    // Changed so that they must fail.
    let failures = |from: &str, to: &str| {
        let cases = play(&text.replacen(from, to, 1));
        cases[0].failures.iter().map(|failure| failure.message.clone()).collect::<Vec<_>>().join("; ")
    };
    assert!(failures("why: 3", "why: 11").contains("an answer to `why` is a number from 0 to 10"));
    assert!(failures("why: 3", "why: bad").contains("an answer to `why` is a number from 0 to 10"));
    assert!(!failures("50h, task", "49h, task").is_empty());
    assert!(!failures("valid_for: 5d", "valid_for: 2d").is_empty(), "too late to be heard");
}

#[test]
fn one_step_mails_an_address_once_in_a_day() {
    let cases = passes(&playbook(
        r#"
when: account.mrr > 0
reentry: { gap: 1h }
steps: [ { email: { id: hello, to: [champion, owner], subject: Hello, body: Hello } } ]
tests:
  - name: two roles of one person, and again at the weekend's end
    at: 2026-03-05T21:00:00Z
    account: { mrr: 5 }
    contacts: { champion: { email: a@example.com }, owner: { email: A@example.com } }
    expect: [ { after: 0d, email: hello, to: champion }, { after: 84h, email: hello } ]
"#,
    ));
    let skipped = cases[0].happened.iter().filter(|happening| happening.what.contains("duplicate address")).count();
    // Each time the second role, and on the next morning both.
    assert_eq!(skipped, 4, "{:#?}", cases[0].happened);
}

#[test]
fn scripts_write_to_whom_a_step_would() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - run: 'email(#{ to: ["all", "ann@acme.example", "gone@acme.example"], subject: "Hello", body: "x" });'
tests:
  - name: who has left gets nothing
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    contacts:
      - { role: owner, email: ann@acme.example }
      - { role: champion, email: bob@acme.example }
      - { role: billing, email: gone@acme.example, left_at: -1d }
    expect:
      - { after: 0d, email: run-1, to: owner }
      - { after: 0d, email: run-1, to: champion }
      - { after: 0d, ended: completed }
"#,
    );
    passes(&text);
}

#[test]
fn a_run_step_may_have_an_id_and_a_condition() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - run: { id: big, if: account.mrr > 9, script: 'task(#{ title: "Big" });' }
  - run: { id: small, if: account.mrr <= 9, script: 'task(#{ title: "Small" });' }
tests:
  - name: one of two
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: [ { after: 0d, task: small }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text);
}

#[test]
fn a_case_says_what_could_happen_only() {
    let text = playbook(
        r#"
when: account.tier == none && account.mrr > 0
steps:
  - task: { id: call, title: Call, outcomes: [reached, no answer], checklist: ["Their {{ account.seats }} seats", "two"] }
  - wait: { until: 'outcome("call") == "reached"', at_most: 9d }
tests:
  - name: a column is taken away
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, tier: none }
    then: { 1d: { outcome: { call: reached } } }
    expect: [ { after: 0d, task: call, contains: "(This line could not be written" }, { after: 1d, ended: completed } ]
"#,
    );
    passes(&text);
    let told = fails(&text, "{ call: reached }", "{ call: raeched }");
    assert_eq!(told[0], "`raeched` is no outcome of `call`: it is one of reached, no answer");
}

#[test]
fn an_undecided_mail_waits_and_goes_to_the_address_of_its_contact() {
    let text = playbook(
        r#"
when: account.mrr > 0
exit: 1 / (account.seats ?? 0) > 2
steps:
  - email: { id: hello, to: champion, subject: Hi, body: Hello }
tests:
  - name: sure again in the morning
    at: 2026-03-02T09:00:00Z
    quiet_hours: { from: "08:00", to: "20:00" }
    account: { mrr: 5, seats: 1 }
    contacts: { champion: { email: old@acme.example } }
    then:
      10h: { account: { seats: 0 }, contacts: { champion: { email: new@acme.example } } }
      12h: { account: { seats: 1 } }
    expect: [ { after: 12h, email: hello, to: new@acme.example }, { after: 12h, ended: completed } ]
"#,
    );
    let case = play(&text).remove(0);
    let happened: Vec<String> = case.happened.iter().map(|happening| happening.told()).collect();
    assert!(happened.iter().any(|told| told.contains("new@acme.example")), "{:#?} {happened:#?}", case.failures);
}

#[test]
fn languages_are_found_however_they_are_written() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - email: { id: hello, to: champion, subject: { default: Hi, pt_BR: Oi, zh-hant: 您好 }, body: x }
tests:
  - name: Brazil
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, locale: pt-BR }
    expect: [ { after: 0d, email: hello, subject: Oi }, { after: 0d, ended: completed } ]
  - name: Taiwan
    like: Brazil
    account: { mrr: 5, locale: zh_Hant_TW }
    expect: [ { after: 0d, email: hello, subject: 您好 }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text);
}

#[test]
fn a_contract_ends_on_the_same_date_for_everybody() {
    let text = playbook(
        r#"
when: account.renewal_at != none
steps:
  - email: { id: hello, to: champion, subject: "Until {{ account.renewal_at }}", body: x }
tests:
  - name: a reader west of UTC
    at: 2026-03-02T09:00:00-05:00
    account: { mrr: 5, renewal_at: 2026-09-04, timezone: America/New_York }
    expect: [ { after: 0d, email: hello, subject: Until 4 September 2026 }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text.replace("schedule: \"0 9", "timezone: America/New_York\nschedule: \"0 9"));
}

#[test]
fn what_fails_says_on_which_line() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - email:
      id: hello
      to: champion
      subject: Hi
      body: |
        Hello,
        {{ account.seats }} seats
  - run: |
      let seats = account.seats;

      task(#{ title: "x" + (seats + 1) });
tests:
  - name: nothing is known
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: []
"#,
    );
    let case = play(&text).remove(0);
    let told = format!("{:#?}", case.failures);
    for place in ["the mail `hello` could not be written: ", "(line 14)", "(line 18)"] {
        assert!(told.contains(place), "{place}: {told}\n{text}");
    }
}
