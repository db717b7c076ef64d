//! Tasks that come again or end a wait.

use super::{fails, passes, playbook};

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
    let happened: Vec<String> = cases[0].happened.iter().map(|happening| happening.describe()).collect();
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
