//! The schema can be spread over nodes by account without a rewrite.

use std::path::Path;

use sqlx::Row;

use crate::support::database::fresh;

#[tokio::test]
async fn every_unique_index_of_a_table_by_account_holds_the_account() {
    let pool = fresh().await.pool().await;
    let rows = sqlx::query(
        "select c.relnamespace::regnamespace::text || '.' || c.relname as table_name, i.indexrelid::regclass::text as name,
                coalesce(obj_description(c.oid, 'pg_class'), '') as says,
                array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum = any(i.indkey)) as columns
         from pg_index i join pg_class c on c.oid = i.indrelid
         where i.indisunique and c.relnamespace in ('keepwell'::regnamespace, 'customers'::regnamespace)",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut seen = 0;
    for row in rows {
        let (table, name, says): (String, String, String) = (row.get("table_name"), row.get("name"), row.get("says"));
        let columns: Vec<String> = row.get("columns");
        assert!(!says.is_empty() || table.starts_with("customers.events_"), "{table} does not say its class");
        if !says.starts_with("by account") {
            continue;
        }
        let account = if table == "customers.accounts" { "id" } else { "account_id" };
        assert!(columns.iter().any(|column| column == account), "{name} of {table} lacks the account: {columns:?}");
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} indexes were looked at");
}

#[test]
fn no_update_is_volatile_and_rows_are_locked_in_one_place_only() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut locking = Vec::new();
    for entry in std::fs::read_dir(store).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let text = std::fs::read_to_string(entry.path()).unwrap().to_lowercase();
        let name = entry.file_name().into_string().unwrap();
        for literal in text.split('"').skip(1).step_by(2) {
            for volatile in ["gen_random_uuid", "random()", "now()"] {
                assert!(!literal.contains(volatile), "{name} uses {volatile}");
            }
            // Apart from the few that lease and mark, and a daemon's own row.
            if literal.contains("clock_timestamp()") && !["clocks.rs", "copies.rs", "marks.rs"].contains(&name.as_str())
            {
                assert!(!literal.contains("update "), "{name} reads the database's clock inside an update");
            }
            if ["for update", "for no key update", "for share"].iter().any(|lock| literal.contains(lock)) {
                locking.push(name.clone());
            }
        }
    }
    locking.sort();
    locking.dedup();
    let known = [
        "budget.rs",
        "copies.rs",
        "day_room.rs",
        "digests.rs",
        "erasure.rs",
        "lapses.rs",
        "marks.rs",
        "outbox.rs",
        "outcomes.rs",
        "playbooks.rs",
        "releases.rs",
        "runs.rs",
    ];
    assert_eq!(
        locking, known,
        "rows are locked where mail is claimed, weighed, marked, settled, gathered, ranked and given back, by runs, releases and for the room of a day, and by an erasure"
    );
}
