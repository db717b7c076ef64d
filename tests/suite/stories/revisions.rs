//! Files that change while customers are on their way.

use keepwell::message::channel::Channel;
use keepwell::store::runs::playbooks::Missing;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::runs::publisher;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

fn version(keys: &str, wait: &str, title: &str) -> String {
    let steps = format!(
        "  - wait: {wait}\n  - task: {{ id: call, title: {title}, to: csm }}\n  - notify: {{ channel: alerts_to, text: word }}"
    );
    playbook("calls", &format!("when: account.mrr > 0\n{keys}"), &steps)
}

#[tokio::test]
async fn who_is_on_the_way_keeps_the_steps_and_gets_the_new_mode_and_alerts() {
    let world = World::new().await;
    world.playbook(&version("alerts_to: old@acme.example", "1d", "old"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.playbook(&version("alerts_to: new@acme.example", "2d", "new"));
    world.account("a2", json!({})).await;
    world.run_at("2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-04T10:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title created_at"), ["a1 old 03-03T09:00", "a2 new 03-04T10:00"]);
    assert_eq!(lines(&world.notices().await, "account to"), ["a1 new@acme.example", "a2 new@acme.example"]);
    assert_eq!(lines(&world.runs().await, "enrolled skipped"), ["1 {\"active\":1}", "1 {}"]);
}

#[tokio::test]
async fn a_broken_file_keeps_the_previous_revision_and_shows_its_problems() {
    let world = World::new().await;
    world.playbook(&version("", "1d", "old"));
    world.playbook(&playbook("other", "when: account.mrr > 0", "  - end: fine"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.expect_mistakes();
    let before = world.store().published().await.unwrap();
    world.playbook(&version("goal: account.nonsense", "2d", "new"));
    world.account("a2", json!({})).await;
    world.run_at("2026-03-02T10:00:00Z").await;
    let after = world.store().published().await.unwrap();
    assert_eq!((&after[0].id, &after[0].revision, after[0].present), (&before[0].id, &before[0].revision, true));
    assert_eq!(after[0].problems[0]["code"], "KW0202", "{}", after[0].problems);
    assert_eq!(after[1].problems, json!([]));
    world.pass_at("2026-03-03T10:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["a1 old", "a2 old"]);
    // Mended, the problems are gone.
    world.playbook(&version("", "1d", "old"));
    world.publish_at("2026-03-03T11:00:00Z").await;
    assert_eq!(world.store().published().await.unwrap()[0].problems, json!([]));
}

#[tokio::test]
async fn a_copy_with_the_same_id_takes_nothing_over() {
    let world = World::new().await;
    world.playbook(&version("", "1d", "old"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let before = world.store().published().await.unwrap();
    world.expect_mistakes();
    // Its name comes first in the folder.
    std::fs::write(world.files().playbooks.join("a-copy.yaml"), version("goal: account.seats == 1", "2d", "new"))
        .unwrap();
    world.account("a2", json!({})).await;
    let report = world.publish_at("2026-03-02T10:00:00Z").await;
    let told: Vec<_> = report.diagnostics.iter().map(|problem| problem.code).collect();
    assert_eq!(told, ["KW0105", "KW0105"]);
    let after = world.store().published().await.unwrap();
    assert_eq!((&after[0].revision, &after[0].file, after[0].present), (&before[0].revision, &before[0].file, true));
    assert_eq!(after[0].problems[0]["code"], "KW0105", "{}", after[0].problems);
    world.run_at("2026-03-02T11:00:00Z").await;
    world.pass_at("2026-03-03T11:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["a1 old", "a2 old"]);
}

#[tokio::test]
async fn a_plan_says_that_nobody_can_be_written_to() {
    let world = World::new().await;
    let mail = "  - email: { to: finance, subject: Hi, body: Hello }";
    world.playbook(&playbook("welcome", "when: account.mrr > 0", mail));
    world.customer("a1").await.customer("a2").await;
    let plan = world.plan("welcome", at("2026-03-02T09:00:00Z")).await;
    assert_eq!((plan.enter.len(), plan.mails.len(), plan.unwritten["no recipient"]), (2, 0, 2));
}

#[tokio::test]
async fn most_files_at_once_are_not_taken_for_gone() {
    let world = World::new().await;
    for id in ["one", "two", "three", "four", "five"] {
        world.playbook(&playbook(id, "when: account.mrr > 0", "  - wait: 9d"));
    }
    world.publish_at("2026-03-02T09:00:00Z").await;
    let take = |id: &str| std::fs::remove_file(world.files().playbooks.join(format!("{id}.yaml"))).unwrap();
    let publish = async |when: &str, missing| {
        let done = publisher::publish(&world.shared, world.files(), missing, at(when)).await;
        done.map(|report| report.change.paused).map_err(|error| error.to_string())
    };
    let present = async || {
        let published = world.store().published().await.unwrap();
        published.into_iter().filter(|known| known.present).map(|known| known.id).collect::<Vec<_>>()
    };
    // Two of five are believed.
    take("one");
    take("two");
    assert_eq!(publish("2026-03-02T09:01:00Z", Missing::Doubted).await, Ok(vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(present().await, ["five", "four", "three"]);
    for id in ["three", "four", "five"] {
        take(id);
    }
    world.playbook(&playbook("other", "when: account.mrr > 0", "  - wait: 9d"));
    let refused = publish("2026-03-02T09:02:00Z", Missing::Doubted).await.unwrap_err();
    assert!(refused.starts_with("3 of the 3 playbooks in force have no file any more: "), "{refused}");
    assert_eq!(present().await, ["five", "four", "three"]);
    publish("2026-03-02T09:03:00Z", Missing::Meant).await.unwrap();
    assert_eq!(present().await, ["other"]);
}

/// A playbook with a case that says whom it is for.
fn for_small_accounts(limit: u32) -> String {
    format!(
        "{}
tests:
  - {{ name: a large account is left alone, at: 2026-03-02T09:00:00Z, account: {{ mrr: 5000 }}, expect: [] }}
",
        playbook("calls", &format!("when: account.mrr < {limit}"), "  - task: { title: x, to: csm }")
    )
}

#[tokio::test]
async fn a_revision_whose_own_case_fails_is_not_taken() {
    let world = World::new().await;
    world.playbook(&for_small_accounts(500));
    world.account("small", json!({ "mrr": 100 })).await;
    world.account("large", json!({ "mrr": 4000 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let before = world.store().published().await.unwrap();
    world.expect_mistakes();
    world.playbook(&for_small_accounts(50_000));
    world.run_at("2026-03-03T09:00:00Z").await;
    let after = world.store().published().await.unwrap();
    assert_eq!((&after[0].revision, after[0].present), (&before[0].revision, true));
    let problem = &after[0].problems[0];
    assert_eq!(problem["code"], "KW0503", "{problem}");
    let message = problem["message"].as_str().unwrap();
    assert!(message.starts_with("the case `a large account is left alone` fails: "), "{message}");
    assert_eq!(lines(&world.tasks().await, "account"), ["small"]);
    world.playbook(&for_small_accounts(4_500));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account"), ["large", "small"]);
}

#[tokio::test]
async fn a_new_playbook_whose_own_case_fails_does_not_begin() {
    let world = World::new().await;
    world.expect_mistakes();
    world.playbook(&for_small_accounts(50_000));
    world.account("large", json!({ "mrr": 4000 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert!(world.store().published().await.unwrap().is_empty());
    assert!(world.tasks().await.is_empty());
}

#[tokio::test]
async fn a_broken_script_keeps_what_calls_it_in_force() {
    let world = World::new().await;
    world.script("health", "fn low(account) { account.mrr < 200 }");
    world.playbook(&playbook("calls", "when: health::low(account)", "  - task: { title: x, to: csm }"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.expect_mistakes();
    world.script("health", "fn low(account) { account.mrr <");
    world.account("a2", json!({})).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account"), ["a1", "a2"]);
    let published = world.store().published().await.unwrap();
    assert!(published[0].present && published[0].problems != json!([]), "{published:#?}");
    // A changed script is a new revision.
    world.script("health", "fn low(account) { account.mrr < 300 }");
    world.publish_at("2026-03-03T10:00:00Z").await;
    let changed = world.store().published().await.unwrap();
    assert!(changed[0].revision != published[0].revision && changed[0].problems == json!([]));
}

#[tokio::test]
async fn a_playbook_without_its_file_is_paused() {
    let world = World::new().await;
    world.playbook(&version("", "1d", "old"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let text = version("", "1d", "old");
    world.remove("calls");
    world.account("a2", json!({})).await;
    world.run_at("2026-03-04T10:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 active"]);
    assert!(world.tasks().await.is_empty());
    // It goes on where it stood.
    world.playbook(&text);
    world.pass_at("2026-03-05T10:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account created_at"), ["a1 03-03T09:00"]);
}

#[tokio::test]
async fn a_playbook_works_once_the_one_it_names_is_mended() {
    let world = World::new().await;
    world.expect_mistakes();
    world.playbook(&playbook("a", "when: account.mrr > 0", "  - enroll: b"));
    world.playbook(&playbook("b", "when: account.nonsense > 0", "  - wait: 1d"));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.playbook(&playbook("b", "when: account.mrr < 0", "  - wait: 1d"));
    world.account("a2", json!({})).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state"),
        ["a a1 completed", "a a2 completed", "b a2 active"]
    );
}

#[tokio::test]
async fn a_publication_waits_for_no_mail_and_ranks_what_waits() {
    let world = World::new().await;
    let step = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";
    let ranked = |priority| playbook("mail", &format!("when: account.mrr > 0\nmail_priority: {priority}"), step);
    world.playbook(&ranked(10));
    world.customer("a1").await.customer("a2").await;
    world.stop(StopTarget::Channel(Channel::Email), "2026-03-02T08:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    // Somebody has one in their hands.
    let mut held = world.store().pool().begin().await.unwrap();
    sqlx::query("select 1 from keepwell.messages where account_id = 'a1' for update")
        .execute(&mut *held)
        .await
        .unwrap();
    world.playbook(&ranked(80));
    let publishing = world.publish_at("2026-03-02T10:00:00Z");
    tokio::time::timeout(std::time::Duration::from_secs(8), publishing).await.expect("it waits for nobody");
    held.rollback().await.unwrap();
    let priorities = async || -> Vec<i32> {
        let sql = "select priority from keepwell.messages where channel = 'email' order by account_id";
        sqlx::query_scalar(sql).fetch_all(world.store().pool()).await.unwrap()
    };
    assert_eq!(priorities().await, [10, 80]);
    world.publish_at("2026-03-02T11:00:00Z").await;
    assert_eq!(priorities().await, [80, 80]);
}
