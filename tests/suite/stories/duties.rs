//! What happens to a task that nobody does yet: put off, told to the manager,
//! listed in a digest, and judged.

use keepwell::action::snooze::Snooze;
use keepwell::store::tasks::manual_changes::{TaskChange, TaskDeed};
use keepwell::store::views::impact::ImpactTerms;
use serde_json::{Value as Json, json};

use crate::support::world::{World, at, lines, playbook};

const ALL: &str = "when: account.mrr > 0";
const CALL: &str = "  - task: { id: call, title: \"Call {{ account.name }}\", to: csm, due: 1 business day }";
const DIGEST: &str = "notify: { csm: { digest: \"0 8 * * mon-fri\" } }\n";

fn id(task: &Json) -> uuid::Uuid {
    task["id"].as_str().unwrap().parse().unwrap()
}

async fn put_off(world: &World, until: &str, now: &str) -> TaskChange {
    let task = id(&world.tasks().await[0]);
    let zone = world.store().task_zone(task).await.unwrap().expect("a task");
    let zone = zone.map_or(chrono_tz::UTC, |name| name.parse().unwrap());
    let snooze = Snooze::read(until, at(now), &world.shared.calendar, zone).expect("a later instant");
    world.store().act_on_task(task, &TaskDeed::Snooze(snooze), keepwell::ids::Actor("a person"), at(now)).await.unwrap()
}

#[tokio::test]
async fn a_task_put_off_mutes_its_rule_and_comes_back() {
    let world = World::new().await;
    world.playbook(&playbook("calls", "when: account.mrr > 0\nreentry: { gap: 1d }", CALL));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(put_off(&world, "2 business days", "2026-03-05T12:00:00Z").await, TaskChange::Changed);
    // The rule matches again: no second task, and this one stays put off.
    world.run_at("2026-03-06T09:00:00Z").await;
    let tasks = world.tasks().await;
    assert_eq!(lines(&tasks, "state snoozed_until due_at"), ["open 03-09T12:00 03-09T09:00"]);
    // Two business days after it came back, and not before, its manager hears.
    world.pass_at("2026-03-11T11:59:00Z").await;
    assert_eq!(world.notices().await.len(), 0);
    world.pass_at("2026-03-11T12:00:00Z").await;
    assert_eq!(lines(&world.notices().await, "to subject"), ["mia@acme.example Overdue: Call A1"]);
    world.done("call", None, "2026-03-11T13:00:00Z").await;
    assert_eq!(put_off(&world, "3d", "2026-03-11T14:00:00Z").await, TaskChange::NotOpen);
}

#[tokio::test]
async fn a_task_put_off_closes_itself_when_its_problem_is_gone() {
    let world = World::new().await;
    world.playbook(&playbook("calls", "when: account.mrr > 0\ngoal: account.mrr > 500", CALL));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    put_off(&world, "2026-04-01", "2026-03-02T10:00:00Z").await;
    world.sql("update customers.accounts set mrr = 501").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "state reason"), ["closed goal: account.mrr = 501"]);
}

#[tokio::test]
async fn a_manager_hears_once_of_what_is_overdue() {
    let world = World::with("holidays: [2026-03-05]\n").await;
    world.csm("solo", json!({})).await;
    world.csm("kim", json!({ "manager_id": "lee" })).await;
    world.csm("lee", json!({ "away_from": "2026-03-01", "backup_id": "mia" })).await;
    world.playbook(&playbook("calls", ALL, CALL));
    world.account("a1", json!({})).await;
    world.account("a2", json!({ "csm_id": "solo" })).await;
    world.account("a3", json!({ "csm_id": "kim" })).await;
    // Due Tuesday; Thursday is a holiday: Friday.
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-06T08:59:00Z").await;
    assert_eq!(world.notices().await.len(), 0);
    world.pass_at("2026-03-06T09:00:00Z").await;
    world.pass_at("2026-03-20T09:00:00Z").await;
    assert_eq!(
        lines(&world.notices().await, "account to audience state"),
        [
            "a1 mia@acme.example manager captured",
            "a2 ops@acme.example alerts_to captured",
            "a3 mia@acme.example manager captured"
        ]
    );
    assert_eq!(lines(&world.tasks().await, "assignee state escalated_at")[0], "kim open 03-06T09:00");
    let notices = world.notices().await;
    let first = notices.iter().find(|notice| notice["account"] == "a1").unwrap();
    let text = world.text(first).await;
    assert!(text.contains("Assigned to: sam") && text.contains("Was due: 3 March 2026, 09:00 (UTC)"), "{text}");
}

#[tokio::test]
async fn a_shadow_escalates_nothing() {
    let world = World::new().await;
    world.playbook(&playbook("calls", "when: account.mrr > 0\nmode: shadow", CALL));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-20T09:00:00Z").await;
    assert_eq!((lines(&world.tasks().await, "state"), world.notices().await.len()), (vec!["shadow".to_owned()], 0));
}

#[tokio::test]
async fn a_digest_gathers_tasks_and_notices_into_one_mail() {
    let world = World::with(DIGEST).await;
    world.csm("kim", json!({ "timezone": "America/New_York" })).await;
    let steps = format!("{CALL}\n  - notify: {{ id: word, channel: csm, text: \"Look at {{{{ account.name }}}}\" }}");
    world.playbook(&playbook("calls", ALL, &steps));
    world.account("a1", json!({})).await;
    world.account("a2", json!({})).await;
    world.account("a3", json!({ "csm_id": "kim" })).await;
    world.account("a4", json!({ "csm_id": null })).await;
    world.run_at("2026-03-02T14:00:00Z").await;
    // Whom nobody looks after is told to the owners at once.
    assert_eq!(
        lines(&world.notices().await, "account state"),
        ["a1 deferred", "a2 deferred", "a3 deferred", "a4 captured"]
    );
    world.pass_at("2026-03-03T07:59:00Z").await;
    assert_eq!(world.notices().await.len(), 4);
    world.pass_at("2026-03-03T08:00:00Z").await;
    // Eight o'clock in New York is later.
    let sent = lines(&world.notices().await, "account to state subject");
    assert_eq!(sent[0], "- sam@acme.example captured Your day: 2 new tasks, 2 notices");
    assert_eq!(sent[3], "a3 kim@acme.example deferred calls: A3");
    let notices = world.notices().await;
    let digest = notices.iter().find(|notice| notice["step"] == "digest").unwrap();
    let text = world.text(digest).await;
    for part in ["Call A1: A1, due 3 March 2026", "Call A2", "calls: A1\nLook at A1", "http://127.0.0.1:7717/tasks/"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let gathered = notices.iter().find(|notice| notice["account"] == "a1").unwrap();
    assert_eq!(gathered["state"], "captured");
    assert_eq!(gathered["reason"], format!("in the digest {}", digest["id"].as_str().unwrap()));
    world.pass_at("2026-03-03T13:00:00Z").await;
    let days = |notices: &[Json]| {
        lines(notices, "to subject").into_iter().filter(|line| line.contains("Your day")).collect::<Vec<_>>()
    };
    assert_eq!(
        days(&world.notices().await),
        ["kim@acme.example Your day: 1 new task, 1 notice", "sam@acme.example Your day: 2 new tasks, 2 notices"]
    );
    // The next day only what is overdue; when that is done, there is nothing to say.
    world.pass_at("2026-03-04T08:00:00Z").await;
    assert!(days(&world.notices().await).contains(&"sam@acme.example Your day: 2 overdue tasks".to_owned()));
    world.sql("update keepwell.tasks set state = 'done', escalate_at = null").await;
    let before = world.notices().await.len();
    world.pass_at("2026-03-05T08:00:00Z").await;
    assert_eq!(world.notices().await.len(), before);
}

#[tokio::test]
async fn several_daemons_write_one_digest() {
    let world = World::with(DIGEST).await;
    world.playbook(&playbook("calls", ALL, CALL));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let now = at("2026-03-03T08:00:05Z");
    let tick = || keepwell::worker::messages::digester::tick(&world.shared, now);
    let all = tokio::join!(tick(), tick(), tick(), tick());
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok());
    assert_eq!(lines(&world.notices().await, "subject state"), ["Your day: 1 new task planned"]);
}

#[tokio::test]
async fn colleagues_without_mail_do_not_silence_the_owners() {
    let world = World::with("notify: { csm: { email: false } }\n").await;
    let steps = concat!(
        "  - notify: { id: word, channel: csm, text: one }\n",
        "  - notify: { id: owners, channel: alerts_to, text: two }",
    );
    world.playbook(&playbook("calls", ALL, steps));
    world.account("a1", json!({})).await;
    world.account("a2", json!({ "csm_id": null })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.notices().await, "account step state"),
        ["a1 owners captured", "a1 word shadow", "a2 owners captured", "a2 word captured"]
    );
}

#[tokio::test]
async fn what_people_do_with_tasks_says_how_useful_a_playbook_is() {
    let world = World::new().await;
    world.playbook(&playbook("calls", ALL, CALL));
    for account in ["a1", "a2", "a3", "a4", "a5"] {
        world.account(account, json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let tasks = world.tasks().await;
    let (store, now) = (world.store(), at("2026-03-03T09:00:00Z"));
    let done = TaskDeed::Complete { outcome: None };
    store.act_on_task(id(&tasks[0]), &done, keepwell::ids::Actor("a person"), now).await.unwrap();
    store
        .act_on_task(id(&tasks[1]), &done, keepwell::ids::Actor("a person"), at("2025-01-01T00:00:00Z"))
        .await
        .unwrap();
    let wrong = |because: &str| TaskDeed::Dismiss { because: because.to_owned() };
    store.act_on_task(id(&tasks[2]), &wrong("wrong data: seats"), keepwell::ids::Actor("a person"), now).await.unwrap();
    store.act_on_task(id(&tasks[3]), &wrong("wrong data"), keepwell::ids::Actor("a person"), now).await.unwrap();
    let terms = ImpactTerms { now: at("2026-03-04T09:00:00Z"), term_days: 90, minutes_per_task: Some(30) };
    let spent = store.impact(Some("calls"), terms).await.unwrap().remove(0).spent;
    let judged = &spent.tasks;
    assert_eq!((judged.done, judged.dismissed, judged.closed, judged.open), (1, 2, 0, 1));
    assert_eq!((judged.useful_percent(), judged.median_hours, spent.hours()), (Some(33), Some(24.0), Some(0.5)));
    assert_eq!(judged.reasons, [("wrong data".to_owned(), 2)]);
}
