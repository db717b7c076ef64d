//! Customers are read with a login of its own: nothing that is called by reading
//! them leads to Keepwell's own state, and a login that could is refused.

use keepwell::playbook::budget::Budget;
use keepwell::store::customers::mapping;
use keepwell::store::customers::reader_login::ReaderPlace;
use keepwell::store::messages::budget::{BudgetRequest, Rules};
use keepwell::store::{ReadAs, Store};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Executor, PgPool};
use uuid::Uuid;

use crate::support::database::{self, TestDatabase};
use crate::support::mapped::map;
use crate::support::program::{Answer, Home};
use crate::support::world::at;

/// A company whose views call functions that leave the role of the reader.
const COMPANY: &str = "
    create schema crm;
    create table crm.rows (id text primary key, name text not null);
    insert into crm.rows values ('a', 'Acme');
    create function crm.spy() returns text language plpgsql as
        $$ begin reset role; return (select encode(secret, 'hex') from keepwell.installation); end $$;
    create function crm.write() returns text language plpgsql as
        $$ begin reset role; update crm.rows set name = 'written'; update keepwell.marked set n = n + 1;
           return 'met'; end $$;
    create table keepwell.marked (n int); insert into keepwell.marked values (0);
    create view crm.companies as select id, crm.spy() as name from crm.rows;
    create view crm.touches as select id as account_id, crm.write() as name, '2026-03-02 08:00:00+00'::timestamptz as at from crm.rows;
    grant usage on schema crm to keepwell_reader;
    grant select on crm.companies, crm.touches to keepwell_reader";

const PLAYBOOK: &str = "playbook: call\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 1 1 *'\nwhen: account.id == \"a\"\n\
    guardrails: { first_run: go }\nsteps:\n  - task: { title: \"Call {{ account.name }}\", to: csm }\n";

const MAPPED: &str = "web: off\nstore: { accounts: { relation: crm.companies } }\n";

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The URL of the database for a login of these properties.
async fn login(database: &TestDatabase, properties: &str) -> (String, String) {
    let pool = database.pool().await;
    let user = format!("customers_{}", database.name);
    run(&pool, &format!("create role {user} login {properties}")).await;
    pool.close().await;
    let url = url_as(database, &user);
    (user, url)
}

fn url_as(database: &TestDatabase, user: &str) -> String {
    database.url.replace("user=keepwell", &format!("user={user}"))
}

fn home(name: &str, database: &TestDatabase) -> Home {
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", PLAYBOOK);
    home
}

/// What `doctor` says about something, as `state message`.
fn finding(home: &Home, about: &str) -> Option<String> {
    let answer = home.run(&["doctor", "--resolver", "127.0.0.1:1", "--format", "json"]);
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    let found = checks.iter().find(|check| check["about"] == about)?;
    Some(format!("{} {}", found["state"].as_str().unwrap(), found["message"].as_str().unwrap()))
}

fn titles(home: &Home) -> Vec<String> {
    let title = |task: &Json| task["title"].as_str().unwrap().to_owned();
    home.rows(&["tasks"]).iter().map(title).collect()
}

#[tokio::test]
async fn a_function_of_a_view_sees_no_state_of_keepwell() {
    let database = database::fresh().await;
    run(&database.pool().await, COMPANY).await;
    let (user, url) = login(&database, "in role keepwell_reader").await;
    let mut home = home("reader-login", &database);
    home.write("keepwell.yaml", MAPPED);
    // Without a login of its own it does, and `doctor` says so.
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    let seen = titles(&home);
    assert!(seen.len() == 1 && seen[0].len() == "Call ".len() + 64, "the key of all links: {seen:?}");
    let warned = finding(&home, "reader").unwrap();
    assert!(warned.starts_with("warn ") && warned.ends_with("crm.companies calls crm.spy()"), "{warned}");
    assert_eq!(finding(&home, "customers").as_deref(), Some("ok read as a role that can write nothing"));

    // With one it fails, whoever reads.
    home.set("CRM_READER", &url);
    home.write(
        "keepwell.yaml",
        "web: off\nstore: { accounts: { relation: crm.companies }, read_url: env:CRM_READER }\n",
    );
    home.write("playbooks/again.yaml", &PLAYBOOK.replace("call\n", "again\n"));
    home.run(&["run", "--once", "--at", "2026-03-03T09:00:00Z"]);
    let runs = home.rows(&["runs", "--playbook", "again"]);
    let reason = runs[0]["reason"].as_str().unwrap_or_default();
    assert!(runs[0]["state"] == "failed" && reason.contains("permission denied"), "{runs:?}");
    let listed = home.run(&["tasks"]);
    assert!(listed.code == 1 && listed.stderr.contains("permission denied"), "{listed:?}");
    let calm = finding(&home, "reader").unwrap();
    assert!(
        calm.starts_with(&format!(
            "ok functions that are called with what is read of customers act as the login {user}"
        ))
    );
    assert_eq!(finding(&home, "customers"), Some(format!("ok read with the login {user}")));
    // What calls nothing is read as before.
    run(&database.pool().await, "create or replace view crm.companies as select id, name from crm.rows").await;
    home.done(&["run", "--once", "--at", "2026-03-04T09:00:00Z"]);
    assert!(titles(&home).contains(&"Call Acme".to_owned()));
}

#[tokio::test]
async fn a_function_of_a_view_writes_nothing_of_keepwell() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    run(&pool, COMPANY).await;
    let (_, url) = login(&database, "in role keepwell_reader").await;
    let with = |store: Store| store.with_reader_url(&url, "a test").unwrap();
    let map = map("store: { events: { relation: crm.touches } }\n");
    let written: &str =
        "select (select n from keepwell.marked) + (select count(*)::int from crm.rows where name = 'written')";
    for has_login in [false, true] {
        let mut store = Store::connect(database.options.clone(), 4);
        if has_login {
            store = with(store);
            assert_eq!(store.reader_login().await.unwrap().unwrap().place, ReaderPlace::Same);
        }
        let looked = mapping::open(&store, &map).await.unwrap();
        let expected = if has_login { ReadAs::Login } else { ReadAs::Role };
        assert_eq!((looked.problems.len(), looked.relations.read_as()), (0, expected));
        let store = store.with_relations(looked.relations);
        // Events that are touches are read for the budget, beside what is written.
        let (budget, names) = (Budget::default(), ["met".to_owned()]);
        let rules = Rules { budget: &budget, touch_events: &names, paused: &[], account_mail: &[] };
        let (now, asking) = (at("2026-03-02T09:00:00Z"), [BudgetRequest { account: "a", id: Uuid::nil() }]);
        for refused in [
            store.attention(&["a"], rules, now).await.map(drop).unwrap_err(),
            store.reserve(&asking, Uuid::nil(), rules, now).await.map(drop).unwrap_err(),
        ] {
            assert!(refused.to_string().contains("read-only transaction"), "{refused}");
        }
        let count: i32 = sqlx::query_scalar(written).fetch_one(&pool).await.unwrap();
        assert_eq!(count, 0);
        // Not only because the transaction is read-only.
        let mut reading = store.read().await.unwrap();
        reading.execute("set transaction read write").await.unwrap();
        let done = reading.execute("select name from crm.touches").await;
        match has_login {
            false => assert!(done.is_ok(), "what `doctor` warns of: {done:?}"),
            true => assert!(done.unwrap_err().to_string().contains("permission denied")),
        }
        reading.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_login_that_is_not_fit_is_refused_in_words() {
    let database = database::fresh().await;
    let other = database::fresh().await;
    let (user, url) = login(&database, "in role keepwell_reader").await;
    let (stranger, _) = login(&other, "").await;
    let mut home = home("reader-unfit", &database);
    let pool = database.pool().await;
    let refused = |answer: &Answer, words: &str| {
        assert!(answer.code == 1 && answer.stderr.contains(words), "{words}: {answer:?}");
    };
    for (url, words) in [
        (database.url.clone(), "could change Keepwell's own state: it is a superuser"),
        (url_as(&other, &user), "leads to another database than everything else"),
        (url_as(&database, &stranger), "let a database owner say `grant keepwell_reader to` it"),
        (url_as(&database, "nobody_there"), "the login of KEEPWELL_READ_URL, which reads customers, cannot connect"),
        ("mysql://x".to_owned(), "KEEPWELL_READ_URL cannot be used"),
    ] {
        home.set("KEEPWELL_READ_URL", &url);
        refused(&home.run(&["plan"]), words);
        let found = finding(&home, "customers").unwrap();
        assert!(found.starts_with("bad "), "{found}");
        // The switch for emergencies does not depend on it.
        home.done(&["stop", "--channel", "email"]);
        home.done(&["suppress", "jo@customer.example"]);
    }
    // One that could write, itself or by what it may become.
    home.set("KEEPWELL_READ_URL", &url);
    home.done(&["tasks"]);
    for (grant, revoke, words) in [
        (
            "grant update on keepwell.messages to ROLE",
            "revoke update on keepwell.messages from ROLE",
            "writes keepwell.messages",
        ),
        (
            "grant OTHER to ROLE; grant create on schema keepwell to OTHER",
            "revoke create on schema keepwell from OTHER",
            "creates in keepwell",
        ),
        (
            "grant usage on sequence keepwell.marks to ROLE",
            "revoke usage on sequence keepwell.marks from ROLE",
            "writes keepwell.marks",
        ),
    ] {
        let sql = |text: &str| text.replace("ROLE", &user).replace("OTHER", &stranger);
        run(&pool, &sql(grant)).await;
        refused(&home.run(&["tasks"]), words);
        run(&pool, &sql(revoke)).await;
        home.done(&["tasks"]);
    }
    // What harms only the customers is told, and works.
    run(&pool, &format!("grant insert on customers.accounts to {user}")).await;
    let warned = home.done(&["run", "--once"]);
    assert!(warned.stderr.contains("should only read, and writes customers.accounts: revoke that"), "{warned:?}");
    let found = finding(&home, "roles").unwrap();
    assert_eq!(found, format!("bad the login {user} should only read, and writes customers.accounts"));
    run(&pool, &format!("revoke insert on customers.accounts from {user}")).await;

    // The variable wins over the key; one that is missing is named.
    home.write("keepwell.yaml", "web: off\nstore: { read_url: env:NOT_THERE }\n");
    home.done(&["tasks"]);
    home.set("KEEPWELL_READ_URL", "");
    refused(&home.run(&["tasks"]), "store.read_url names the environment variable NOT_THERE, which is not set");
    // Migrate works, and says what does not yet.
    let migrated = home.done(&["migrate"]);
    assert!(
        migrated.stdout.contains("No command that reads customers works yet: store.read_url names"),
        "{migrated:?}"
    );
    home.set("NOT_THERE", &url);
    let migrated = home.done(&["migrate"]);
    assert!(migrated.stdout.contains(&format!("read with the login {user}")), "{migrated:?}");
}

#[tokio::test]
async fn a_private_postgres_has_such_a_login() {
    let mut home = Home::new("reader-private");
    home.write("playbooks/call.yaml", PLAYBOOK);
    let migrated = home.done(&["migrate"]);
    assert!(migrated.stdout.contains("Customers are read with the login keepwell_reader"), "{migrated:?}");
    home.write("a.csv", "id,name,signed_up_at\na,Acme,2026-01-01\n");
    home.done(&["import", "accounts", "a.csv"]);
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    assert_eq!(titles(&home), ["Call Acme"]);
    assert_eq!(finding(&home, "customers").as_deref(), Some("ok read with the login keepwell_reader"));
    // One of another database is refused.
    let elsewhere = database::fresh().await;
    let (_, url) = login(&elsewhere, "in role keepwell_reader").await;
    home.set("KEEPWELL_READ_URL", &url);
    let refused = home.run(&["tasks"]);
    assert!(refused.code == 1 && refused.stderr.contains("leads to another database"), "{refused:?}");
}
