//! Conditions and texts that ask what was some days ago.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

const SHRINKING: &str = "when: account.ago(30).mrr != none && account.mrr < account.ago(30).mrr && account.events(\"login\", 7) < account.ago(7).events(\"login\", 7)";
const TASK: &str = r#"  - task:
      id: call
      to: csm
      title: '{{ account.name }}: {{ account.ago(30).mrr | number(0) }} to {{ account.mrr | number(0) }}, {{ account.ago(30).traits.plan | default("no plan") }}, {{ account.ago(7).events("login", 7) }} logins'"#;

#[tokio::test]
async fn a_run_compares_today_with_a_month_and_a_week_ago() {
    let world = World::new().await;
    world.playbook(&playbook("shrinking", SHRINKING, TASK));
    // The record of each: what it became, and when.
    for (id, record) in [
        ("shrank", json!([["2026-01-10", 900], ["2026-02-10", 500]])),
        ("grew", json!([["2026-01-10", 100], ["2026-02-10", 500]])),
        // Exactly then is not before then.
        ("late", json!([["2026-01-31T09:00:00Z", 900], ["2026-02-10", 500]])),
        ("in-time", json!([["2026-01-31T08:59:59Z", 900], ["2026-02-10", 500]])),
        ("deleted", json!([["2026-01-10", 900], ["2026-01-11", null]])),
        ("unreadable", json!([["2026-01-10", "many"]])),
        ("unrecorded", json!([])),
    ] {
        world.account(id, json!({ "mrr": 500 })).await;
        world.event(id, "login", "2026-02-20T00:00:00Z").await;
        for row in record.as_array().into_iter().flatten() {
            let became = match &row[1] {
                serde_json::Value::Null => "null".to_owned(),
                mrr => format!("'{}'", json!({ "id": id, "mrr": mrr, "traits": { "plan": "pro" } })),
            };
            let at = row[0].as_str().unwrap_or_default();
            let sql = format!(
                "insert into customers.account_changes (account_id, at, became) values ('{id}', '{at}', {became})"
            );
            world.sql(&sql).await;
        }
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["in-time", "shrank"]);
    let titles = lines(&world.tasks().await, "account title");
    assert!(titles[1].ends_with("900 to 500, pro, 1 logins"), "{titles:?}");
    let run = world.run("shrinking", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({}), "{run}");
    // What was read stands beside the decision.
    let enrolled = world.enrollments().await;
    assert!(enrolled[1]["evidence"].to_string().contains("account.ago(30).mrr"), "{}", enrolled[1]);
}
