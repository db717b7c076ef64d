//! What a playbook remembers of its condition from run to run: rises, falls,
//! how long it has held, and who matched when it began.

use keepwell::store::runs::releases::ReleaseAnswer;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const REMATCH: &str = "when: account.tier == \"A\"\nreentry: on_rematch";

async fn world(keys: &str, steps: &str) -> World {
    let world = World::new().await;
    world.playbook(&playbook("rescue", keys, steps));
    world.account("a1", json!({})).await;
    world
}

async fn tier(world: &World, tier: &str) {
    world.sql(&format!("update customers.accounts set tier = '{tier}'")).await;
}

async fn skipped(world: &World) -> Vec<String> {
    lines(&world.runs().await, "slot skipped")
}

#[tokio::test]
async fn only_a_fall_and_a_rise_let_an_account_in_again() {
    let world = world(REMATCH, "  - wait: 1h").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    // A fall that no run has seen is none.
    tier(&world, "B").await;
    tier(&world, "A").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    tier(&world, "B").await;
    world.run_at("2026-03-05T09:00:00Z").await;
    tier(&world, "A").await;
    world.run_at("2026-03-06T09:00:00Z").await;
    world.run_at("2026-03-07T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "started_at state"),
        ["03-02T09:00 completed", "03-06T09:00 completed"]
    );
    assert_eq!(
        skipped(&world).await,
        [
            "03-02T09:00 {}",
            r#"03-03T09:00 {"reentry":1}"#,
            r#"03-04T09:00 {"reentry":1}"#,
            "03-05T09:00 {}",
            "03-06T09:00 {}",
            r#"03-07T09:00 {"reentry":1}"#
        ]
    );
}

#[tokio::test]
async fn a_candidate_that_is_turned_away_keeps_its_edge() {
    let world = world(&format!("{REMATCH}\nsuppress: account.traits.quiet == true"), "  - wait: 1h").await;
    world.sql("update customers.accounts set traits = '{\"quiet\": true}'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set traits = '{}', status = 'churned'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.sql("update customers.accounts set status = 'active'").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "started_at entry_key"), ["03-04T09:00 03-02T09:00"]);
}

#[tokio::test]
async fn a_rise_during_an_enrollment_waits_for_its_end() {
    let world = world(REMATCH, "  - wait: 5d").await;
    for (day, now) in [(2, "A"), (3, "B"), (4, "A"), (5, "A")] {
        tier(&world, now).await;
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
    }
    world.run_at("2026-03-08T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "started_at entry_key state"),
        ["03-02T09:00 03-02T09:00 completed", "03-08T09:00 03-04T09:00 active"]
    );
}

#[tokio::test]
async fn a_gap_holds_a_rise_back() {
    let keys = "when: account.tier == \"A\"\nreentry: { on_rematch: true, gap: 5d }";
    let world = world(keys, "  - wait: 1h").await;
    for (day, now) in [(2, "A"), (3, "B"), (4, "A"), (7, "A"), (8, "A")] {
        tier(&world, now).await;
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
    }
    assert_eq!(lines(&world.enrollments().await, "started_at"), ["03-02T09:00", "03-07T09:00"]);
    assert_eq!(world.run("rescue", "2026-03-04T09:00:00Z").await["skipped"], json!({ "gap": 1 }));
}

#[tokio::test]
async fn what_cannot_be_decided_neither_rises_nor_falls() {
    let world = world("when: 100 / account.mrr >= 1\nreentry: on_rematch", "  - wait: 1h").await;
    // Two days undecided between two of one rise, then a fall.
    for (day, mrr) in [(2, 50), (3, 0), (4, 50), (5, 200), (6, 0), (7, 50)] {
        world.sql(&format!("update customers.accounts set mrr = {mrr}")).await;
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
    }
    assert_eq!(lines(&world.enrollments().await, "started_at"), ["03-02T09:00", "03-07T09:00"]);
}

#[tokio::test]
async fn a_condition_must_hold_from_run_to_run() {
    let world = world("when: account.tier == \"A\"\nholds_for: 2d", "  - wait: 1h").await;
    for (at, now) in [("02T09:00", "A"), ("03T09:00", "B"), ("04T09:00", "A"), ("06T08:59", "A"), ("06T09:00", "A")] {
        tier(&world, now).await;
        world.run_at(&format!("2026-03-{at}:00Z")).await;
    }
    assert_eq!(lines(&world.enrollments().await, "started_at"), ["03-06T09:00"]);
    assert_eq!(
        skipped(&world).await,
        [
            r#"03-02T09:00 {"not yet":1}"#,
            "03-03T09:00 {}",
            r#"03-04T09:00 {"not yet":1}"#,
            r#"03-06T08:59 {"not yet":1}"#,
            "03-06T09:00 {}"
        ]
    );
}

#[tokio::test]
async fn an_account_that_is_gone_for_a_while_has_not_fallen() {
    let world = world(REMATCH, "  - wait: 1h").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("delete from customers.accounts").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.account("a1", json!({})).await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "started_at"), ["03-02T09:00"]);
}

#[tokio::test]
async fn who_matched_at_the_first_run_stays_outside_until_a_fall() {
    let world = world("when: account.tier == \"A\"\nexisting: skip", "  - wait: 1h").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.account("a2", json!({})).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account started_at"), ["a2 03-03T09:00"]);
    tier(&world, "B").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    tier(&world, "A").await;
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account started_at"), ["a1 03-05T09:00", "a2 03-03T09:00"]);
    assert_eq!(
        skipped(&world).await,
        [
            r#"03-02T09:00 {"existing":1}"#,
            r#"03-03T09:00 {"existing":1}"#,
            "03-04T09:00 {}",
            r#"03-05T09:00 {"reentry":1}"#
        ]
    );
}

#[tokio::test]
async fn neither_a_held_nor_a_discarded_run_uses_an_edge_up() {
    let limit = "guardrails: { hold_above: { count: 1, share: 0% } }";
    let world = world(&format!("{REMATCH}\nholds_for: 1d\n{limit}"), "  - wait: 1h").await;
    world.account("a2", json!({})).await;
    for day in [2, 3, 4] {
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
    }
    assert_eq!(world.discard("rescue@2026-03-04T09:00:00Z", "2026-03-04T10:00:00Z").await, ReleaseAnswer::Taken);
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 held", "a2 held"]);
    assert_eq!(world.approve("rescue@2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z").await, ReleaseAnswer::Taken);
    world.pass_at("2026-03-05T11:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account started_at entry_key"),
        ["a1 03-05T11:00 03-02T09:00", "a2 03-05T11:00 03-02T09:00"]
    );
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(world.run("rescue", "2026-03-06T09:00:00Z").await["skipped"], json!({ "reentry": 2 }));
}

#[tokio::test]
async fn whoever_takes_a_run_over_decides_as_its_predecessor() {
    let world = world(&format!("{REMATCH}\nexisting: skip"), "  - wait: 1h").await;
    let again = "update keepwell.runs set state = 'running', token = gen_random_uuid(), lease_until = '2000-01-01'
                 where slot = (select max(slot) from keepwell.runs)";
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql(again).await;
    world.pass_at("2026-03-02T09:05:00Z").await;
    assert_eq!(skipped(&world).await, [r#"03-02T09:00 {"existing":1}"#]);
    tier(&world, "B").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    tier(&world, "A").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    // It died after it had written the edge and before the enrollment.
    world.sql("delete from keepwell.enrollments").await;
    world.sql(again).await;
    world.pass_at("2026-03-04T09:05:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "started_at entry_key"), ["03-04T09:00 03-04T09:00"]);
    assert_eq!(world.run("rescue", "2026-03-04T09:00:00Z").await["enrolled"], 1);
}

#[tokio::test]
async fn a_run_that_was_overtaken_leaves_later_state_alone() {
    let world = world(REMATCH, "  - wait: 1h").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    // An earlier slot that nobody finished.
    world
        .sql(
            "insert into keepwell.runs (playbook, slot, kind, revision, state, started_at, token, lease_until)
             select playbook, '2026-03-02T09:00:00Z', 'manual', revision, 'running', started_at, gen_random_uuid(), '2000-01-01'
             from keepwell.runs",
        )
        .await;
    world.pass_at("2026-03-03T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "started_at"), ["03-03T09:00"]);
    assert_eq!(world.run("rescue", "2026-03-02T09:00:00Z").await["skipped"], json!({ "superseded": 1 }));
}

#[tokio::test]
async fn state_is_kept_only_where_there_is_something_to_remember() {
    let world = world(REMATCH, "  - wait: 1h").await;
    world.account("b1", json!({ "tier": "B" })).await;
    let count = async || -> i64 {
        sqlx::query_scalar("select count(*) from keepwell.edges").fetch_one(world.store().pool()).await.unwrap()
    };
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(count().await, 1);
    tier(&world, "B").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(count().await, 0);
    tier(&world, "A").await;
    world.run_at("2026-03-05T09:00:00Z").await;
    world.playbook(&playbook("rescue", "when: account.tier == \"A\"", "  - wait: 1h"));
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_plan_reads_the_state_and_writes_none() {
    let world = world("when: account.tier == \"A\"\nholds_for: 2d", "  - wait: 1h").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    for (slot, entering, not_yet) in [("2026-03-03T09:00:00Z", 0, 1), ("2026-03-04T09:00:00Z", 1, 0)] {
        let plan = world.plan("rescue", at(slot)).await;
        assert_eq!(
            (plan.enter.len(), plan.skipped.get("not yet").copied().unwrap_or(0)),
            (entering, not_yet),
            "{slot}"
        );
    }
    assert!(world.enrollments().await.is_empty());
}
