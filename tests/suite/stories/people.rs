//! Who gets a task or a notice, and by when.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

const ALL: &str = "when: account.mrr > 0";
const POOL: &str = "  - task: { id: call, title: \"{{ account.name }}\", to: pool:onboarding, due: 1 business day }";

#[tokio::test]
async fn a_pool_shares_by_load_against_capacity() {
    let world = World::with("pools: { onboarding: [kim, lee, max] }\n").await;
    world.csm("kim", json!({ "capacity": 2 })).await;
    world.csm("lee", json!({ "capacity": 6 })).await;
    world.csm("max", json!({ "away_from": "2026-03-01", "away_until": "2026-03-02" })).await;
    world.playbook(&playbook("calls", ALL, POOL));
    for account in ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"] {
        world.account(account, json!({})).await;
    }
    // All of them in one batch: each sees what those before were given.
    world.run_at("2026-03-02T09:00:00Z").await;
    let tasks = world.tasks().await;
    let given = |who: &str| tasks.iter().filter(|task| task["assignee"] == who).count();
    assert_eq!((given("kim"), given("lee"), given("max")), (2, 6, 0), "{tasks:#?}");
    // Back again, and with nothing to do.
    world.account("b1", json!({})).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title assignee")[8], "B1 max");
}

#[tokio::test]
async fn who_has_a_task_from_a_pool_keeps_it_when_it_is_refreshed() {
    let world = World::with("pools: { onboarding: [kim, lee] }\n").await;
    world.csm("kim", json!({})).await;
    world.csm("lee", json!({})).await;
    world.playbook(&playbook("calls", "when: account.mrr > 0\nreentry: { gap: 1d }", POOL));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee state due_at"), ["kim open 03-03T09:00"]);
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee state due_at"), ["kim open 03-05T09:00"]);
}

#[tokio::test]
async fn a_pool_whose_members_are_all_away_is_covered_for() {
    let world = World::with("pools: { onboarding: [kim, lee], empty: [nobody] }\n").await;
    world.csm("kim", json!({ "away_until": "2026-03-05", "backup_id": "mia" })).await;
    world.csm("lee", json!({ "away_from": "2026-03-01" })).await;
    let other = "\n  - task: { id: other, title: x, to: pool:empty }";
    world.playbook(&playbook("calls", ALL, &format!("{POOL}{other}")));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "step assignee reason"),
        ["call mia covers for kim until 5 March 2026", "other sam -"]
    );
}

#[tokio::test]
async fn a_backup_covers_while_a_csm_is_away_and_in_their_own_calendar() {
    let world = World::with("holidays: [2026-03-09]\n").await;
    world
        .csm(
            "kim",
            json!({ "name": "Kim", "away_until": "2026-03-06", "backup_id": "lee", "timezone": "America/New_York" }),
        )
        .await;
    world.csm("lee", json!({ "away_until": "2026-03-06", "backup_id": "tom" })).await;
    world.csm("tom", json!({ "timezone": "Asia/Tokyo" })).await;
    let steps = concat!(
        "  - task: { id: call, title: call, to: csm, due: 1 business day }\n",
        "  - notify: { id: word, channel: csm, text: Look }",
    );
    world.playbook(&playbook("calls", ALL, steps));
    world.account("a1", json!({ "csm_id": "kim" })).await;
    // Friday evening in New York is Saturday in Tokyo; Monday is a holiday.
    world.run_at("2026-03-06T16:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "assignee due_at reason"),
        ["tom 03-09T16:00 covers for Kim until 6 March 2026"]
    );
    let notices = world.notices().await;
    assert_eq!(lines(&notices, "to audience"), ["tom@acme.example csm"]);
    assert_eq!(world.text(&notices[0]).await.trim(), "Look\n\nYou cover for Kim until 6 March 2026.");
    // 04:00 UTC on the 7th is still the 6th in New York; an hour later it is not.
    world.account("a2", json!({ "csm_id": "kim" })).await;
    world.run_at("2026-03-07T04:00:00Z").await;
    world.account("a3", json!({ "csm_id": "kim" })).await;
    world.run_at("2026-03-07T05:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account assignee"), ["a1 tom", "a2 lee", "a3 kim"]);
}

#[tokio::test]
async fn nobody_covers_in_a_circle_of_people_who_are_away() {
    let world = World::new().await;
    world.csm("kim", json!({ "away_from": "2026-03-01", "backup_id": "lee" })).await;
    world.csm("lee", json!({ "away_from": "2026-03-01", "backup_id": "kim" })).await;
    world.playbook(&playbook("calls", ALL, "  - task: { id: call, title: call, to: csm }"));
    world.account("a1", json!({ "csm_id": "kim" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee reason"), ["kim -"]);
}

#[tokio::test]
async fn a_script_gives_to_a_pool() {
    let world = World::with("pools: { onboarding: [kim] }\n").await;
    world.csm("kim", json!({})).await;
    let steps = "  - run: |\n      task(#{ title: account.name, to: \"pool:onboarding\" });\n";
    world.playbook(&playbook("script", ALL, steps));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title assignee"), ["A1 kim"]);
}
