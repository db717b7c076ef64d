//! What a person approved goes out, or does not.

use keepwell::ids::{Actor, PlaybookId, RevisionId, Word};
use keepwell::store::runs::RunKind;
use std::sync::Arc;

use keepwell::store::Store;
use keepwell::store::lease::Lost;
use keepwell::store::runs::releases::{ReleaseAnswer, ReleasePace, Released};
use keepwell::store::upkeep::stopped::Halted;
use keepwell::worker::runs::run;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const RUN: &str = "welcome@2026-03-02T09:00:00Z";
const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

/// A run in which so many wait.
async fn held(guardrails: &str, count: usize) -> World {
    let world = World::new().await;
    let keys =
        format!("when: account.tier == \"A\"\nguardrails: {{ hold_above: {{ count: 2, share: 0% }}{guardrails} }}");
    world.playbook(&playbook("welcome", &keys, STEPS));
    for number in 1..=count {
        world.customer(&format!("a{number}")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

#[tokio::test]
async fn an_approved_run_that_cannot_be_released_can_be_discarded_and_expires() {
    let world = held("", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    // Another version, which does not understand the revision.
    world.sql("update keepwell.revisions set text = 'playbook: [welcome'").await;
    let store = Store::connect((*world.store().pool().connect_options()).clone(), 2);
    let other = Arc::new(world.beside(store));
    run::tick(&other, at("2026-03-02T10:00:00Z")).await.unwrap();
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
    // A person may take the word back: nobody works on it.
    assert_eq!(world.discard(RUN, "2026-03-02T10:01:00Z").await, ReleaseAnswer::Taken);
    assert!(world.enrollments().await.is_empty());

    let world = held("", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.sql("update keepwell.revisions set text = 'playbook: [welcome'").await;
    let store = Store::connect((*world.store().pool().connect_options()).clone(), 2);
    let other = Arc::new(world.beside(store));
    run::tick(&other, at("2026-03-03T10:00:01Z")).await.unwrap();
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert!(run["reason"].as_str().unwrap().contains("approve it again"), "{run}");
}

#[tokio::test]
async fn a_run_that_is_being_released_is_not_discarded() {
    let world = held("", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    let claimed = world.store().claim_approved_runs(&Halted::default(), at("2026-03-02T10:00:00Z")).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(world.discard(RUN, "2026-03-02T10:00:00Z").await, ReleaseAnswer::UnderWay);
    // Its daemon went away.
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second'").await;
    assert_eq!(world.discard(RUN, "2026-03-02T10:02:00Z").await, ReleaseAnswer::Taken);
    // Should it come back, it lets nobody in.
    assert!(world.enrollments().await.is_empty());
    assert_eq!(world.store().renew_run(&claimed[0]).await.unwrap(), Err(Lost));
}

#[tokio::test]
async fn a_ramp_longer_than_a_day_needs_one_word() {
    let world = held(", ramp: { first: 1, every: 1d, grow: 1x }", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    for (day, entered) in [("02", 1), ("03", 2), ("04", 3)] {
        world.pass_at(&format!("2026-03-{day}T10:05:00Z")).await;
        let out = world.enrollments().await.iter().filter(|one| one["state"] != json!("held")).count();
        assert_eq!(out, entered, "on day {day}");
    }
    // What a stop kept for longer than a day after it was due is asked for again.
    let world = held(", ramp: { first: 1, every: 1d, grow: 1x }", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:05:00Z").await;
    world.pass_at("2026-03-04T10:06:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert!(run["reason"].as_str().unwrap().contains("approve it again"), "{run}");
}

#[tokio::test]
async fn whoever_is_gone_from_a_held_run_does_not_enter_with_it() {
    let world = held("", 3).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    let now = at("2026-03-02T10:00:00Z");
    let claimed = world.store().claim_approved_runs(&Halted::default(), now).await.unwrap();
    let waiting = world.store().held_enrollments("welcome", at("2026-03-02T09:00:00Z")).await.unwrap();
    // Erased between the look and the word.
    world.sql("delete from keepwell.enrollments where account_id = 'a1'").await;
    let released = world.store().release(&claimed[0], &waiting[0], Some(&waiting[0])).await.unwrap();
    assert_eq!((waiting[0].account.as_str(), released), ("a1", Ok(Released::Dropped)));
    assert_eq!(lines(&world.enrollments().await, "account"), ["a2", "a3"]);
}

#[tokio::test]
async fn no_more_than_so_many_enter_on_one_day_also_from_approved_runs() {
    let world = held(", max_per_day: 3, ramp: off", 5).await;
    world.approve(RUN, "2026-03-02T09:10:00Z").await;
    // The next run lets two in at once, so that one of those approved has room.
    world.run_at("2026-03-02T09:30:00Z").await;
    assert_eq!(world.run("welcome", "2026-03-02T09:30:00Z").await["enrolled"], json!(2));
    assert_eq!(world.mails().await.len(), 3);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    let reason = "approved: 1 have entered, 2 wait; `max_per_day` lets the next in at 2026-03-03T00:00:00Z";
    assert_eq!((&run["reason"], &run["skipped"]), (&json!(reason), &json!({ "day cap": 2, "held": 2 })));
    world.pass_at("2026-03-02T23:59:00Z").await;
    assert_eq!(world.mails().await.len(), 3);
    world.pass_at("2026-03-03T00:00:00Z").await;
    assert_eq!(world.mails().await.len(), 5);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["reason"]), (&json!("done"), &json!(3), &json!(null)));
}

#[tokio::test]
async fn a_ramp_and_a_day_are_both_kept() {
    let world = held(", max_per_day: 4, ramp: { first: 3, every: 15m, grow: 2x }", 9).await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.mails().await.len(), 3);
    // Another run takes the day's last place, before the next batch is due.
    world.run_at("2026-03-02T10:10:00Z").await;
    for (when, entered) in [("02T10:10", 4), ("02T10:15", 4), ("02T10:30", 4), ("03T00:00", 5)] {
        world.pass_at(&format!("2026-03-{when}:00Z")).await;
        assert_eq!(world.mails().await.len(), entered, "at {when}");
    }
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"]), (&json!("done"), &json!(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_approval_of_what_is_just_being_discarded_says_so() {
    let world = held("", 3).await;
    let mut tx = world.store().pool().begin().await.unwrap();
    sqlx::query("update keepwell.runs set state = 'skipped', reason = 'discarded'").execute(&mut *tx).await.unwrap();
    let store = world.store().clone();
    let word = tokio::spawn(async move {
        let (slot, now) = (at("2026-03-02T09:00:00Z"), at("2026-03-02T10:00:00Z"));
        store.approve_run("welcome", slot, ReleasePace::Ramp, Word::new(Actor("dana"), now)).await.unwrap()
    });
    world.somebody_waits().await;
    tx.commit().await.unwrap();
    assert_eq!(word.await.unwrap(), ReleaseAnswer::NotHeld);
}

/// With `hold_above: off` pages are written as they are decided, so that who
/// takes over finds some of them.
#[tokio::test]
async fn who_takes_a_run_over_leaves_those_their_room_who_have_entered_by_it() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nguardrails: { max_per_day: 4, hold_above: off }";
    world.playbook(&playbook("welcome", keys, STEPS));
    for id in ["a1", "a2"] {
        world.customer(id).await;
    }
    let slot = "2026-03-02T09:00:00Z";
    world.publish_at(slot).await;
    let revision: String =
        sqlx::query_scalar("select revision from keepwell.playbooks").fetch_one(world.store().pool()).await.unwrap();
    let run = world
        .store()
        .open_run(PlaybookId("welcome"), RevisionId(&revision), at(slot), RunKind::Manual, at(slot))
        .await
        .unwrap()
        .unwrap();
    run::carry_out(&world.shared, &run, at(slot)).await.unwrap();
    // As if it had gone away before the end of its page.
    let token = run.token.unwrap();
    world
        .sql(&format!(
            "update keepwell.runs set state = 'running', token = '{token}', lease_until = now() + interval '1 hour'"
        ))
        .await;
    world.customer("a3").await;
    world.run_at("2026-03-02T08:30:00Z").await;
    for id in ["a4", "a5"] {
        world.customer(id).await;
    }
    run::carry_out(&world.shared, &run, at(slot)).await.unwrap();
    let run = world.run("welcome", slot).await;
    assert_eq!((&run["enrolled"], &run["skipped"]), (&json!(3), &json!({ "day cap": 1, "reentry": 1 })));
    assert_eq!(world.enrollments().await.len(), 4);
}
