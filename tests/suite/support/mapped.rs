//! Customers in a company's own tables: other schemas, other names, other
//! types, and an account's id that may be a number.

use keepwell::config::{Config, StoreMap};
use keepwell::playbook::source::SourceFile;
use keepwell::store::customers::mapping;
use keepwell::store::{ReadAs, Relations, Store};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgPool};

/// Where the customers of a test are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Customers {
    /// In Keepwell's own schema.
    Default,
    /// In the tables of [`STORE`].
    Theirs,
}

/// The same test for both.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn in_the_default_store() {
                super::$name($crate::support::mapped::Customers::Default).await;
            }

            #[tokio::test]
            async fn in_their_own_tables() {
                super::$name($crate::support::mapped::Customers::Theirs).await;
            }
        }
    )+};
}

pub(crate) use on_both_stores;

pub const STORE: &str = "
store:
  accounts:
    relation: crm.companies
    columns: { id: company_id, name: title, tier: segment, status: lifecycle, stage: phase, csm_id: owner, mrr: arr,
      seats: licences, seats_used: licences_used, signed_up_at: since, activated_at: went_live, renewal_at: renews,
      churned_at: left_on, timezone: tz, locale: lang, traits: extra }
  contacts:
    relation: crm.people
    columns: { account_id: company, id: person, email: mail, name: full_name, first_name: given, role: job, timezone: tz,
      locale: lang, created_at: added, left_at: gone, traits: extra }
  csms: { relation: crm.Staff, columns: { id: staff_id, name: title, email: mail, manager_id: boss, timezone: tz } }
  events:
    - { relation: app.usage, columns: { account_id: company, id: nr, contact_id: person, name: what, at: happened, properties: details } }
    - { relation: app.logins, name: login, columns: { account_id: company, id: nr, contact_id: person, at: happened, properties: details } }
  scores: { relation: app.answers, columns: { account_id: company, id: nr, contact_id: person, name: question, value: points, at: given } }
  tickets: { relation: app.cases, columns: { account_id: company, id: nr, contact_id: person, opened_at: opened, closed_at: closed, severity: urgency, topic: area, subject: headline } }
  changes: { relation: app.history, columns: { account_id: company, id: nr } }
";

/// Their tables; `KEY` is the type of an account's id. Nothing is `not null`
/// that they can do without, and one time has no zone.
const TABLES: &str = r#"
create schema crm;
create schema app;
create type crm.segment as enum ('A', 'B', 'C');
create table crm.companies (tags text[], company_id KEY primary key, title varchar(200), segment text, lifecycle varchar,
    phase text, owner text, arr numeric, licences smallint, licences_used int, since timestamptz, went_live timestamp,
    renews timestamptz, left_on timestamptz, tz text, lang text, extra jsonb, industry text, grade crm.segment,
    "head count" int);
create table crm.people (company KEY, person text, mail text, full_name text, given text, job text, tz text, lang text,
    added timestamptz, gone timestamptz, extra jsonb, nickname text, primary key (company, person));
create table crm."Staff" (staff_id text primary key, title text, mail text, boss text, tz text);
create table app.events (company KEY, nr text, person text, what text, happened timestamptz, details jsonb);
create index on app.events (company, what, happened);
create view app.usage as select * from app.events where what <> 'login';
create materialized view app.nothing as select 1 as one;
create table app.logins (company KEY, nr text, person text, happened timestamptz, details jsonb);
create index on app.logins (company, happened);
create table app.answers (company KEY, nr text, person text, question text, points numeric, given timestamptz);
create table app.cases (company KEY, nr text, person text, opened timestamptz, closed timestamptz, urgency text,
    area text, headline text);
create table app.history (company KEY, at timestamptz, nr bigint, was jsonb, became jsonb);
"#;

/// From the default tables to theirs.
const MOVE: &str = r#"
insert into crm.companies select null, id, name, tier, status, stage, csm_id, mrr, seats, seats_used, signed_up_at,
    activated_at at time zone 'UTC', renewal_at, churned_at, timezone, locale, traits from customers.accounts;
insert into crm.people select account_id, id, email, name, first_name, role, timezone, locale, created_at, left_at, traits
    from customers.contacts;
insert into app.events select account_id, id, contact_id, name, at, properties from customers.events where name <> 'login';
insert into app.logins select account_id, id, contact_id, at, properties from customers.events where name = 'login';
insert into app.answers select account_id, id, contact_id, name, value::text::numeric, at from customers.scores;
insert into app.cases select account_id, id, contact_id, opened_at, closed_at, severity, topic,
    subject from customers.tickets;
insert into app.history select account_id, at, id, was, became from customers.account_changes;
truncate customers.accounts, customers.contacts, customers.events, customers.scores, customers.tickets;
"#;

/// The `store:` of a configuration.
pub fn map(text: &str) -> StoreMap {
    let (config, problems) = Config::parse(&SourceFile { path: "keepwell.yaml".into(), text: text.into() });
    assert!(problems.is_empty(), "{problems:#?}");
    config.store
}

async fn run(pool: &PgPool, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Creates their tables, and lets the role read them.
pub async fn create(pool: &PgPool, key: &str) {
    run(pool, &TABLES.replace("KEY", key)).await;
    run(
        pool,
        "grant usage on schema crm, app to keepwell_reader;
         grant select on all tables in schema crm, app to keepwell_reader",
    )
    .await;
}

/// What was written to the default tables, where the test wants it, and how it
/// is read there.
pub async fn relations(pool: &PgPool, customers: Customers) -> Relations {
    let store = Store::connect((*pool.connect_options()).clone(), 2);
    if customers == Customers::Default {
        return opened(&store, &StoreMap::default()).await;
    }
    create(pool, "text").await;
    run(pool, MOVE).await;
    opened(&store, &map(STORE)).await
}

pub async fn opened(store: &Store, map: &StoreMap) -> Relations {
    let looked = mapping::open(store, map).await.expect("the database answers");
    assert!(looked.problems.is_empty(), "{:#?}", looked.problems);
    assert_eq!(looked.relations.read_as(), ReadAs::Role, "the tests read as the role that cannot write");
    looked.relations
}

/// The table of theirs for a row of ours, and the row as it is there.
pub fn row(table: &str, row: &Json) -> (String, Json) {
    let map = map(STORE);
    let sources = &map.relations[table];
    let is_login = table == "events" && row["name"] == "login";
    let source = sources.iter().find(|source| source.name.is_some() == is_login).expect("there is one");
    let renamed =
        row.as_object().expect("a row").iter().map(|(ours, value)| (source.theirs(ours).to_owned(), value.clone()));
    let (schema, name) = match source.parts() {
        // The view is written through its table.
        ("app", "usage") => ("app", "events"),
        parts => parts,
    };
    (format!("\"{schema}\".\"{name}\""), Json::Object(renamed.collect()))
}
