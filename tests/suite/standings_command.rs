//! `keepwell stages` and `keepwell tiers` as people and programs call them.

use serde_json::{Value as Json, json};

use crate::cli::{AT, company};

const LIFECYCLE: &str = "lifecycle: customer\nabout: Where a customer stands.\nstages:
  - { id: onboarding, enter: true }
  - { id: large, enter: account.seats != none && account.seats > 50 }\n";

const TIERS: &str = "tiers: value\nabout: What an account is worth.\nlevels:
  - { id: A, when: account.seats != none && account.seats > 50 }
  - { id: B, when: true }\n";

fn one<'a>(rows: &'a Json, key: &str, value: &str) -> &'a Json {
    let found = rows.as_array().unwrap().iter().find(|row| row[key] == value);
    found.unwrap_or_else(|| panic!("no {value} in {rows}"))
}

#[tokio::test]
async fn where_accounts_stand_is_said_in_words_and_in_figures() {
    let (home, pool) = company("standings").await;
    home.write("keepwell.yaml", "web: off\nminutes_per_task: 30\n");
    home.write("playbooks/lifecycle.yaml", LIFECYCLE);
    home.write("playbooks/tiers.yaml", TIERS);
    sqlx::query("update customers.accounts set seats = 60 where id = 'a4'").execute(&pool).await.unwrap();
    home.done(&["run", "--once", "--at", AT]);

    let stages = home.done(&["stages", "--at", AT, "--format", "json"]).json();
    assert_eq!((&stages["accounts"], &stages["days"]), (&json!(4), &json!(30)));
    let large = one(&stages["stages"], "stage", "large");
    assert_eq!(
        (&large["accounts"], &large["share"], &large["median_days"], &large["came"]),
        (&json!(1), &json!(25.0), &json!(0.0), &json!(1))
    );
    assert_eq!(stages["moves"][0], json!({ "from": null, "to": "onboarding", "accounts": 3 }));
    let told = home.done(&["stages", "--at", AT, "--days", "1"]).stdout;
    assert!(
        told.starts_with("STAGE") && told.contains("MEDIAN DAYS") && told.contains("Moves against 1 day ago:"),
        "{told}"
    );

    let account = home.done(&["stages", "--account", "a4", "--at", AT, "--format", "json"]).json();
    assert_eq!((&account["stage"], &account["days"]), (&json!("large"), &json!(0)));
    let moved = &account["moves"][0];
    assert_eq!(
        (&moved["was"], &moved["clause"], &moved["reason"], &moved["document"]),
        (&json!(null), &json!("enter"), &json!("account.seats = 60"), &json!("customer"))
    );

    // The store has a tier for two of them, which counts; the one that was called is one of these.
    let done = "update keepwell.tasks set state = 'done', ended_at = '2026-03-02T10:00:00Z'
        where id = (select id from keepwell.tasks where account_id = 'a1' order by id limit 1)";
    assert_eq!(sqlx::query(done).execute(&pool).await.unwrap().rows_affected(), 1);
    let tiers = home.done(&["tiers", "--at", "2026-03-02T11:00:00Z", "--format", "json"]).json();
    let (a, b) = (one(&tiers["tiers"], "tier", "A"), one(&tiers["tiers"], "tier", "B"));
    assert_eq!((&a["accounts"], &b["accounts"]), (&json!(3), &json!(1)));
    assert_eq!(
        (&a["tasks"], &a["tasks_share"], &a["hours"], &b["hours"]),
        (&json!(1), &json!(100.0), &json!(0.5), &json!(0.0))
    );
    let told = home.done(&["tiers", "--account", "a1", "--at", AT]).stdout;
    assert!(told.starts_with("a1: tier A\n"), "{told}");
    assert!(told.contains("the document has found `B`, which is not read"), "{told}");
    let refused = home.run(&["tiers", "--account", "a9"]);
    assert!(refused.code == 1 && refused.stderr.contains("nothing is known of an account `a9`"), "{refused:?}");
    let refused = home.run(&["stages", "--days", "0"]);
    assert!(refused.code == 1 && refused.stderr.contains("--days"), "{refused:?}");
}
