//! Every fact function means the same in SQL and in memory.
//!
//! Histories are generated with instants that crowd around the boundaries of
//! every window, written to a real Postgres, and read back as facts.

mod answers;
mod cells;
mod edges;
pub mod histories;
mod moments;
mod plans;
mod population;
mod standings;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use keepwell::facts::{
    Arg, Cell, CellPath, Facts, Layout, PropertyFilter, PropertyValue, Schema, Subject, SubjectId, Type, Value,
};
use keepwell::rule::functions::fold::fold_facts;
use keepwell::rule::functions::{FUNCTIONS, FactSource, Function, Param, ParamKind, find};
use keepwell::store::Relations;
use keepwell::store::customers::facts::{FactQuery, Shape, SubjectWindow, fetch, scan};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use self::cells::{attribute, calls, column, every_cell, layout, one_call, pool, same, walked};
use self::histories::{Account, Dice, account, insert, now, stamp, write};
use crate::support::database;
use crate::support::mapped::{Customers, on_both_stores, relations};

/// Events that are touches, beside mail and tasks.
fn touch_events() -> Vec<String> {
    vec!["rare".to_owned(), "it's".to_owned()]
}

on_both_stores!(sql_and_memory_agree);

async fn sql_and_memory_agree(customers: Customers) {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(2026);
    let mut accounts: Vec<Account> = (0..150).map(|number| account(number, &mut dice)).collect();
    accounts.iter_mut().for_each(|account| account.history.touch_events = touch_events());
    // A language's order of ids, as a store may have, must not decide ties.
    sqlx::query(r#"alter table customers.scores alter id type text collate "und-x-icu""#)
        .execute(&pool)
        .await
        .expect("the collation is there");
    write(&pool, &accounts).await;
    let mut relations = relations(&pool, customers).await;
    relations.touch_events = touch_events();

    for subject in [Subject::Account, Subject::Contact] {
        agree(&pool, &accounts, subject, &relations).await;
    }
}

/// Walks, fetches and folds all subjects of a kind, and compares.
async fn agree(pool: &PgPool, accounts: &[Account], subject: Subject, relations: &Relations) {
    let schema = &Schema::default_store();
    let mut layout = Layout::of(subject);
    layout.merge(&every_cell(subject, schema));
    // A contact's facts stand beside those of its account.
    layout.add(Cell::column(Subject::Account, "tier"));
    layout.add(Cell { subject: Subject::Account, path: one_call("score") });
    layout.add(Cell { subject: Subject::Account, path: one_call("in_playbook") });
    let layout = Arc::new(layout);
    let query = FactQuery::new(Arc::clone(&layout), relations).expect("every cell is known");
    let probed = walked(pool, &query, Shape::Probes).await;
    let passed = walked(pool, &query, Shape::Passes).await;

    let subjects: Vec<(&Account, SubjectId)> = accounts
        .iter()
        .flat_map(|account| {
            let contacts = match subject {
                Subject::Account => vec![String::new()],
                Subject::Contact => account.history.contacts.iter().map(|contact| contact.id.clone()).collect(),
            };
            contacts.into_iter().map(move |contact| (account, SubjectId { account: account.id.clone(), contact }))
        })
        .collect();
    let windows: Vec<SubjectWindow> = subjects
        .iter()
        .map(|(account, subject)| SubjectWindow {
            since_entry: account.since_entry,
            since_step: account.since_step,
            ..subject.clone().into()
        })
        .collect();
    let fetched = fetch(pool, &query, now(), &windows).await.expect("it reads");

    let mut answers: BTreeMap<&Cell, Vec<Value>> = BTreeMap::new();
    for ((account, subject), fetched) in subjects.iter().zip(fetched) {
        let fold = |entry, step| {
            fold_facts(&account.history, subject, &layout, schema, now(), entry, step)
                .expect("all required columns are given")
                .values
        };
        let here = account.history.contacts.iter().find(|contact| contact.id == subject.contact);
        let has_left = here.and_then(|contact| contact.time("left_at")).is_some_and(|left| left <= now());
        for seen in [&probed, &passed] {
            // Who has left is fetched by name, and passed by in a walk.
            assert_eq!(seen.contains_key(subject), !has_left, "{subject}");
            if let Some(seen) = seen.get(subject) {
                same(&seen.values, &fold(None, None), &layout, account);
            }
        }
        let fetched = fetched.expect("the subject exists");
        assert_eq!(fetched.subject(), *subject);
        same(&fetched.values, &fold(account.since_entry, account.since_step), &layout, account);
        for (cell, value) in layout.cells().iter().zip(fetched.values) {
            answers.entry(cell).or_default().push(value);
        }
    }
    assert!(subjects.iter().any(|(_, subject)| passed.contains_key(subject)));

    // The histories are rich enough to tell right from wrong.
    for path in
        ["tier", "stage", "mrr", "seats", "renewal_at", "name"].map(column).into_iter().chain([attribute("plan")])
    {
        let Some(values) = answers.get(&Cell { subject, path: path.ago(Some(7)) }) else { continue };
        assert!(values.contains(&Value::Null) && values.iter().any(|value| !value.is_null()), "{values:?}");
    }
    for function in FUNCTIONS.iter().filter(|one| subject == Subject::Account || one.of_contact().is_some()) {
        let mut distinct: Vec<&Value> = Vec::new();
        let of = |cell: &Cell| cell.subject == subject;
        let own = |cell: &Cell| {
            of(cell) && matches!(&cell.path, CellPath::Call { function: name, .. } if *name == function.name())
        };
        for value in answers.iter().filter(|(cell, _)| own(cell)).flat_map(|(_, values)| values) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        assert!(distinct.len() >= 2, "{}.{} is always {distinct:?}", subject.name(), function.name());
    }
}

/// A pass that serves one call alone has no other rows in it; that of many has.
#[tokio::test]
async fn a_pass_for_one_call_is_a_pass_for_many() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(12);
    let accounts: Vec<Account> = (0..60).map(|number| account(number, &mut dice)).collect();
    write(&pool, &accounts).await;
    let mut tried = 0;
    for path in calls() {
        let CellPath::Call { function, args } = &path else { continue };
        let function = keepwell::rule::functions::find(function).expect("it is listed");
        // One literal for each parameter is enough here.
        if function.pass(args).is_none()
            || args.iter().any(|arg| !matches!(arg, Arg::Int(30) | Arg::Text(_) | Arg::Texts(_) | Arg::Properties(_)))
        {
            continue;
        }
        tried += 1;
        let layout = layout([path.clone()]);
        let schema = Schema::default_store();
        let query = FactQuery::new(Arc::clone(&layout), &Relations::default()).expect("it is known");
        let passed = walked(&pool, &query, Shape::Passes).await;
        for account in &accounts {
            let subject = SubjectId { account: account.id.clone(), contact: String::new() };
            let expected = fold_facts(&account.history, &subject, &layout, &schema, now(), None, None);
            same(&passed[&subject].values, &expected.expect("no column is read").values, &layout, account);
        }
    }
    assert!(tried > 40, "only {tried} calls have a pass");
}

/// What is not cheap to ask of each account has a pass.
#[test]
fn what_reads_the_customer_store_has_a_pass() {
    let without: Vec<&str> = FUNCTIONS
        .iter()
        .filter(|function| function.source() == FactSource::Customers && function.pass(&[]).is_none())
        .map(|function| function.name())
        .collect();
    // Each of their steps begins where the one before it ended, and a column is
    // compared with one row of the account's changes. An owner is one row by its key,
    // and the moves of an account are few.
    assert_eq!(without, ["hours_between", "funnel", "owner", "change", "days_in_stage", "stage_before"]);
}

/// How many are in question decides the shape, without statistics: both give
/// the same, also just around the limit.
#[tokio::test]
async fn a_walk_of_many_accounts_gives_the_same() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    sqlx::raw_sql(
        "insert into customers.accounts (id, name, signed_up_at)
         select 'a' || n, 'Account', '2025-01-01' from generate_series(1, 1500) n;
         insert into customers.events (account_id, id, name, at)
         select 'a' || n, 'e' || k, 'login', '2026-03-28'::timestamptz from generate_series(1, 1500) n,
                generate_series(1, n % 3) k",
    )
    .execute(&pool)
    .await
    .expect("the store takes them");
    let logins = CellPath::Call { function: "events", args: vec![Arg::Text("login".to_owned()), Arg::Int(30)] };
    let layout = layout([column("name"), logins]);
    let query = FactQuery::new(layout, &Relations::default()).expect("known");
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    let mut walk = scan(&pool, &query, now()).await.expect("it starts");
    assert_eq!(walk.shape(), Shape::Passes);
    loop {
        let chunk = walk.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        for facts in chunk {
            let Value::Int(count) = facts.values[1] else { panic!("{facts:?}") };
            found.insert(facts.account, count);
        }
    }
    walk.close().await.expect("it ends");
    assert_eq!(found.len(), 1500);
    assert!((1..=1500).all(|n| found[&format!("a{n}")] == n % 3), "{found:?}");
    sqlx::query("delete from customers.accounts where substr(id, 2)::int > 1000").execute(&pool).await.expect("gone");
    let walk = scan(&pool, &query, now()).await.expect("it starts");
    assert_eq!(walk.shape(), Shape::Probes);
    walk.close().await.expect("it ends");
}
