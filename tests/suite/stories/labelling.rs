//! A playbook writes something down about a customer, and others read it.

use serde_json::{Value as Json, json};

use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const TUESDAY: &str = "2026-03-03T09:00:00Z";
const WEDNESDAY: &str = "2026-03-04T09:00:00Z";

fn writer(steps: &str) -> String {
    playbook("writer", "when: (account.mrr ?? 0) > 0", steps)
}

/// A playbook for accounts with that label.
fn reader(condition: &str) -> String {
    playbook("reader", &format!("when: |\n  {condition}"), "  - task: { title: call, to: csm }")
}

/// What an enrollment has written down.
fn written(enrollments: &[Json], playbook: &str) -> Vec<String> {
    let found = enrollments.iter().filter(|row| row["playbook"] == playbook);
    lines(
        &found.flat_map(|row| row["labels"].as_array().expect("a list").clone()).collect::<Vec<_>>(),
        "label value at",
    )
}

on_both_stores!(a_label_is_read_by_the_runs_after_it);

async fn a_label_is_read_by_the_runs_after_it(customers: Customers) {
    let world = World::on(customers).await;
    world
        .playbook(&writer(
            "  - set: { risk: high, plan: \"on {{ account.tier | default(\\\"none\\\") }}\", tries: 2, vip: true }",
        ))
        .playbook(&reader("account.label(\"risk\") == \"high\" && account.label(\"tries\") != none"));
    world.account("1", json!({ "tier": "A" })).await;
    world.account("2", json!({ "mrr": 0 })).await;
    // Not by a run at the same instant.
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.enrollments().await, "playbook account"), ["writer 1"]);
    world.run_at(TUESDAY).await;
    let enrollments = world.enrollments().await;
    assert_eq!(lines(&enrollments, "playbook account"), ["reader 1", "writer 1"]);
    assert_eq!(
        written(&enrollments, "writer"),
        ["plan on A 03-02T09:00", "risk high 03-02T09:00", "tries 2 03-02T09:00", "vip true 03-02T09:00"]
    );
    let read = enrollments.iter().find(|row| row["playbook"] == "reader").expect("it entered");
    assert_eq!(read["evidence"]["account.label(\"risk\")"], "high");
    // The prefilter kept one account, and not both.
    assert_eq!(world.run("reader", TUESDAY).await["candidates"], 1);
}

#[tokio::test]
async fn the_latest_word_holds_and_none_takes_it_back() {
    let world = World::new().await;
    world
        .playbook(&writer(
            "  - set: { risk: low }\n  - set: { risk: high }\n  - wait: 1d\n  - set: { risk: none }\n  - wait: 1d\n  \
             - run: |\n      set(#{ risk: \"low\", seen: now, tries: 1 + 1, gone: none });",
        ))
        .playbook(&playbook(
            "reader",
            "when: account.mrr > 0\nreentry: { once_per: account.label(\"risk\") ?? \"nobody knows\" }",
            "  - notify: { channel: csm, text: \"{{ account.label(\\\"risk\\\") | default(\\\"none\\\") }}\" }",
        ));
    world.account("a1", json!({})).await;
    for day in [MONDAY, "2026-03-02T10:00:00Z", TUESDAY, "2026-03-03T10:00:00Z", WEDNESDAY, "2026-03-04T10:00:00Z"] {
        world.run_at(day).await;
    }
    let enrollments = world.enrollments().await;
    let readers: Vec<Json> = enrollments.iter().filter(|row| row["playbook"] == "reader").cloned().collect();
    assert_eq!(
        lines(&readers, "started_at entry_key"),
        ["03-02T09:00 nobody knows", "03-02T10:00 high", "03-04T10:00 low"]
    );
    // A run of long ago sees what stood then: the past is kept.
    assert_eq!(
        written(&enrollments, "writer"),
        [
            "gone - 03-04T09:00",
            "risk - 03-03T09:00",
            "risk high 03-02T09:00",
            "risk low 03-04T09:00",
            "seen 2026-03-04 03-04T09:00",
            "tries 2 03-04T09:00"
        ]
    );
}

#[tokio::test]
async fn a_step_reads_what_its_own_enrollment_wrote_before_it() {
    let world = World::new().await;
    world.playbook(&writer(
        "  - set: { asked: once }\n  - task: { if: account.label(\"asked\") != none, title: at once, to: csm }\n  \
         - wait: 1d\n  - task: { if: account.label(\"asked\") == \"once\", title: later, to: csm }",
    ));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await.pass_at(TUESDAY).await;
    assert_eq!(lines(&world.tasks().await, "title created_at"), ["at once 03-02T09:00", "later 03-03T09:00"]);
}

#[tokio::test]
async fn a_plan_and_a_run_follow_the_same_label() {
    let steps = "  - set: { size: small }
  - branch:
      - if: account.label(\"size\") == \"small\"
        steps:
          - email: { id: small, to: champion, subject: \"A {{ account.label(\\\"size\\\") ?? \\\"?\\\" }} one\", body: Hello }
      - else:
          - email: { id: other, to: champion, subject: Other, body: Hello }
  - task: { id: call, if: (account.days_since_touch() ?? 99) == 0 && account.label(\"size\") == \"small\", title: Call, to: csm }
  - task: { id: visit, if: account.open_tasks() == 1, title: Visit, to: csm }
  - task: { id: never, if: account.open_tasks() < 2, title: Never, to: csm }";
    let world = World::new().await;
    world.playbook(&writer(steps)).playbook(&reader("account.label(\"size\") != none"));
    world.customer("a1").await;
    let plan = world.plan("writer", at(MONDAY)).await;
    assert_eq!(plan.mails.iter().map(|mail| mail.step.as_str()).collect::<Vec<_>>(), ["small"]);
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.mails().await, "step subject"), ["small A small one"]);
    // What others wrote at the instant of a run counts from the next on.
    assert_eq!(
        lines(&world.tasks().await, "playbook step created_at"),
        ["writer call 03-02T09:00", "writer visit 03-02T09:00"]
    );
}

#[tokio::test]
async fn a_contact_reads_its_own_label_and_a_shadow_none() {
    let steps = "  - set: { asked: once }
  - task: { id: own, if: contact.label(\"asked\") == \"once\", title: Own, to: csm }
  - task: { id: account, if: account.label(\"asked\") == \"once\", title: Account, to: csm }";
    for (mode, expected) in [("live", &["account", "own"][..]), ("shadow", &[])] {
        let world = World::new().await;
        world.playbook(&playbook("ask", &format!("for: contact\nmode: {mode}\nwhen: account.mrr > 0"), steps));
        world.customer("a1").await;
        world.run_at(MONDAY).await;
        assert_eq!(lines(&world.tasks().await, "step"), expected, "{mode}");
    }
}

#[tokio::test]
async fn a_shadow_writes_only_for_the_record_and_a_stop_leaves_what_was_written() {
    let world = World::new().await;
    world
        .playbook(&writer("  - set: { risk: high }").replace("about:", "mode: shadow\nabout:"))
        .playbook(&reader("account.label(\"risk\") != none"));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await.run_at(TUESDAY).await;
    let enrollments = world.enrollments().await;
    assert_eq!(lines(&enrollments, "playbook"), ["writer"]);
    assert_eq!(enrollments[0]["labels"][0]["shadow"], true);

    let world = World::new().await;
    world
        .playbook(&playbook(
            "writer",
            "when: account.mrr > 0\nexit: account.tier == \"C\"",
            "  - set: { risk: high }\n  - wait: 9d",
        ))
        .playbook(&reader("account.label(\"risk\") != none"));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await;
    world.sql("update customers.accounts set tier = 'C'").await;
    world.pass_at(TUESDAY).await.run_at(WEDNESDAY).await;
    assert_eq!(lines(&world.enrollments().await, "playbook state"), ["reader completed", "writer exited"]);
}

#[tokio::test]
async fn nothing_is_written_of_who_is_held_out() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nholdout: 40%\nguardrails: { hold_above: off }";
    world.playbook(&playbook("writer", keys, "  - set: { risk: high }\n  - wait: 9d"));
    for number in 1..=20 {
        world.account(&format!("a{number}"), json!({})).await;
    }
    world.run_at(MONDAY).await;
    let enrollments = world.enrollments().await;
    let (ghosts, others): (Vec<Json>, Vec<Json>) = enrollments.into_iter().partition(|row| row["state"] == "ghost");
    assert!(!ghosts.is_empty() && !others.is_empty());
    assert_eq!((written(&ghosts, "writer").len(), written(&others, "writer").len()), (0, others.len()));
}

#[tokio::test]
async fn a_contact_has_labels_of_its_own_that_its_account_falls_back_to() {
    let world = World::new().await;
    world
        .playbook(&playbook("writer", "for: contact\nwhen: contact.id == \"ann\"", "  - set: { mood: good }"))
        .playbook(&playbook("own", "for: contact\nwhen: contact.label(\"mood\") == \"good\"", "  - end: done"))
        .playbook(&reader("account.label(\"mood\") == \"good\""))
        .playbook(&playbook("late", "when: account.label(\"mood\") == \"bad\"", "  - end: done"));
    world.customer("a1").await;
    world.contact("a1", "other", json!({ "role": "owner" })).await;
    world.run_at(MONDAY).await.run_at(TUESDAY).await;
    let entered = |rows: &[Json]| lines(rows, "playbook contact");
    assert_eq!(entered(&world.enrollments().await), ["own ann", "reader -", "writer ann"]);
    // The account's own word comes first.
    world
        .sql(
            "insert into keepwell.labels (account_id, name, at, shadow, value, enrollment_id, playbook, step)
             select 'a1', 'mood', '2026-03-01', false, 'bad', enrollment_id, playbook, step from keepwell.labels",
        )
        .await;
    world.run_at(WEDNESDAY).await;
    assert_eq!(entered(&world.enrollments().await), ["late -", "own ann", "reader -", "writer ann"]);
}

#[tokio::test]
async fn a_value_that_is_too_long_fails_the_step_and_nothing_else() {
    let world = World::new().await;
    world.playbook(&writer("  - set: { name: \"{{ account.name }}\" }\n  - task: { title: call, to: csm }"));
    world.account("long", json!({ "name": "x".repeat(501) })).await;
    world.account("short", json!({ "name": "x".repeat(500) })).await;
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.tasks().await, "account"), ["long", "short"]);
    let failed: Vec<Json> = world.messages().await.into_iter().filter(|row| row["state"] == "failed").collect();
    assert_eq!(lines(&failed, "account reason"), ["long the label `name` has more than 500 characters"]);
    assert_eq!(written(&world.enrollments().await, "writer").len(), 1);
}
