//! A goal that comes true after the end still counts for a while.

use keepwell::ids::{Actor, Word};
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const KEYS: &str = "when: account.tier == \"A\"\ngoal: account.activated_at != none\ngoal_window: 10d";
const CALL: &str = "  - task: { id: call, title: Call, to: csm }";

async fn activated(world: &World, account: &str, when: &str) {
    let sql = format!("update customers.accounts set activated_at = '{when}' where id = '{account}'");
    world.sql(&sql).await;
}

#[tokio::test]
async fn it_turns_the_end_into_the_goal_within_the_window_and_not_after() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, CALL));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed", "a3 completed"]);
    activated(&world, "a1", "2026-03-07T10:05:00Z").await;
    world.pass_at("2026-03-07T10:20:00Z").await;
    world.pass_at("2026-03-12T09:00:00Z").await;
    // The last moment at which it counted was the quarter hour of the last look.
    activated(&world, "a2", "2026-03-12T09:10:00Z").await;
    world.pass_at("2026-03-12T09:15:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account state ended_at goal_at"),
        ["a1 goal 03-02T09:00 03-07T10:15", "a2 completed 03-02T09:00 -", "a3 completed 03-02T09:00 -"]
    );
    let reason = &world.enrollments().await[0]["reason"];
    assert_eq!(reason, "goal: account.activated_at = 2026-03-07T10:05:00Z; it had ended as completed");
    assert_eq!(world.count("enrollments where goal_until is not null").await, 0);
}

#[tokio::test]
async fn a_look_that_comes_late_asks_what_held_while_it_counted() {
    let world = World::new().await;
    let keys = KEYS.replace("account.activated_at != none", "account.events(\"login\", since_entry) > 0");
    world.playbook(&playbook("welcome", &keys, CALL));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.event("a1", "login", "2026-03-01T09:00:00Z").await;
    world.event("a2", "login", "2026-03-11T09:00:00Z").await;
    world.event("a3", "login", "2026-03-14T09:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    // Nobody looked for three weeks.
    world.pass_at("2026-03-25T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account state goal_at"),
        ["a1 completed -", "a2 goal 03-12T09:00", "a3 completed -"]
    );
}

#[tokio::test]
async fn others_see_it_when_it_happened_and_no_other_end_is_followed() {
    let world = World::new().await;
    let keys =
        format!("{KEYS}\nexit: account.mrr > 500\nsuppress: account.mrr > 900\nguardrails: {{ hold_above: off }}");
    world.playbook(&playbook("welcome", &keys, &format!("  - wait: 2d\n{CALL}")));
    world.playbook(&playbook("thanks", "when: account.reached_goal(\"welcome\", 3)", "  - wait: 1d"));
    for id in ["exited", "blocked", "cancelled", "completed"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 600 where id = 'exited'").await;
    world.sql("update customers.accounts set mrr = 1000 where id = 'blocked'").await;
    let cancelled = world.enrollments().await.into_iter().find(|one| one["account"] == "cancelled").unwrap();
    let id = cancelled["id"].as_str().unwrap().parse().unwrap();
    world.store().cancel_enrollment(id, Word::new(Actor("a test"), at("2026-03-02T10:00:00Z"))).await.unwrap();
    world.pass_at("2026-03-02T10:15:00Z").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    world.sql("update customers.accounts set activated_at = '2026-03-09T12:00:00Z'").await;
    world.pass_at("2026-03-09T12:15:00Z").await;
    let of_welcome: Vec<_> = world.enrollments().await.into_iter().filter(|one| one["playbook"] == "welcome").collect();
    assert_eq!(
        lines(&of_welcome, "account state ended_at"),
        [
            "blocked blocked 03-02T10:15",
            "cancelled cancelled 03-02T10:00",
            "completed goal 03-04T09:00",
            "exited goal 03-02T10:15"
        ]
    );
    world.run_at("2026-03-10T09:00:00Z").await;
    let thanked: Vec<_> = world.enrollments().await.into_iter().filter(|one| one["playbook"] == "thanks").collect();
    assert_eq!(lines(&thanked, "account"), ["completed", "exited"]);
}

#[tokio::test]
async fn it_counts_on_both_sides_of_a_comparison_and_reads_what_was_kept() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nreentry: { once_per: account.mrr }\nholdout: 50%\n\
                goal: account.mrr > entry.mrr && !done(\"call\")\nguardrails: { hold_above: off }";
    world.playbook(&playbook("welcome", keys, CALL));
    for number in 1..=12 {
        world.customer(&format!("a{number}")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 200").await;
    world.pass_at("2026-03-20T09:00:00Z").await;
    let compared = world.store().compare_arms(None).await.unwrap().remove("welcome").unwrap().comparison;
    assert!(compared.treated.accounts > 0 && compared.ghosts.accounts > 0, "{compared:?}");
    assert_eq!(compared.treated.goal, compared.treated.accounts);
    assert_eq!(compared.ghosts.goal, compared.ghosts.accounts);
    let rows = world.enrollments().await;
    let ghost = rows.iter().find(|one| one["state"] == "ghost").unwrap();
    assert_eq!((&ghost["outcome"], ghost["goal_at"].is_string()), (&json!("goal"), true));
}

#[tokio::test]
async fn more_than_a_page_of_them_are_looked_at() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", &format!("{KEYS}\nguardrails: {{ hold_above: off }}"), CALL));
    world
        .sql(
            "insert into customers.accounts (id, name, tier, signed_up_at)
             select 'a' || n, 'A', 'A', '2026-01-01' from generate_series(1, 4500) n",
        )
        .await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.count("enrollments where state = 'completed'").await, 4_500);
    world.sql("update customers.accounts set activated_at = '2026-03-03' where id like '%7'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.count("enrollments where state = 'goal'").await, 450);
    assert_eq!(world.count("enrollments where goal_until is not null").await, 4_050);
}
