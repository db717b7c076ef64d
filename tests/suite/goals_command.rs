//! `keepwell goals`: how far the goals of success plans are.

use serde_json::json;
use sqlx::Executor;

use crate::cli::{AT, company};

#[tokio::test]
async fn goals_of_success_plans_are_listed() {
    let (home, pool) = company("goals").await;
    home.write(
        "playbooks/launch.yaml",
        "plan: launch\nabout: What is agreed at the beginning.\ngoals:\n  - { id: seats, about: All seats are used, value: account.seats_used * 1, target: 10, within: 30d }\n",
    );
    pool.execute("update customers.accounts set seats_used = 4 where id = 'a1'").await.unwrap();
    home.done(&["run", "--once", "--at", AT]);
    let rows = home.rows(&["goals", "--at", AT]);
    assert_eq!(rows.len(), 4);
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    for key in
        ["plan", "goal", "about", "state", "value", "start", "since", "reached_at", "missed_at", "milestones", "at"]
    {
        assert!(keys.iter().any(|known| *known == key), "{key}: {keys:?}");
    }
    assert_eq!((&rows[0]["progress"], &rows[0]["due_at"]), (&json!(40.0), &json!("2026-04-01T09:00:00Z")));
    home.done(&["run", "--once", "--at", "2026-04-02T09:00:00Z"]);
    let later = ["--at", "2026-04-02T09:00:00Z"];
    assert_eq!(home.rows(&[&["goals", "--plan", "launch", "--state", "missed"], &later[..]].concat()).len(), 4);
    assert!(home.rows(&[&["goals", "--state", "open"], &later[..]].concat()).is_empty());
    assert_eq!(home.rows(&[&["goals", "--account", "a2"], &later[..]].concat()).len(), 1);
    let table = home.done(&[&["goals", "--account", "a1"], &later[..]].concat()).stdout;
    assert!(table.contains("launch  a1       seats  missed  40"), "{table}");
    let unknown = home.run(&["goals", "--plan", "lanch"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("there is no success plan `lanch`"), "{unknown:?}");
    let unknown = home.run(&["goals", "--account", "a9"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("nothing is known of an account `a9`"), "{unknown:?}");
}
