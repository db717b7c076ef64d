//! Slots that come, that were missed, and that are nobody's any more.

use serde_json::json;

use crate::support::world::{World, lines, scheduled};

const STEPS: &str = "  - task: { title: x, to: csm }";

fn daily() -> String {
    scheduled("daily", "0 9 * * *", "when: account.mrr > 0", STEPS)
}

#[tokio::test]
async fn the_first_deploy_starts_with_the_next_slot() {
    let world = World::new().await;
    world.playbook(&daily());
    world.account("a1", json!({})).await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T09:30:00Z").await;
    assert!(world.runs().await.is_empty());
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.runs().await, "slot state"), ["03-03T09:00 done"]);
}

#[tokio::test]
async fn of_missed_slots_only_a_recent_one_is_made_up_for() {
    let world = World::new().await;
    world.playbook(&daily());
    world.account("a1", json!({})).await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    // Down until Thursday, an hour after the slot.
    world.pass_at("2026-03-05T10:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason"),
        [
            "03-02T09:00 skipped missed",
            "03-03T09:00 skipped missed",
            "03-04T09:00 skipped missed",
            "03-05T09:00 done -"
        ]
    );
    // The slot is the instant, however late.
    assert_eq!(lines(&world.enrollments().await, "started_at ended_at"), ["03-05T09:00 03-05T09:00"]);
    // Too late on the next day.
    world.pass_at("2026-03-06T10:00:01Z").await;
    assert_eq!(lines(&world.runs().await, "slot state reason")[4..], ["03-06T09:00 skipped missed"]);
}

#[tokio::test]
async fn manual_runs_do_not_move_the_schedule() {
    let world = World::new().await;
    world.playbook(&daily());
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T08:00:00Z").await;
    world.run_at("2026-03-03T08:59:00Z").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot kind state"),
        [
            "03-02T08:00 manual done",
            "03-02T09:00 scheduled skipped",
            "03-03T08:59 manual done",
            "03-03T09:00 scheduled done"
        ]
    );
}

#[tokio::test]
async fn a_file_that_comes_back_does_not_replay_the_time_between() {
    let world = World::new().await;
    world.playbook(&daily());
    world.account("a1", json!({})).await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    world.remove("daily");
    world.pass_at("2026-03-03T09:00:00Z").await;
    world.playbook(&daily());
    world.pass_at("2026-03-03T09:30:00Z").await;
    assert!(world.runs().await.is_empty());
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.runs().await, "slot state"), ["03-04T09:00 done"]);
}
