//! The playbooks' own cases: those that must pass, and the same ones changed
//! so that they must fail with the right words.

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::{ScriptFile, SourceFile, SourceSet};
use keepwell::rehearsal::{CaseReport, check_cases, play_all};

mod attention;
mod calling;
mod consent;
mod covering;
mod earlier;
mod edges;
mod hindsight;
mod letters;
mod neighbours;
mod own;
mod people;
mod population;
mod rechecks;
mod tasks;
mod time;
mod undecided;
mod unfit;
mod updating;
mod variants;
mod watching;
mod whole;

/// Plays the cases of one playbook under a configuration.
fn play_with(text: &str, config: &Config) -> Vec<CaseReport> {
    play_scripted(text, &[], config)
}

/// The same with shared modules, by their names.
fn play_scripted(text: &str, scripts: &[(&str, &str)], config: &Config) -> Vec<CaseReport> {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let other = "playbook: other\nabout: x\nalerts_to: a@example.com\nschedule: '0 9 * * *'\nwhen: account.mrr > 1\nsteps: [ { task: { title: x } } ]\n";
    let launch = "plan: launch\nabout: x\ngoals: [ { id: seats, value: account.seats * 1, target: 10 } ]\n";
    let beside = [
        file("playbooks/other.yaml", other),
        file("playbooks/launch.yaml", launch),
        file("playbooks/churn-rate.yaml", whole::CHURN),
    ];
    let sources = SourceSet {
        playbooks: std::iter::once(file("playbooks/p.yaml", text)).chain(beside).collect(),
        scripts: scripts
            .iter()
            .map(|(module, text)| ScriptFile {
                module: (*module).to_owned(),
                path: format!("scripts/{module}.rhai").into(),
                text: (*text).into(),
            })
            .collect(),
        ..SourceSet::default()
    };
    let schema = Schema::default_store();
    let (ready, problems) = catalog::load(&sources, &[], config, &schema);
    let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let cases = play_all(&ready, config, &schema).remove(0).cases;
    rechecks::assert_same_every_quarter(&sources, config, &cases);
    cases
}

pub fn play(text: &str) -> Vec<CaseReport> {
    play_with(text, &Config::default())
}

#[track_caller]
fn passes(text: &str) -> Vec<CaseReport> {
    let cases = play(text);
    assert!(!cases.is_empty());
    for case in &cases {
        let happened: Vec<String> = case.happened.iter().map(|happening| happening.describe()).collect();
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
    let happened: Vec<String> = cases[0].happened.iter().map(|happening| happening.describe()).collect();
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
        play(&text(to, billing))[0].happened.iter().map(|happening| happening.describe()).collect()
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
fn a_case_without_end_is_refused() {
    let text = rescue("");
    assert_eq!(
        fails(&text, "after: 11d, ended", "after: 9999d, ended"),
        ["a case is played for at most 1098d, and this is later"]
    );
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
