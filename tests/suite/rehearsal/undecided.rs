//! A rule that cannot be decided fails a case, unless the case is about that.

use keepwell::config::Config;

use super::{passes, play, play_scripted, playbook};

const RULE: &str = r#"
when: account.mrr / (account.mrr - 100) > 0
goal: 1 / (account.mrr - 7) > 1000
steps:
  - task: { id: call, title: Call, to: csm, close_when: 1 / (account.mrr - 9) > 1000 }
  - wait: 40d
tests:
  - name: it is about this account
    at: 2026-03-02T09:00:00+00:00
"#;

fn case(rest: &str) -> String {
    playbook(&format!("{RULE}{rest}"))
}

/// The messages of the only case.
#[track_caller]
fn failures(rest: &str) -> Vec<String> {
    let mut cases = play(&case(rest));
    assert_eq!(cases.len(), 1);
    cases.remove(0).failures.into_iter().map(|failure| failure.message).collect()
}

const MEANT: &str = " (if it is meant, expect `undecided: true`)";

#[test]
fn nothing_is_not_what_a_rule_that_fails_gives() {
    assert_eq!(
        failures("    account: { mrr: 100 }\n    expect: []\n"),
        [format!("at the start it could not be decided, which the case does not expect: division by zero{MEANT}")]
    );
    // On its way, where the goal cannot be decided.
    assert_eq!(
        failures(
            "    account: { mrr: 200 }\n    then: { 3d: { account: { mrr: 7 } } }\n    expect:\n      \
             - { after: 0d, task: call }\n      - { after: 9d, ended: completed }\n"
        )
        .first()
        .map(String::as_str),
        Some(
            "expected the end as `completed` after 9d, but it did not happen: after 3d nothing could be decided: undecided: goal: division by zero"
        )
    );
    let after = |what: &str| format!("after 3d it could not be decided, which the case does not expect: {what}{MEANT}");
    let found = failures(
        "    account: { mrr: 200 }\n    then: { 3d: { account: { mrr: 7 } } }\n    expect:\n      \
         - { after: 0d, task: call }\n      - { after: 9d, undecided: true }\n",
    );
    assert_eq!(found, ["expected that it cannot be decided after 9d, but it could not be decided after 3d"]);
    // And a task of which nobody knows whether it closes.
    let found = failures(
        "    account: { mrr: 200 }\n    then: { 3d: { account: { mrr: 9 } }, 4d: { account: { mrr: 5 } } }\n    \
         expect:\n      - { after: 0d, task: call }\n      - { after: 5d, undecided: true }\n",
    );
    assert_eq!(found[0], "expected that it cannot be decided after 5d, but it could not be decided after 3d");
    let found = failures(
        "    account: { mrr: 200 }\n    then: { 3d: { account: { mrr: 9 } }, 4d: { account: { mrr: 5 } } }\n    \
         expect:\n      - { after: 0d, task: call }\n      - { after: 40d, ended: completed }\n",
    );
    assert_eq!(found, [after("whether the task `call` closes: division by zero")]);
}

const BRANCH: &str = r#"
when: account.mrr > 0
steps:
  - branch:
      - if: 10 / (account.mrr - 100) > 0
        steps: [ { task: { id: high, title: High } } ]
      - else: [ { task: { id: low, title: Low } } ]
tests:
  - name: it is about this account
    at: 2026-03-02T09:00:00+00:00
    account: { mrr: 100 }
"#;

#[test]
fn a_branch_waits_and_a_case_says_so() {
    let branch = |rest: &str| playbook(&format!("{BRANCH}{rest}"));
    let then = "    then: { 3d: { account: { mrr: 200 } } }\n";
    let mut cases = play(&branch("    expect: [ { after: 0d, task: low } ]\n"));
    let told: Vec<String> = cases.remove(0).failures.into_iter().map(|failure| failure.message).collect();
    assert!(told.iter().any(|message| message.contains("branch-1: division by zero")), "{told:?}");
    passes(&branch(&format!(
        "{then}    expect: [ {{ after: 0d, undecided: true, contains: \"branch-1: division by zero\" }}, \
         {{ after: 3d, task: high }}, {{ after: 3d, ended: completed }} ]\n"
    )));
}

#[test]
fn a_case_can_expect_it() {
    passes(&case("    account: { mrr: 100 }\n    expect: [ { after: 0d, undecided: true, contains: by zero } ]\n"));
    // For as long as it lasts it is one entry, and what follows is played.
    passes(&case(
        "    account: { mrr: 100 }\n    then: { 3d: { account: { mrr: 200 } } }\n    expect:\n      \
         - { after: 0d, undecided: true }\n      - { after: 3d, task: call }\n",
    ));
    assert_eq!(
        failures("    account: { mrr: 100 }\n    expect: [ { after: 0d, undecided: true, contains: too long } ]\n"),
        ["what could not be decided at the start does not contain “too long”; its text is “division by zero”"]
    );
    assert_eq!(
        failures("    account: { mrr: 50 }\n    expect: [ { after: 0d, undecided: true } ]\n"),
        ["expected that it cannot be decided at the start, but it did not happen. The account did not enter: \
          the condition was false (account.mrr = 50)"]
    );
}

/// A rule that works until it is stopped, every minute for three years.
#[test]
fn cases_have_a_time_together() {
    let loops = "fn long(n) { let sum = 0; for i in 0..2000 { sum += i; } sum + n }";
    let config = |text: &str| {
        let file = keepwell::playbook::source::SourceFile { path: "keepwell.yaml".into(), text: text.into() };
        Config::parse(&file).0
    };
    let text = playbook(
        r#"
when: slow::long(account.seats ?? 0) < 0 || (share_of(account.mrr < 0) ?? 0) > 200
steps:
  - task: { id: call, title: Call, to: csm }
tests:
  - name: the first
    at: 2026-03-02T09:00:00+00:00
    account: { seats: 1 }
    expect: [ { after: 1000d, ended: completed } ]
  - name: the second
    at: 2026-03-02T09:00:00+00:00
    account: { seats: 1 }
    expect: []
"#,
    )
    .replace("0 9 * * mon-fri", "* * * * *");
    let cases = play_scripted(&text, &[("slow", loops)], &config("limits: { cases: 1s }\n"));
    let failures: Vec<&str> = cases.iter().flat_map(|case| &case.failures).map(|one| one.message.as_str()).collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    let why = "the 1 s were used up that all cases of a playbook have together (`limits: { cases: … }` in the \
               configuration); expect less, or make the rules cheaper";
    assert!(failures[0].starts_with("the case takes too long: after ") && failures[0].ends_with(why), "{failures:?}");
    assert_eq!(failures[1], format!("the case takes too long: at the start {why}"));
}
