//! Instants beyond what can be read are missing, and finding them costs no look
//! at every account.

use std::sync::Arc;

use keepwell::facts::{Layout, Subject};
use keepwell::store::Relations;
use keepwell::store::customers::facts::{Clauses, FactQuery, Shape};
use sqlx::{AssertSqlSafe, PgPool};

use super::{Language, all, predicate};
use crate::functions::histories::now;
use crate::support::database;
use crate::support::mapped::{Customers, on_both_stores, relations};

/// The column of theirs for `activated_at` has no zone and is converted, so the condition there is about another one.
fn condition(customers: Customers) -> &'static str {
    match customers {
        Customers::Default => "account.activated_at == none && days_since(account.signed_up_at) >= 30",
        Customers::Theirs => "account.renewal_at == none && days_since(account.signed_up_at) >= 30",
    }
}

/// Accounts of which one in a thousand was never activated, and two that were at instants which cannot be read.
const ACCOUNTS: &str = "
    insert into customers.accounts (id, name, signed_up_at, activated_at)
    select 'a' || n, 'A', '2020-01-01', case when n % 1000 > 0 then '2020-01-02'::timestamptz end from generate_series(1, 30000) as n;
    insert into customers.accounts (id, name, signed_up_at, activated_at)
    values ('before', 'B', '2020-01-01', '-infinity'), ('after', 'C', '2020-01-01', '200000-01-01');
    update customers.accounts set renewal_at = activated_at";

/// The index that a person makes for the condition. In their own tables nobody has made the second for them.
const INDEXES: [(Customers, &str); 2] = [
    (
        Customers::Default,
        "create index never on customers.accounts (signed_up_at) where activated_at is null;
         analyze customers.accounts",
    ),
    (
        Customers::Theirs,
        "create index never on crm.companies (since) where renews is null;
         create index unreadable on crm.companies (company_id)
             where renews < '0001-01-01 00:00:00+00' or renews >= '10000-01-01 00:00:00+00';
         analyze crm.companies",
    ),
];

async fn store(customers: Customers) -> (database::TestDatabase, PgPool, Relations) {
    let database = database::fresh().await;
    let pool = database.pool().await;
    sqlx::raw_sql(ACCOUNTS).execute(&pool).await.expect("the store takes them");
    let relations = relations(&pool, customers).await;
    let (_, indexes) = INDEXES.into_iter().find(|(store, _)| *store == customers).expect("both have some");
    sqlx::raw_sql(indexes).execute(&pool).await.expect("they are made");
    (database, pool, relations)
}

async fn what_cannot_be_read_is_missing(customers: Customers) {
    let (_database, pool, relations) = store(customers).await;
    let rule = Language::new(Subject::Account).compile(condition(customers)).expect("it checks");
    let mut layout = Layout::default();
    layout.merge(rule.cells());
    let query = FactQuery::keeping(Arc::new(layout), &relations, &predicate(&rule)).expect("every cell is known");
    let mut found: Vec<String> =
        all(&pool, &query, Shape::Probes).await.into_iter().map(|facts| facts.account).collect();
    let mut expected: Vec<String> = (1..=30).map(|n| format!("a{n}000")).collect();
    expected.extend(["after".to_owned(), "before".to_owned()]);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

async fn an_index_of_those_without_an_instant_is_used(customers: Customers) {
    let (_database, pool, relations) = store(customers).await;
    let rule = Language::new(Subject::Account).compile(condition(customers)).expect("it checks");
    let predicate = predicate(&rule);
    let clauses =
        Clauses::new(Subject::Account, &[&predicate], &relations, Shape::Probes).expect("every cell is known");
    let sql = format!("explain select a.id from {} where {}", clauses.relations, clauses.expressions[0]);
    let plan: Vec<String> =
        clauses.query(sql, now()).fetch_all(&pool).await.expect("a plan").iter().map(line).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Bitmap Index Scan on never") && !plan.contains("Seq Scan"), "{plan}");
    // It is the second index that makes the first one useful.
    let second = match customers {
        Customers::Default => "customers.accounts_unreadable",
        Customers::Theirs => "crm.unreadable",
    };
    sqlx::raw_sql(AssertSqlSafe(format!("drop index {second}"))).execute(&pool).await.expect("it is there");
    let sql = format!("explain select a.id from {} where {}", clauses.relations, clauses.expressions[0]);
    let plan: Vec<String> =
        clauses.query(sql, now()).fetch_all(&pool).await.expect("a plan").iter().map(line).collect();
    assert!(plan.join("\n").contains("Seq Scan"), "{plan:#?}");
}

fn line(row: &sqlx::postgres::PgRow) -> String {
    sqlx::Row::get(row, 0)
}

on_both_stores!(what_cannot_be_read_is_missing, an_index_of_those_without_an_instant_is_used);
