//! What ends an enrollment before its steps do.

use serde_json::json;

use crate::support::smtp::{At, Script};
use crate::support::world::{World, lines, playbook};

const STEPS: &str = concat!(
    "  - task: { id: call, title: \"Call {{ account.name }}\", to: csm, due: 1d }\n",
    "  - wait: 3d\n",
    "  - email: { id: late, to: champion, subject: Still there, body: Hello }",
);

#[tokio::test]
async fn a_goal_ends_it_closes_the_task_and_no_mail_leaves() {
    let world = World::new().await;
    world.playbook(&playbook("rescue", "when: account.mrr > 0\ngoal: account.activated_at != none", STEPS));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state step due_at"), ["active wait-1 03-05T09:00"]);
    world.sql("update customers.accounts set activated_at = '2026-03-03T10:05:00Z'").await;
    world.pass_at("2026-03-03T10:20:00Z").await;
    let [ended] = &world.enrollments().await[..] else { panic!("one enrollment") };
    assert_eq!((&ended["state"], &ended["step"], &ended["due_at"]), (&json!("goal"), &json!(null), &json!(null)));
    let reason = ended["reason"].as_str().unwrap();
    assert!(reason.starts_with("goal: account.activated_at = 2026-03-03T10:05"), "{reason}");
    // It was seen on the quarter hour.
    assert_eq!(lines(std::slice::from_ref(ended), "ended_at"), ["03-03T10:15"]);
    let [task] = &world.tasks().await[..] else { panic!("one task") };
    assert_eq!((&task["state"], &task["reason"]), (&json!("closed"), &json!(reason)));
    world.pass_at("2026-03-06T09:00:00Z").await;
    assert!(world.messages().await.is_empty());
}

#[tokio::test]
async fn a_goal_reached_while_a_mail_is_deferred_cancels_it() {
    let world = World::over_smtp("", Script::reply(At::Recipient, "450 4.2.1 later")).await;
    let steps = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";
    world.playbook(&playbook("rescue", "when: account.mrr > 0\ngoal: account.activated_at != none", steps));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["deferred"]);
    world.sql("update customers.accounts set activated_at = '2026-03-02T09:10:00Z'").await;
    world.server_does(Default::default()).await;
    world.pass_at("2026-03-02T09:15:00Z").await;
    let [mail] = &world.mails().await[..] else { panic!("one mail") };
    assert_eq!(mail["state"], "cancelled");
    assert!(mail["reason"].as_str().unwrap().starts_with("goal: "), "{mail}");
    assert_eq!(lines(&world.enrollments().await, "state"), ["goal"]);
    assert!(world.accepted().is_empty());
}

#[tokio::test]
async fn exit_suppress_status_and_stage_each_end_it_in_their_way() {
    for (change, state, reason) in [
        ("update customers.accounts set tier = 'C'", "exited", "exit: account.tier = C"),
        (
            "update customers.accounts set traits = '{\"quiet\": true}'",
            "blocked",
            "suppress: account.traits.quiet = true",
        ),
        (
            "update customers.accounts set traits = '{\"internal\": true}'",
            "blocked",
            "suppress: account.traits.internal = true",
        ),
        ("update customers.accounts set status = 'churned'", "exited", "status is churned"),
        ("update customers.accounts set stage = 'adoption'", "exited", "stage is adoption"),
        ("update customers.accounts set stage = null", "exited", "there is no stage"),
        ("delete from customers.accounts", "exited", "the account is gone"),
    ] {
        let world = World::with("suppress: account.traits.internal == true\n").await;
        let keys = concat!(
            "when: account.mrr > 0\nexit: account.tier == \"C\"\nsuppress: account.traits.quiet == true\n",
            "goal: account.activated_at != none\nstages: [onboarding]",
        );
        world.playbook(&playbook("rescue", keys, STEPS));
        world.account("a1", json!({ "stage": "onboarding" })).await;
        world.contact("a1", "ann", json!({})).await;
        world.run_at("2026-03-02T09:00:00Z").await;
        world.sql(change).await;
        world.pass_at("2026-03-03T09:00:00Z").await;
        assert_eq!(lines(&world.enrollments().await, "state reason"), [format!("{state} {reason}")], "{change}");
        assert_eq!(lines(&world.tasks().await, "state reason"), [format!("closed {reason}")], "{change}");
        world.pass_at("2026-03-06T09:00:00Z").await;
        assert!(world.messages().await.is_empty(), "{change}");
    }
}

#[tokio::test]
async fn suppress_comes_before_goal_goal_before_exit_and_exit_before_status() {
    let world = World::new().await;
    let keys = concat!(
        "when: account.mrr > 0\nexit: account.tier == \"C\"\nsuppress: account.traits.quiet == true\n",
        "goal: account.activated_at != none",
    );
    world.playbook(&playbook("rescue", keys, STEPS));
    for id in ["a1", "a2", "a3", "a4"] {
        world.account(id, json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set status = 'churned'").await;
    world.sql("update customers.accounts set tier = 'C' where id < 'a4'").await;
    world.sql("update customers.accounts set activated_at = '2026-03-02' where id < 'a3'").await;
    world.sql("update customers.accounts set traits = '{\"quiet\": true}' where id < 'a2'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    let ended: Vec<String> = lines(&world.enrollments().await, "account state reason")
        .iter()
        .map(|line| line.split([':', '=']).next().unwrap().trim().to_owned())
        .collect();
    assert_eq!(ended, ["a1 blocked suppress", "a2 goal goal", "a3 exited exit", "a4 exited status is churned"]);
}

#[tokio::test]
async fn what_cannot_be_decided_stops_nothing_and_sends_nothing_until_it_can() {
    let world = World::new().await;
    let steps = "  - wait: 1d\n  - email: { id: late, to: champion, subject: Hi, body: Hello }";
    let keys = "when: account.tier == \"A\"\nexit: 100 / (account.traits.seats ?? 1.0) > 50";
    world.playbook(&playbook("rescue", keys, steps));
    world.account("a1", json!({ "traits": { "seats": 10 } })).await;
    world.contact("a1", "ann", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set traits = '{\"seats\": 0}'").await;
    // Also when the look comes late.
    for when in ["2026-03-02T12:00:00Z", "2026-03-03T09:00:00Z", "2026-03-03T12:07:00Z"] {
        world.pass_at(when).await;
        let [enrollment] = &world.enrollments().await[..] else { panic!("one enrollment") };
        assert_eq!(enrollment["state"], "active");
        assert!(enrollment["reason"].as_str().unwrap().starts_with("undecided: exit: "), "{enrollment}");
    }
    assert!(world.mails().await.is_empty());
    let notices = world.notices().await;
    assert_eq!(notices.len(), 1, "its owners are told once: {notices:#?}");
    world.sql("update customers.accounts set traits = '{\"seats\": 10}'").await;
    world.pass_at("2026-03-03T12:15:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["captured"]);
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["completed -"]);
}

#[tokio::test]
async fn a_late_look_before_a_run_happens_at_its_slot_and_not_at_a_missed_quarter_hour() {
    let world = World::new().await;
    world.playbook(&playbook("rescue", "when: account.mrr > 0", "  - wait: 5d"));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set status = 'churned'").await;
    world.run_at("2026-03-02T11:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state ended_at"), ["exited 03-02T11:00"]);
}

#[tokio::test]
async fn a_blocked_enrollment_closes_its_task_with_that_reason_also_where_the_goal_holds() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nsuppress: account.traits.s == true\ngoal: account.traits.g == true";
    world.playbook(&playbook("rescue", keys, "  - task: { id: call, title: Call, to: csm }\n  - wait: 10d"));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql(r#"update customers.accounts set traits = '{"s": true, "g": true}'"#).await;
    world.pass_at("2026-03-02T09:15:00Z").await;
    let [task] = &world.tasks().await[..] else { panic!("one task") };
    assert_eq!(task["reason"], "suppress: account.traits.s = true");
    assert_eq!(lines(&world.enrollments().await, "state"), ["blocked"]);
}
