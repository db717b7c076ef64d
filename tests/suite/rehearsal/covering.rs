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
