//! `test --coverage`: what no case of a playbook tries.

use crate::support::program::Home;

const RESCUE: &str = "\
playbook: rescue
about: A quiet account is asked, then called.
alerts_to: ops@example.com
schedule: \"0 9 * * mon\"
when: account.mrr >= 500 && account.tier == \"A\"
steps:
  - wait: { until: done(\"call\"), at_most: 2d }
  - branch:
      - if: account.mrr >= 5000
        steps: [ { task: { id: visit, title: Visit, to: csm } } ]
      - else: [ { task: { id: call, title: Call, to: csm } } ]
  - task: { id: ask, if: account.mrr >= 700, title: Ask, to: csm }
tests:
  - name: a large account
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900, tier: A }
    expect: [ { after: 2d, task: call }, { after: 2d, task: ask } ]
";

#[test]
fn what_no_case_tries_is_listed() {
    let home = Home::new("coverage");
    home.write("playbooks/rescue.yaml", RESCUE);
    let told = home.done(&["test", "--coverage"]).stdout;
    let gaps = "rescue (playbooks/rescue.yaml): the cases try 8 of 14
  playbooks/rescue.yaml:5:7: `account.mrr >= 500` was never false in any case
  playbooks/rescue.yaml:5:29: `account.tier == \"A\"` was never false in any case
  playbooks/rescue.yaml:7:5: the wait `wait-1` never ends in time in any case
  playbooks/rescue.yaml:9:13: no case takes this way of the branch `branch-1`
  playbooks/rescue.yaml:10:20: no case comes to the step `visit`
  playbooks/rescue.yaml:12:26: the `if` of the step `ask` was never false in any case
";
    assert!(told.ends_with(gaps), "{told}");
    let more = "  - { name: small, like: a large account, account: { mrr: 90 }, expect: [] }
  - { name: b, like: a large account, account: { tier: B }, expect: [] }
  - name: a middling one is not asked
    like: a large account
    account: { mrr: 600 }
    expect: [ { after: 2d, task: call } ]
  - name: the largest is visited
    like: a large account
    account: { mrr: 6000 }
    expect: [ { after: 2d, task: visit }, { after: 2d, task: ask } ]
";
    home.write("playbooks/rescue.yaml", &format!("{RESCUE}{more}"));
    let json = home.done(&["test", "--coverage", "--format", "json"]).json();
    let coverage = &json["coverage"][0];
    let messages: Vec<&str> =
        coverage["gaps"].as_array().unwrap().iter().map(|gap| gap["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["the wait `wait-1` never ends in time in any case"], "{json}");
    assert_eq!(home.run(&["test", "--coverage", "--format", "junit"]).code, 1);
}

const ENDING: &str = "\
playbook: ending
about: Everything that ends an enrollment.
alerts_to: ops@example.com
schedule: \"0 9 * * mon\"
when: account.mrr >= 500
suppress: account.label(\"vip\") == \"yes\"
goal: account.activated_at != none && (account.seats ?? 0) >= 5
exit: account.mrr < 100
steps: [ { task: { id: call, title: Call, to: csm } }, { wait: 5d } ]
tests:
  - name: large
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900 }
    expect: [ { after: 0d, task: call } ]
  - { name: small, like: large, account: { mrr: 90 }, expect: [] }
";

#[test]
fn what_ends_an_enrollment_is_to_be_tried_too() {
    let home = Home::new("coverage-ends");
    home.write("playbooks/ending.yaml", ENDING);
    let gaps = |text: &str| -> Vec<String> {
        home.write("playbooks/ending.yaml", text);
        let json = home.done(&["test", "--coverage", "--format", "json"]).json();
        let gaps = json["coverage"][0]["gaps"].as_array().unwrap().clone();
        gaps.iter().map(|gap| gap["message"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        gaps(ENDING),
        [
            "`account.label(\"vip\") == \"yes\"` of `suppress` was never true in any case",
            "`account.activated_at != none` of `goal` was never true in any case",
            "`(account.seats ?? 0) >= 5` of `goal` was never true in any case",
            // The case of a small account never came so far.
            "`account.mrr < 100` of `exit` was never true in any case",
        ]
    );
    let more = "  - { name: vip, like: large, labels: { vip: \"yes\" }, expect: [] }
  - name: shrinks
    like: large
    account: { mrr: 900, seats: 3 }
    then: { 1d: { account: { mrr: 50 } } }
    expect: [ { after: 0d, task: call }, { after: 1d, ended: exited } ]
";
    let reached = "  - name: activated
    like: large
    account: { mrr: 900, seats: 9 }
    then: { 2d: { account: { activated_at: 2d } } }
    expect: [ { after: 0d, task: call }, { after: 2d, ended: goal } ]
";
    assert_eq!(
        gaps(&format!("{ENDING}{more}")),
        [
            "`account.activated_at != none` of `goal` was never true in any case",
            "`(account.seats ?? 0) >= 5` of `goal` was never true in any case",
        ]
    );
    assert_eq!(gaps(&format!("{ENDING}{more}{reached}")), Vec::<String>::new());
}
