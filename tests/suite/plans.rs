//! Statements whose plans are kept reach their rows by keys, also when the
//! tables were empty some seconds ago and nobody has analysed them since.

use std::collections::BTreeMap;
use std::time::Duration;

use keepwell::clock::Instant;
use keepwell::message::outcome::{Fact, Settled};
use keepwell::message::state::State;
use keepwell::store::Store;
use keepwell::store::messages::address_guard::Departure;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::claimed::Rendered;
use keepwell::store::messages::ending::Ending;
use keepwell::store::messages::mark_request::{MarkRequest, Marked};
use keepwell::store::upkeep::stopped::Halted;
use keepwell::store::views::cli::Filter;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::database;
use crate::support::world::at;

const MANY: i64 = 100_000;

/// Mails numbered from..to of as many accounts, each with an enrollment that
/// waits for it.
async fn fill(pool: &PgPool, from: i64, to: i64, state: &str) {
    let left = if state == "accepted" { "'2026-03-02'" } else { "null" };
    let insert = format!(
        "insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, phase, step_at, look_at,
             started_at, entry, evidence, shadow, run_slot)
         select 'a' || n, md5('e' || n)::uuid, 'tips', 'r', '', 'active', 'sending', '2026-03-02', '2026-04-02', '2026-03-02',
             '{{}}', '{{}}', false, '2026-03-02' from generate_series({from}, {to}) n;
         insert into keepwell.messages (account_id, contact_id, id, enrollment_id, playbook, step, channel, class,
             to_address, state, priority, valid_until, next_at, message_id, shadow, created_at, marked_at, sent_at, ended_at)
         select 'a' || n, 'c', md5('m' || n)::uuid, md5('e' || n)::uuid, 'tips', 'mail', 'email', 'lifecycle',
             n || '@customer.example', '{state}', 50, '2026-03-09', '2026-03-02', n, false, '2026-03-02', {left}, {left}, {left}
         from generate_series({from}, {to}) n;
         insert into keepwell.recipients (address_hash) select md5(n::text) from generate_series({from}, {to}) n;
         insert into keepwell.address_guard select md5(n::text), 'tips', 'mail', md5('m' || n)::uuid, '2026-03-01'
             from generate_series({from}, {to}) n;
         insert into keepwell.attempts select 'a' || n, md5('m' || n)::uuid, 7, '2026-03-01', '2026-03-01', 'deferred'
             from generate_series({from}, {to}) n"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(pool).await.unwrap();
}

/// Sends what is due, as far as the database sees it; how many mails.
async fn send(store: &Store, now: Instant) -> usize {
    let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), 100).await.unwrap();
    let departure = |message: &_| {
        let message: keepwell::store::messages::claimed::Claimed = Clone::clone(message);
        let to = message.to_address.clone().unwrap();
        Departure { message, to, rendered: Rendered::default(), leaves: true, fingerprint: None, now }
    };
    for departed in store.depart(&claimed.iter().map(departure).collect::<Vec<_>>()).await {
        assert!(departed.unwrap());
    }
    for message in &claimed {
        assert_eq!(
            store.mark(MarkRequest::new(message, message.to_address.as_deref().unwrap()), now).await.unwrap(),
            Marked::Go
        );
        let accepted = Settled::Ended { state: State::Accepted, reason: None, fact: Some(Fact::Accepted) };
        let ending = Ending::at(message.clone(), accepted, now);
        assert!(store.settle(Ending { reply: Some("250 ok".to_owned()), ..ending }).await.unwrap());
    }
    claimed.len()
}

/// Of each table: how often all of it was read, and how many entries of its
/// indexes and rows of it.
async fn read(pool: &PgPool) -> BTreeMap<String, (i64, i64)> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select t.relname::text, t.seq_scan, (t.seq_tup_read + sum(i.idx_tup_read))::int8
         from pg_stat_user_tables t join pg_stat_user_indexes i using (relid) where t.schemaname = 'keepwell'
           and t.relname in ('messages', 'enrollments', 'recipients', 'address_guard', 'attempts', 'tasks')
         group by t.relname, t.seq_scan, t.seq_tup_read",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter().map(|(table, scans, read)| (table, (scans, read))).collect()
}

/// Once all sessions have told what they did, which each does at most once a
/// second, when it has something to do.
async fn settled(pool: &PgPool) -> BTreeMap<String, (i64, i64)> {
    let mut before = read(pool).await;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = read(pool).await;
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn plans_of_empty_tables_are_good_for_full_ones() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let (store, now) = (Store::connect(database.options.clone(), 2), at("2026-03-02T09:00:00Z"));
    fill(&pool, 1, 6, "planned").await;
    // More often than a plan of its own is made for a statement.
    assert_eq!(send(&store, now).await, 6);
    fill(&pool, 1_000, 1_000 + MANY, "accepted").await;
    fill(&pool, 10, 12, "planned").await;
    let before = settled(&pool).await;
    // Plans are kept for five seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(send(&store, now).await, 3);
    // Tells what is left to tell.
    store.close().await;
    let after = settled(&pool).await;
    assert_eq!(after.len(), 6);
    for (table, (scans, read)) in after {
        let (scans_before, read_before) = before[&table];
        // An insertion looks for conflicts without being counted.
        let counted = ["messages", "enrollments", "recipients"].contains(&table.as_str());
        assert!(!counted || read > read_before, "{table} was used");
        assert_eq!(scans, scans_before, "nobody reads all of {table}");
        assert!(read - read_before < 500, "{} rows of {table} for three mails", read - read_before);
    }
}

#[tokio::test]
async fn one_task_message_or_enrollment_is_found_by_its_id() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    fill(&pool, 1, 5_000, "planned").await;
    sqlx::raw_sql(
        "insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, priority,
             checklist, outcomes, keep, evidence, state, created_at, refreshed_at)
         select 'a' || n, md5('t' || n)::uuid, md5('e' || n)::uuid, 'tips', 'r', 'call', 'Call', 'normal', '[]', '[]',
             false, '{}', 'open', '2026-03-02', '2026-03-02' from generate_series(1, 5000) n;
         analyze keepwell.tasks, keepwell.messages, keepwell.enrollments",
    )
    .execute(&pool)
    .await
    .unwrap();
    let before = settled(&pool).await;
    let store = Store::connect(database.options.clone(), 2);
    let one = |id: &str| Filter { id: Some(id.parse().unwrap()), ..Filter::default() };
    let (task, message, enrollment): (String, String, String) =
        sqlx::query_as("select md5('t77')::uuid::text, md5('m77')::uuid::text, md5('e77')::uuid::text")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(store.list_tasks(&one(&task)).await.unwrap()[0]["account"], "a77");
    assert_eq!(store.list_messages(&one(&message)).await.unwrap()[0]["account"], "a77");
    assert_eq!(store.list_enrollments(&one(&enrollment)).await.unwrap()[0]["account"], "a77");
    store.close().await;
    let after = settled(&pool).await;
    for table in ["tasks", "messages", "enrollments"] {
        let ((scans, read), (scans_before, read_before)) = (after[table], before[table]);
        assert_eq!(scans, scans_before, "nobody reads all of {table}");
        assert!((1..50).contains(&(read - read_before)), "{} rows of {table}", read - read_before);
    }
}
