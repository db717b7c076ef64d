//! What a case's account remembers of the playbook's own work.

use super::{passes, playbook};

const TOLD: &str = concat!(
    "open {{ account.open_tasks() }}, ",
    r#"touched {{ account.days_since_touch() | default("never") }}, "#,
    r#"changed {{ account.days_since_change("tier") | default("never") }}"#,
);

#[test]
fn tasks_mails_and_changes_are_facts_from_then_on() {
    passes(&playbook(&format!(
        r#"
when: account.mrr > 0 && account.days_since_touch() == none
steps:
  - notify: {{ id: first, channel: csm, text: '{TOLD}' }}
  - email: {{ id: nudge, to: champion, subject: Hello, body: Hello }}
  - task: {{ id: call, title: Call }}
  - task: {{ id: visit, title: Visit }}
  - wait: 1d
  - notify: {{ id: second, channel: csm, text: '{TOLD}' }}
  - wait: 3d
  - notify: {{ id: third, channel: csm, text: '{TOLD}' }}
tests:
  - name: they are remembered
    at: 2026-03-02T09:00:00Z
    account: {{ mrr: 5, tier: A }}
    then:
      1d: {{ account: {{ tier: A }} }}
      2d: {{ done: call, account: {{ tier: B }} }}
    expect:
      - {{ after: 0d, notify: first, contains: "open 0, touched never, changed never" }}
      - {{ after: 0d, email: nudge }}
      - {{ after: 0d, task: call }}
      - {{ after: 0d, task: visit }}
      - {{ after: 1d, notify: second, contains: "open 2, touched 1, changed never" }}
      - {{ after: 4d, notify: third, contains: "open 1, touched 2, changed 2" }}
"#
    )));
}

#[test]
fn a_stop_closes_the_tasks_that_are_counted() {
    passes(&playbook(
        r#"
when: account.mrr > 0 && account.open_tasks() == 0
reentry: { gap: 1d }
exit: account.tier == "C"
steps:
  - task: { id: call, title: Call }
  - wait: 30d
tests:
  - name: it comes again once the task is gone
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, tier: A }
    then:
      2d: { account: { tier: C } }
      3d: { account: { tier: A } }
    expect:
      - { after: 0d, task: call }
      - { after: 2d, ended: exited }
      - { after: 3d, task: call }
"#,
    ));
}
