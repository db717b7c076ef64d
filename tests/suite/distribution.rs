//! The schema can be spread over nodes by account without a rewrite.

use std::path::{Path, PathBuf};

use sqlx::Row;

use crate::support::database::fresh;

/// Where a table's rows would live: the first words of its comment.
const CLASSES: [&str; 4] = ["by account", "by address", "small shared", "coordinator"];

#[tokio::test]
async fn every_table_says_its_class_what_it_holds_and_who_writes_it() {
    let pool = fresh().await.pool().await;
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select c.relnamespace::regnamespace::text || '.' || c.relname, coalesce(obj_description(c.oid, 'pg_class'), '')
         from pg_class c
         where c.relkind in ('r', 'p') and c.relnamespace in ('keepwell'::regnamespace, 'customers'::regnamespace)",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() >= 30, "only {} tables were looked at", tables.len());
    for (table, says) in tables {
        let holds = says.split_once(": ").filter(|(class, _)| CLASSES.contains(class)).map(|(_, holds)| holds);
        let holds = holds.unwrap_or_else(|| panic!("{table} does not begin with its class: {says:?}"));
        assert!(holds.contains(" Written ") && holds.ends_with('.'), "{table} does not say who writes it: {says:?}");
    }
}

#[tokio::test]
async fn every_unique_index_of_a_table_by_account_begins_with_the_account() {
    let pool = fresh().await.pool().await;
    let rows = sqlx::query(
        "select c.relnamespace::regnamespace::text || '.' || c.relname as table_name, i.indexrelid::regclass::text as name,
                coalesce(obj_description(c.oid, 'pg_class'), '') as says, a.attname::text as first
         from pg_index i join pg_class c on c.oid = i.indrelid
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
         where i.indisunique and c.relnamespace in ('keepwell'::regnamespace, 'customers'::regnamespace)",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut seen = 0;
    for row in rows {
        let (table, name, says): (String, String, String) = (row.get("table_name"), row.get("name"), row.get("says"));
        let first: Option<String> = row.get("first");
        if !says.starts_with("by account") {
            continue;
        }
        let account = if table == "customers.accounts" { "id" } else { "account_id" };
        assert_eq!(first.as_deref(), Some(account), "{name} of {table} does not begin with the account");
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} indexes were looked at");
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|ending| ending == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files
}

#[test]
fn no_update_is_volatile_and_rows_are_locked_in_one_place_only() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut locking = Vec::new();
    for path in rust_files(&store) {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        let name = path.strip_prefix(&store).unwrap().to_str().unwrap().to_owned();
        for literal in text.split('"').skip(1).step_by(2) {
            for volatile in ["gen_random_uuid", "random()", "now()"] {
                assert!(!literal.contains(volatile), "{name} uses {volatile}");
            }
            // Apart from the few that lease and mark, and a daemon's own row.
            let leasing = ["upkeep/clocks.rs", "messages/resends.rs", "messages/marks.rs"];
            if literal.contains("clock_timestamp()") && !leasing.contains(&name.as_str()) {
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
        "customers/erasure.rs",
        "customers/import/changes.rs",
        "messages/answers.rs",
        "messages/budget.rs",
        "messages/digests.rs",
        "messages/expired_claims.rs",
        "messages/marks.rs",
        "messages/outbox.rs",
        "messages/outcomes.rs",
        "messages/resends.rs",
        "messages/suppressions.rs",
        "runs/daily_quota.rs",
        "runs/playbooks.rs",
        "runs/releases.rs",
        "runs/run.rs",
        "tasks/manual_changes.rs",
        "tasks/undo.rs",
        "users/login_attempts.rs",
        "users/mod.rs",
    ];
    assert_eq!(
        locking, known,
        "rows are locked where mail is claimed, weighed, marked, settled, gathered, ranked and given back, where a wish is written for all addresses of a contact, by runs, releases and for the room of a day, by an erasure, by an import of what accounts were, by what a person does with tasks and undoes, and of users so that one admin stays"
    );
}
