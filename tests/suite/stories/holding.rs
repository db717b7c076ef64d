//! A run that would touch too many waits for a person.

use keepwell::store::runs::Word;
use serde_json::json;

use crate::support::world::{World, lines, playbook};

const KEYS: &str = "when: account.tier == \"A\"\nguardrails: { hold_above: { count: 2, share: 0% } }";
const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

async fn held() -> World {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

const RUN: &str = "welcome@2026-03-02T09:00:00Z";

#[tokio::test]
async fn a_run_above_its_limit_is_held_and_nothing_is_active() {
    let world = held().await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["id"], &run["state"], &run["held"]), (&json!(RUN), &json!("held"), &json!(3)));
    assert_eq!((&run["candidates"], &run["enrolled"], &run["skipped"]), (&json!(3), &json!(0), &json!({ "held": 3 })));
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 held", "a2 held", "a3 held"]);
    assert!(world.mails().await.is_empty());
    let [notice] = &world.notices().await[..] else { panic!("one notice") };
    assert_eq!((&notice["to"], &notice["state"]), (&json!("ops@acme.example"), &json!("captured")));
    assert!(world.text(notice).await.contains(RUN));
    // Time alone changes nothing.
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
}

#[tokio::test]
async fn exactly_the_limit_goes() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    world.customer("a1").await;
    world.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 captured"]);
}

#[tokio::test]
async fn the_next_run_replaces_a_held_one() {
    let world = held().await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a3'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason enrolled"),
        ["03-02T09:00 skipped superseded 0", "03-03T09:00 done - 2"]
    );
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed"]);
    assert_eq!(world.approve(RUN, "2026-03-03T10:00:00Z").await, Word::NotHeld);
}

#[tokio::test]
async fn an_approved_run_is_decided_again_and_enrolls_at_most_the_held() {
    let world = held().await;
    world.customer("a4").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a1'").await;
    world.sql("update customers.accounts set status = 'churned' where id = 'a2'").await;
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, Word::Taken);
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, Word::Taken);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state started_at"), ["a3 completed 03-02T12:00"]);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"]), (&json!("done"), &json!(1)));
    assert_eq!(run["skipped"], json!({ "no longer matches": 1, "status": 1 }));
    assert_eq!(lines(&world.mails().await, "account state"), ["a3 captured"]);
    // The others have used nothing up.
    world.sql("update customers.accounts set tier = 'A', status = 'active' where id in ('a1', 'a2')").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a4'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed", "a3 completed"]);
}

#[tokio::test]
async fn approved_and_not_yet_released_counts_as_active() {
    let world = held().await;
    world.approve(RUN, "2026-03-02T11:00:00Z").await;
    world.stop(keepwell::store::control::Target::Playbook("welcome".to_owned()), "2026-03-02T11:30:00Z").await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
    world.resume(keepwell::store::control::Target::Playbook("welcome".to_owned())).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state enrolled skipped"),
        ["03-02T09:00 done 3 {}", r#"03-03T09:00 done 0 {"active":3}"#]
    );
}

#[tokio::test]
async fn a_discarded_run_uses_nothing_up() {
    let world = held().await;
    assert_eq!(world.discard(RUN, "2026-03-02T11:00:00Z").await, Word::Taken);
    assert_eq!(world.discard(RUN, "2026-03-02T11:00:00Z").await, Word::NotHeld);
    assert!(world.enrollments().await.is_empty());
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason held"),
        [
            "03-02T09:00 skipped discarded -".to_owned(),
            "03-03T09:00 held 3 would enter; more than 2 wait for a person's approval 3".to_owned()
        ]
    );
}

#[tokio::test]
async fn an_approval_is_bound_to_the_revision() {
    let world = held().await;
    world.playbook(&playbook("welcome", KEYS, &STEPS.replace("Hello", "Other")));
    world.publish_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, Word::Outdated);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn a_run_that_is_stopped_does_not_replace_a_held_one() {
    let world = held().await;
    world.stop(keepwell::store::control::Target::All, "2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-02T11:00:00Z").await;
    world.resume(keepwell::store::control::Target::All).await;
    assert_eq!(
        lines(&world.runs().await, "slot kind state"),
        ["03-02T09:00 manual held", "03-02T11:00 manual skipped"]
    );
    assert_eq!(world.approve(RUN, "2026-03-02T12:00:00Z").await, Word::Taken);
}
