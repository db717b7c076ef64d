//! What the customer schema promises by itself.

use keepwell::store::customers::sample::SampleCompany;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::database;

async fn run(pool: &PgPool, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(pool).await.map(|_| ())
}

#[tokio::test]
async fn account_changes_remember_every_value() {
    let database = database::fresh().await;
    let pool = PgPool::connect_with(database.options.clone()).await.expect("the test's database is there");
    run(
        &pool,
        "begin;
         insert into customers.accounts (id, name, signed_up_at) values ('a', 'A', now());
         update customers.accounts set tier = 'B', mrr = 5 where id = 'a';
         update customers.accounts set tier = 'B' where id = 'a';
         update customers.accounts set id = 'b' where id = 'a';
         delete from customers.accounts where id = 'b';
         commit",
    )
    .await
    .expect("the changes are allowed");
    let changes: Vec<(String, Option<Value>, Option<Value>)> =
        sqlx::query_as("select account_id, was, became from customers.account_changes order by at, id")
            .fetch_all(&pool)
            .await
            .expect("the history is there");
    let tier = |row: &Option<Value>| row.as_ref().map(|row| row["tier"].clone());
    let seen: Vec<_> =
        changes.iter().map(|(account, was, became)| (account.as_str(), tier(was), tier(became))).collect();
    let (none, b) = (Some(Value::Null), Some(json!("B")));
    assert_eq!(
        seen,
        [
            ("a", None, none.clone()),
            ("a", none, b.clone()),
            ("a", b.clone(), None),
            ("b", None, b.clone()),
            ("b", b, None),
        ]
    );
    // Only what changed, with the value from before.
    assert_eq!(changes[1].1, Some(json!({ "tier": null, "mrr": 0.0 })));

    let edit = run(&pool, "update customers.account_changes set became = '{}'").await;
    assert!(edit.is_err(), "history is append-only");
}

#[tokio::test]
async fn values_that_nothing_compares_with_are_refused() {
    let database = database::fresh().await;
    let pool = PgPool::connect_with(database.options.clone()).await.expect("the test's database is there");
    for sql in [
        "insert into customers.scores (account_id, id, name, value, at) values ('a', '1', 'nps', 'NaN', now())",
        "insert into customers.scores (account_id, id, name, value, at) values ('a', '1', 'nps', '-infinity', now())",
        "insert into customers.scores (account_id, id, name, value, at) values ('a', '1', 'nps', 3, 'infinity')",
        "insert into customers.events (account_id, id, name, at) values ('a', '1', 'login', '-infinity')",
        "insert into customers.accounts (id, name, signed_up_at, mrr) values ('a', 'A', now(), 'NaN')",
    ] {
        let refused = run(&pool, sql).await.map_err(|error| {
            let database = error.into_database_error();
            database.and_then(|error| error.code().map(|code| code.into_owned()))
        });
        assert_eq!(refused, Err(Some("23514".to_owned())), "{sql}");
    }
}

/// As if the trigger had seen the sample's accounts grow up.
#[tokio::test]
async fn the_history_of_the_sample_is_one_that_the_trigger_could_have_written() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let company = SampleCompany::generate("2026-03-02T09:00:00.123456Z".parse().unwrap(), 60);
    company.insert(&pool, |_, _, _| {}).await.unwrap();
    let count = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap() };
    assert_eq!(count("select count(*) from customers.account_changes").await, company.changes.len() as i64);
    assert!(company.changes.len() > 300, "{}", company.changes.len());
    let differs = "select count(*) from customers.accounts a
        left join lateral (select h.became from customers.account_changes h where h.account_id = a.id
            order by h.at desc, h.id desc limit 1) latest on true
        where latest.became is distinct from to_jsonb(a)";
    assert_eq!(count(differs).await, 0, "the latest record is the present");
    let broken = "select count(*) from (
            select h.*, lag(h.became) over (partition by h.account_id order by h.at, h.id) as before
            from customers.account_changes h) c
        where case when c.before is null
            then c.was is not null or c.at <> (c.became ->> 'signed_up_at')::timestamptz
            else c.was is null or c.was = '{}' or c.became || c.was <> c.before
                or exists (select from jsonb_each(c.was) w where w.value = c.became -> w.key) end";
    assert_eq!(count(broken).await, 0, "each record leads to the next");
    let late = "select count(*) from customers.account_changes where at >= '2026-03-02T09:00:00.123456Z'";
    assert_eq!(count(late).await, 0, "nothing happens at or after the anchor");
    // From now on the trigger writes.
    run(&pool, "update customers.accounts set tier = 'Z' where id = 'acc-0001'").await.unwrap();
    assert_eq!(count(differs).await, 0);
    assert_eq!(count("select count(*) from customers.account_changes").await, company.changes.len() as i64 + 1);
}
