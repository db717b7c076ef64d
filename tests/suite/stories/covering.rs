//! What becomes of open tasks when whoever has them goes away.

use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::{Value as Json, json};

use crate::support::world::{World, lines, playbook};

const ALL: &str = "when: account.mrr > 0";
const STEPS: &str = concat!(
    "  - task: { id: soon, title: \"Call {{ account.name }}\", to: csm, due: 2d }\n",
    "  - task: { id: later, title: \"Plan {{ account.name }}\", to: csm, due: 6d }\n",
    "  - task: { id: some-day, title: \"Note {{ account.name }}\", to: csm }",
);
const DIGEST: &str = "notify: { csm: { digest: \"0 8 * * mon-fri\" } }\n";

/// Kim of an account, with the backup Lee; away from the 3rd to the 6th of
/// March, which is written down later.
async fn world(config: &str) -> World {
    let world = World::with(config).await;
    world.csm("kim", json!({ "name": "Kim", "backup_id": "lee" })).await;
    world.csm("lee", json!({ "name": "Lee", "backup_id": "max" })).await;
    world.csm("max", json!({})).await;
    world.playbook(&playbook("calls", ALL, STEPS));
    world.account("a1", json!({ "csm_id": "kim" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

async fn away(world: &World, who: &str, days: &str) {
    let (from, until) = days.split_once("..").unwrap();
    let sql = format!(
        "update customers.csms set away_from = nullif('{from}', '')::date, away_until = nullif('{until}', '')::date where id = '{who}'"
    );
    world.sql(&sql).await;
}

async fn who(world: &World) -> Vec<String> {
    lines(&world.tasks().await, "step assignee reason")
}

#[tokio::test]
async fn open_tasks_go_to_the_backup_when_their_colleague_goes_away_and_stay_there() {
    let world = world("").await;
    away(&world, "kim", "2026-03-03..2026-03-06").await;
    world.pass_at("2026-03-02T23:59:00Z").await;
    assert_eq!(who(&world).await, ["later kim -", "some-day kim -", "soon kim -"]);
    world.pass_at("2026-03-03T00:00:00Z").await;
    // What is due when Kim is back again waits for Kim.
    let gone =
        ["later kim -", "some-day lee covers for Kim until 6 March 2026", "soon lee covers for Kim until 6 March 2026"];
    assert_eq!(who(&world).await, gone);
    assert!(world.notices().await.is_empty());
    assert_eq!(
        lines(&world.tasks().await, "step handed_from handed_at due_at"),
        ["later - - 03-08T09:00", "some-day kim 03-03T00:00 -", "soon kim 03-03T00:00 03-04T09:00"]
    );
    // Back again: what Lee has, Lee keeps.
    world.pass_at("2026-03-07T09:00:00Z").await;
    assert_eq!(who(&world).await, gone);
}

#[tokio::test]
async fn a_longer_absence_takes_along_what_would_have_waited() {
    let world = world("").await;
    away(&world, "kim", "2026-03-03..2026-03-06").await;
    world.pass_at("2026-03-03T00:00:00Z").await;
    away(&world, "kim", "2026-03-03..").await;
    world.pass_at("2026-03-04T09:10:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "step assignee reason handed_at")[0],
        "later lee covers for Kim 03-04T09:00"
    );
}

#[tokio::test]
async fn a_backup_who_is_away_as_well_hands_on_along_the_chain_or_keeps_it() {
    let world = world("").await;
    away(&world, "kim", "2026-03-03..").await;
    world.pass_at("2026-03-03T00:00:00Z").await;
    away(&world, "lee", "2026-03-04..").await;
    world.pass_at("2026-03-04T00:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee reason handed_from")[0], "max covers for Lee lee");
    // Max has nobody.
    away(&world, "max", "2026-03-05..").await;
    world.pass_at("2026-03-05T00:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee")[0], "max");
}

#[tokio::test]
async fn a_task_put_off_goes_when_it_comes_back_and_its_colleague_does_not() {
    let world = world("").await;
    away(&world, "kim", "2026-03-03..2026-03-06").await;
    world.sql("update keepwell.tasks set snoozed_until = '2026-03-05T10:00:00Z' where step = 'soon'").await;
    world.sql("update keepwell.tasks set snoozed_until = '2026-03-09T10:00:00Z' where step = 'some-day'").await;
    world.pass_at("2026-03-05T09:59:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee"), ["kim", "kim", "kim"]);
    world.pass_at("2026-03-05T10:00:00Z").await;
    world.pass_at("2026-03-09T12:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step assignee"), ["later kim", "some-day kim", "soon lee"]);
}

#[tokio::test]
async fn the_accounts_csm_takes_over_from_somebody_who_has_left() {
    let world = world("").await;
    world.sql("delete from customers.csms where id = 'kim'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    // As long as nobody else looks after the account, they stay where they are seen.
    assert_eq!(who(&world).await[0], "later kim -");
    world.sql("update customers.accounts set csm_id = 'lee'").await;
    world.pass_at("2026-03-03T09:15:00Z").await;
    assert_eq!(
        who(&world).await,
        ["later lee took over from kim", "some-day lee took over from kim", "soon lee took over from kim"]
    );
}

#[tokio::test]
async fn a_pool_gives_the_task_of_who_went_away_to_another_of_its_members() {
    let world = World::with("pools: { onboarding: [kim, lee, max] }\n").await;
    world.csm("kim", json!({ "name": "Kim", "backup_id": "sam" })).await;
    world.csm("lee", json!({})).await;
    world.csm("max", json!({})).await;
    world.playbook(&playbook("calls", ALL, "  - task: { id: call, title: call, to: pool:onboarding }"));
    for account in ["a1", "a2", "a3", "a4", "a5"] {
        world.account(account, json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account assignee"), ["a1 kim", "a2 lee", "a3 max", "a4 kim", "a5 lee"]);
    away(&world, "kim", "2026-03-03..").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    // The least loaded first, and each sees what those before were given.
    assert_eq!(lines(&world.tasks().await, "account assignee"), ["a1 max", "a2 lee", "a3 max", "a4 lee", "a5 lee"]);
}

#[tokio::test]
async fn both_read_of_it_in_their_digests() {
    let world = world(DIGEST).await;
    world.pass_at("2026-03-03T08:00:00Z").await;
    away(&world, "kim", "2026-03-04..2026-03-06").await;
    world.pass_at("2026-03-04T08:00:00Z").await;
    world.pass_at("2026-03-09T08:00:00Z").await;
    let notices = world.notices().await;
    let days: Vec<&Json> = notices.iter().filter(|notice| notice["step"] == "digest").collect();
    let mut told: Vec<String> =
        days.iter().map(|day| lines(&[(*day).clone()], "created_at to subject").remove(0)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "03-03T08:00 kim@acme.example Your day: 3 new tasks",
            "03-04T08:00 lee@acme.example Your day: 2 new tasks",
            "03-09T08:00 kim@acme.example Your day: 1 overdue task, 2 tasks handed over",
            "03-09T08:00 lee@acme.example Your day: 1 overdue task",
        ]
    );
    let day = |subject: &str| days.iter().find(|day| day["subject"] == subject).unwrap();
    let text = world.text(day("Your day: 2 new tasks")).await;
    assert!(text.contains("• Call A1: A1, due 4 March 2026, covers for Kim until 6 March 2026\n"), "{text}");
    let text = world.text(day("Your day: 1 overdue task, 2 tasks handed over")).await;
    for line in ["2 tasks handed over:\n\n", "• Call A1: A1, now with Lee\n", "• Note A1: A1, now with Lee\n"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn what_is_stopped_stays_with_whoever_has_it() {
    let world = world("").await;
    away(&world, "kim", "2026-03-03..").await;
    world.stop(StopTarget::Account("a1".to_owned()), "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee"), ["kim", "kim", "kim"]);
    world.resume(StopTarget::Account("a1".to_owned())).await;
    world.pass_at("2026-03-03T09:15:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee"), ["lee", "lee", "lee"]);
}

#[tokio::test]
async fn a_task_asked_for_again_is_given_anew() {
    let world = World::new().await;
    world.csm("kim", json!({ "name": "Kim", "backup_id": "lee" })).await;
    world.csm("lee", json!({})).await;
    let call = "  - task: { id: call, title: call, to: csm }";
    world.playbook(&playbook("calls", "when: account.mrr > 0\nreentry: { gap: 5d }", call));
    world.account("a1", json!({ "csm_id": "kim" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    away(&world, "kim", "2026-03-03..2026-03-04").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee handed_from"), ["lee kim"]);
    world.run_at("2026-03-09T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "assignee reason handed_from state"), ["kim - - open"]);
}
