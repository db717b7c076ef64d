//! An earlier revision comes into force again as a new publication: the file
//! that was left out stays so until it changes, and its run is held like that of
//! any new revision.

use keepwell::ids::{Actor, Word};
use keepwell::store::runs::publications::RollbackAnswer;
use keepwell::store::runs::releases::ReleasePace;

use crate::support::world::{World, at, lines, playbook};

fn text(title: &str) -> String {
    playbook("p", "when: account.mrr > 0", &format!("  - task: {{ id: call, title: \"{title}\", to: csm }}"))
}

/// The causes of what was in force, the latest first, and the revision in force.
async fn history(world: &World) -> (Vec<String>, String) {
    let rows = world.store().publications("p").await.unwrap();
    let current: Vec<&str> = rows.iter().filter(|row| row.current).map(|row| row.revision.as_str()).collect();
    assert_eq!(current.len(), 1, "one is in force");
    (rows.iter().map(|row| row.cause.clone()).collect(), current[0].to_owned())
}

#[tokio::test]
async fn the_unchanged_file_does_not_take_over_again() {
    let world = World::new().await;
    world.customer("a1").await;
    world.playbook(&text("First")).run_at("2026-03-02T09:00:00Z").await;
    let (_, first) = history(&world).await;
    world.playbook(&text("Second")).publish_at("2026-03-03T09:00:00Z").await;
    let (_, second) = history(&world).await;
    assert_ne!(first, second);

    let back = async |revision: &str| {
        world.store().roll_back("p", revision, Actor("kim"), at("2026-03-03T10:00:00Z")).await.unwrap()
    };
    assert_eq!(back(&second).await, RollbackAnswer::Current);
    assert_eq!(back("nothing").await, RollbackAnswer::Unknown);
    assert_eq!(back(&first).await, RollbackAnswer::Done);
    // The daemon starts again, and looks at the same files.
    world.publish_at("2026-03-03T11:00:00Z").await;
    let (causes, current) = history(&world).await;
    assert_eq!((causes, &current), (vec!["rollback".into(), "files".into(), "files".into()], &first));
    world.customer("a2").await.run_at("2026-03-03T12:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["a1 First", "a2 First"]);

    world.playbook(&text("Third")).publish_at("2026-03-03T13:00:00Z").await;
    let (causes, current) = history(&world).await;
    assert_eq!(causes.len(), 4);
    assert!(current != first && current != second);
}

#[tokio::test]
async fn back_to_what_the_file_says_is_no_rollback_any_more() {
    let world = World::new().await;
    world.playbook(&text("First")).publish_at("2026-03-02T09:00:00Z").await;
    let (_, first) = history(&world).await;
    world.playbook(&text("Second")).publish_at("2026-03-03T09:00:00Z").await;
    let (_, second) = history(&world).await;
    for revision in [&first, &second] {
        world.store().roll_back("p", revision, Actor("kim"), at("2026-03-03T10:00:00Z")).await.unwrap();
    }
    // The file of before is a change again.
    world.playbook(&text("First")).publish_at("2026-03-03T11:00:00Z").await;
    assert_eq!(history(&world).await.1, first);
    world.playbook(&text("Second")).publish_at("2026-03-03T12:00:00Z").await;
    assert_eq!(history(&world).await.1, second);
}

#[tokio::test]
async fn its_run_is_held_like_that_of_any_new_revision() {
    let world = World::with("guardrails: { first_run: hold, hold_above: off }\n").await;
    world.customer("a1").await;
    world.playbook(&text("First")).run_at("2026-03-02T09:00:00Z").await;
    let (_, first) = history(&world).await;
    world
        .store()
        .approve_run(
            "p",
            at("2026-03-02T09:00:00Z"),
            ReleasePace::Ramp,
            Word::new(Actor("kim"), at("2026-03-02T09:01:00Z")),
        )
        .await
        .unwrap();
    world.pass_at("2026-03-02T09:02:00Z").await;
    world.playbook(&text("Second")).customer("a2").await.run_at("2026-03-03T09:00:00Z").await;
    world
        .store()
        .approve_run(
            "p",
            at("2026-03-03T09:00:00Z"),
            ReleasePace::Ramp,
            Word::new(Actor("kim"), at("2026-03-03T09:01:00Z")),
        )
        .await
        .unwrap();
    world.pass_at("2026-03-03T09:02:00Z").await;
    world.store().roll_back("p", &first, Actor("kim"), at("2026-03-04T08:00:00Z")).await.unwrap();
    world.customer("a3").await.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(world.run("p", "2026-03-04T09:00:00Z").await["state"], "held");
}
