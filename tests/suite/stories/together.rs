//! Playbooks that are due in one slot walk over the accounts together, and each
//! does what it would have done alone.

use keepwell::ids::{PlaybookId, RevisionId};
use keepwell::store::runs::RunKind;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};
use keepwell::worker::pass;
use keepwell::worker::runs::run;

const SLOT: &str = "2026-03-02T09:00:00Z";
const STEPS: &str = "  - task: { title: x, to: csm }";

/// Conditions on columns and on events, one that nobody can be decided on, one
/// that is held, one that keeps nobody.
fn playbooks() -> Vec<String> {
    vec![
        playbook("big", "when: account.mrr > 500", STEPS),
        playbook("busy", "when: account.mrr > 200 && account.events(\"login\", 30) >= 2", STEPS),
        playbook("held", "when: account.mrr > 0\nguardrails: { hold_above: { count: 3, share: 0% } }", STEPS),
        playbook("none", "when: account.mrr < 0", STEPS),
        playbook("off", "when: account.tier == \"A\"\nguardrails: { hold_above: off }", STEPS),
        playbook("quiet", "when: (account.days_since_event(\"login\") ?? 999) > 30 && account.tier == \"A\"", STEPS),
        playbook("undecided", "when: account.tier == \"B\" && account.mrr / (account.seats ?? 1) > 1", STEPS),
    ]
}

async fn customers(world: &World) {
    for number in 0..12 {
        let id = format!("a{number:02}");
        let tier = if number % 3 == 0 { "B" } else { "A" };
        // Division by nought cannot be decided.
        let seats = if number == 6 { json!(0) } else { json!(5) };
        world.account(&id, json!({ "mrr": number * 100, "tier": tier, "seats": seats })).await;
        for login in 0..number % 4 {
            world.event(&id, "login", &format!("2026-02-{:02}T09:00:00Z", 10 + login)).await;
        }
    }
}

/// Everything a run leaves.
async fn left(world: &World) -> [Vec<String>; 3] {
    [
        lines(&world.runs().await, "playbook slot state reason candidates enrolled skipped details"),
        lines(&world.enrollments().await, "playbook account state reason step"),
        lines(&world.tasks().await, "playbook account state"),
    ]
}

#[tokio::test]
async fn shared_or_alone_a_run_is_the_same() {
    let shared = World::new().await;
    customers(&shared).await;
    playbooks().iter().for_each(|text| {
        shared.playbook(text);
    });
    shared.run_at(SLOT).await;

    let alone = World::new().await;
    customers(&alone).await;
    playbooks().iter().for_each(|text| {
        alone.playbook(text);
    });
    alone.publish_at(SLOT).await;
    for published in alone.store().published().await.unwrap() {
        let run = alone
            .store()
            .open_run(PlaybookId(&published.id), RevisionId(&published.revision), at(SLOT), RunKind::Manual, at(SLOT))
            .await;
        run::carry_out(&alone.shared, &run.unwrap().unwrap(), at(SLOT)).await.unwrap();
    }
    while pass(&alone.shared, at(SLOT)).await.unwrap() > 0 {}

    let (together, one_by_one) = (left(&shared).await, left(&alone).await);
    assert_eq!(together, one_by_one);
    // And it is worth comparing.
    assert_eq!(
        lines(&shared.runs().await, "playbook state candidates enrolled"),
        [
            "big done 6 6",
            "busy done 5 5",
            "held held 11 0",
            "none done 0 0",
            "off done 8 8",
            "quiet done 2 2",
            "undecided done 3 2",
        ]
    );
}

#[tokio::test]
async fn a_run_of_a_shared_walk_is_taken_over_alone() {
    let world = World::new().await;
    customers(&world).await;
    playbooks().iter().for_each(|text| {
        world.playbook(text);
    });
    world.publish_at(SLOT).await;
    // Opened by a daemon that went away before it had walked.
    for published in world.store().published().await.unwrap() {
        if ["big", "busy"].contains(&&*published.id) {
            world
                .store()
                .open_run(
                    PlaybookId(&published.id),
                    RevisionId(&published.revision),
                    at(SLOT),
                    RunKind::Manual,
                    at(SLOT),
                )
                .await
                .unwrap();
        }
    }
    world.sql("update keepwell.runs set lease_until = now() - interval '1 minute' where playbook = 'busy'").await;
    world.run_at(SLOT).await;
    let runs = lines(&world.runs().await, "playbook state candidates enrolled");
    assert!(runs.contains(&"busy done 5 5".to_owned()), "{runs:#?}");
    assert!(runs.contains(&"quiet done 2 2".to_owned()), "{runs:#?}");
    // Somebody else still has this one.
    assert_eq!(world.run("big", SLOT).await["state"], "running");
}
