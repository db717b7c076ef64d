//! What a case's account remembers of the playbook's own work.

use keepwell::config::Config;

use super::{passes, play_with, playbook};

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
fn a_step_sees_what_its_own_enrollment_did_at_the_same_instant() {
    passes(&playbook(&format!(
        r#"
when: account.mrr > 0
reentry: {{ gap: 1d }}
steps:
  - set: {{ risk: high }}
  - branch:
      - if: account.label("risk") == "high"
        steps:
          - task: {{ id: call, title: 'Risk {{{{ account.label("risk") }}}}' }}
      - else:
          - task: {{ id: never, title: Never }}
  - task: {{ id: visit, if: account.open_tasks() == 1, title: Visit }}
  - set: {{ risk: none }}
  - notify: {{ id: first, if: account.label("risk") == none, channel: csm, text: '{TOLD}' }}
  - email: {{ id: nudge, to: champion, subject: Hello, body: 'open {{{{ account.open_tasks() }}}}' }}
  - notify: {{ id: second, channel: csm, text: '{TOLD}' }}
tests:
  - name: at once
    at: 2026-03-02T09:00:00Z
    account: {{ mrr: 5, tier: A }}
    then: {{ 1d: {{ done: visit }} }}
    expect:
      - {{ after: 0d, task: call, contains: Risk high }}
      - {{ after: 0d, task: visit }}
      - {{ after: 0d, notify: first, contains: "open 2, touched never" }}
      - {{ after: 0d, email: nudge, contains: open 2 }}
      - {{ after: 0d, notify: second, contains: "open 2, touched 0" }}
      - {{ after: 0d, ended: completed }}
      - {{ after: 1d, task: visit }}
      - {{ after: 1d, notify: first, contains: "open 2, touched 0" }}
      - {{ after: 1d, email: nudge, contains: open 2 }}
      - {{ after: 1d, notify: second, contains: "open 2, touched 0" }}
      - {{ after: 1d, ended: completed }}
"#
    )));
}

#[test]
fn touch_events_of_the_configuration_are_touches() {
    let text = playbook(
        r#"
when: account.mrr > 0 && (account.days_since_touch() ?? 99) > 3
steps:
  - notify: { id: first, channel: csm, text: '{{ account.days_since_touch() }}' }
tests:
  - name: a meeting counts
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    events: { meeting_held: [-2d] }
    expect: [ { after: 2d, notify: first, contains: "4" } ]
"#,
    );
    let mut config = Config::default();
    config.store.touch_events.push("meeting_held".to_owned());
    let case = play_with(&text, &config).remove(0);
    assert!(case.passed, "{:#?} {:#?}", case.failures, case.happened);
    assert!(!play_with(&text, &Config::default()).remove(0).passed);
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

#[test]
fn labels_are_facts_from_then_on() {
    passes(&playbook(
        r#"
when: account.mrr > 0 && account.label("risk") != "low"
steps:
  - notify: { id: before, channel: csm, text: '{{ account.label("risk") | default("none") }}' }
  - set: { risk: high, plan: "on {{ account.tier }}" }
  - notify: { id: at-once, channel: csm, text: '{{ account.label("risk") | default("none") }}' }
  - wait: 1d
  - notify: { id: after, channel: csm, text: '{{ account.label("risk") | default("none") }} {{ account.label("plan") | default("none") }}' }
  - wait: { until: account.label("risk") == none, at_most: 9d }
  - run: |
      set(#{ risk: "low", seen: now });
  - wait: 1d
  - notify: { id: last, channel: csm, text: '{{ account.label("risk") | default("none") }} {{ account.label("seen") | default("none") }}' }
tests:
  - name: they are remembered
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, tier: A }
    labels: { risk: some, tries: 3 }
    then: { 3d: { labels: { risk: none } } }
    expect:
      - { after: 0d, notify: before, contains: some }
      - { after: 0d, notify: at-once, contains: high }
      - { after: 1d, notify: after, contains: "high on A" }
      - { after: 4d, notify: last, contains: "low 2026-03-05" }
  - name: a label keeps it out
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    labels: { risk: low }
    expect: []
"#,
    ));
}

#[test]
fn labels_of_a_contact_are_its_own() {
    passes(&playbook(
        r#"
for: contact
when: contact.label("asked") == none
steps:
  - set: { asked: "yes" }
  - wait: 1d
  - notify: { id: told, channel: csm, text: '{{ contact.label("asked") | default("none") }}, {{ account.label("asked") | default("none") }}' }
tests:
  - name: it is asked once
    at: 2026-03-02T09:00:00Z
    expect:
      - { after: 1d, notify: told, contains: "yes, yes" }
"#,
    ));
}

#[test]
fn a_number_in_a_label_stays_as_it_is_written() {
    passes(&playbook(
        r#"
when: account.mrr > 0 && account.label("before") == "1.50"
steps:
  - set: { version: 3.10, long: 12345678901234567890, whole: 7 }
  - wait: 1d
  - notify: { id: told, channel: csm, text: '{{ account.label("version") | default("-") }} {{ account.label("long") | default("-") }} {{ account.label("whole") | default("-") }}' }
tests:
  - name: nothing is rounded
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5.50 }
    labels: { before: 1.50 }
    expect:
      - { after: 1d, notify: told, contains: "3.10 12345678901234567890 7" }
"#,
    ));
}

#[test]
fn a_label_counts() {
    passes(&playbook(
        r#"
when: (account.label("tries") ?? 0) < 2 && account.tickets("urgent", 30) == 1
reentry: { gap: 1d }
steps:
  - run: |
      set(#{ tries: (account.label("tries") ?? 0) + 1 });
  - wait: 1h
  - notify: { id: told, channel: csm, text: 'try {{ account.label("tries") | number }}' }
tests:
  - name: twice, and no third time
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    tickets: [ { opened_at: -2d, severity: urgent }, { opened_at: -3d, severity: low } ]
    expect:
      - { after: 1h, notify: told, contains: try 1 }
      - { after: 25h, notify: told, contains: try 2 }
      - { after: 25h, ended: completed }
  - name: a label of before counts as well
    like: twice, and no third time
    labels: { tries: 1 }
    expect: [ { after: 1h, notify: told, contains: try 2 } ]
  - name: low is not urgent
    like: twice, and no third time
    tickets: [ { opened_at: -2d, severity: low }, { opened_at: -3d, severity: low } ]
    expect: []
"#,
    ));
}

#[test]
fn a_plan_that_a_step_gives_is_there_afterwards_and_goals_are_as_a_case_says() {
    const SEEN: &str = concat!(
        r#"{% if account.has_plan("launch") %}has it{% else %}without{% endif %}, "#,
        r#"{{ account.goal_progress("launch", "seats") | default("not measured") }}, "#,
        r#"missed {{ account.goals_missed() }}"#,
    );
    passes(&playbook(&format!(
        r#"
when: account.mrr > 0
steps:
  - plan: launch
  - notify: {{ id: first, channel: csm, text: '{SEEN}' }}
  - wait: 1d
  - notify: {{ id: second, channel: csm, text: '{SEEN}' }}
  - wait: 2d
  - notify: {{ id: third, channel: csm, text: '{SEEN}' }}
tests:
  - name: it is given
    at: 2026-03-02T09:00:00Z
    account: {{ mrr: 5 }}
    then:
      2d: {{ goals: [ {{ plan: launch, goal: seats, at: 2d, progress: 40, state: missed }} ] }}
    expect:
      - {{ after: 0d, notify: first, contains: "without, not measured, missed 0" }}
      - {{ after: 1d, notify: second, contains: "has it, not measured, missed 0" }}
      - {{ after: 3d, notify: third, contains: "has it, 40, missed 1" }}
  - name: it had it
    like: it is given
    plans: {{ launch: -3d }}
    goals: [ {{ plan: launch, goal: seats, at: -2d, progress: 10 }} ]
    expect:
      - {{ after: 0d, notify: first, contains: "has it, 10, missed 0" }}
      - {{ after: 1d, notify: second, contains: "has it, 10, missed 0" }}
      - {{ after: 3d, notify: third, contains: "has it, 40, missed 1" }}
"#
    )));
}
