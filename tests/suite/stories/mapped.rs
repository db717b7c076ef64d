//! Customers in a company's own tables: the same stories as in Keepwell's, and
//! what is said of tables that cannot be used.

use keepwell::diagnostic::Diagnostic;
use keepwell::facts::{Schema, Subject, Type};
use keepwell::store::customers::mapping;
use keepwell::store::upkeep::stopped::Halted;
use keepwell::store::views::cli::Filter;
use keepwell::store::views::web::{Inbox, TodayFilter};
use keepwell::store::{ReadAs, Relation, Relations, Store};
use keepwell::worker::pass;
use keepwell::worker::runs::scheduler;
use serde_json::json;

use crate::support::database;
use crate::support::mapped::{self, Customers, map, on_both_stores};
use crate::support::world::{World, at, lines, playbook};

on_both_stores!(a_playbook_runs_from_the_first_look_to_the_goal, an_enrollment_is_stopped_and_its_tasks_close);

const RESCUE: &str = "when: account.activated_at == none && account.events(\"login\", 30) < 2 && account.tier == \"A\"\n\
    goal: account.activated_at != none && account.activated_at > entry.at";

async fn a_playbook_runs_from_the_first_look_to_the_goal(customers: Customers) {
    let world = World::on(customers).await;
    world.customer("17").await.customer("18").await.account("19", json!({ "tier": "B" })).await;
    for when in ["2026-02-20T00:00:00Z", "2026-02-21T00:00:00Z"] {
        world.event("18", "login", when).await;
    }
    world.playbook(&playbook(
        "rescue",
        RESCUE,
        "  - email: { to: champion, subject: \"Hello {{ recipient.name }} of {{ account.name }}\", body: \"From {{ csm.name }}.\" }\n  \
         - task: { title: Call them, to: csm }\n  - task: { id: up, title: Tell the boss, to: manager }\n  \
         - wait: { until: 'account.events(\"setup\", since_entry) > 0', at_most: 9d }\n  - notify: { channel: csm, text: Set up. }",
    ));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state step"), ["17 active wait-1"]);
    assert_eq!(lines(&world.mails().await, "account to subject state"), ["17 ann@17.example Hello ann of 17 captured"]);
    assert_eq!(lines(&world.tasks().await, "account account_name step assignee"), ["17 17 task-1 sam", "17 17 up mia"]);
    let page = world.store().enrollments_of("rescue", 5).await.unwrap();
    assert_eq!(page[0].account_name.as_deref(), Some("17"));

    world.event("17", "setup", "2026-03-03T08:00:00Z").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.notices().await, "account to"), ["17 sam@acme.example"]);
    assert_eq!(lines(&world.enrollments().await, "account state"), ["17 completed"]);
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(world.enrollments().await.len(), 1, "once is enough");
}

async fn an_enrollment_is_stopped_and_its_tasks_close(customers: Customers) {
    let world = World::on(customers).await;
    world.customer("1").await.customer("2").await;
    world.score("1", "nps", 3.0, "2026-02-20T00:00:00Z").await;
    world.playbook(&playbook(
        "save",
        "when: (account.score(\"nps\") ?? 10) < 7 && !account.in_playbook(\"save\")\ngoal: (account.score(\"nps\") ?? 0) >= 9",
        "  - task: { title: Call, to: csm }\n  - wait: 9d",
    ));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account state"), ["1 open"]);
    world.score("1", "nps", 10.0, "2026-03-02T12:00:00Z").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["1 goal"]);
    assert_eq!(lines(&world.tasks().await, "account state"), ["1 closed"]);
}

#[tokio::test]
async fn every_column_of_theirs_is_a_fact() {
    let world = World::on(Customers::Theirs).await;
    world.customer("5").await.customer("6").await;
    world.sql("update crm.companies set industry = 'steel', grade = 'B' where company_id = 5").await;
    world.sql("update crm.people set nickname = 'Annie'").await;
    world.playbook(&playbook(
        "steel",
        "when: account.industry == \"steel\" && account.grade == \"B\"",
        "  - email: { to: champion, subject: \"For {{ account.industry }}\", body: 'Dear {{ recipient.nickname | default(\"you\") }}' }",
    ));
    world.run_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "account subject"), ["5 For steel"]);
    assert!(world.text(&mails[0]).await.contains("Dear Annie"));
    let schema = world.store().schema();
    let ty = |name: &str| schema.column(Subject::Account, name).map(|column| (column.ty, column.nullable));
    assert_eq!(ty("industry"), Some((Type::Text, true)));
    assert_eq!(ty("seats"), Some((Type::Int, true)));
    assert_eq!(ty("mrr"), Some((Type::Float, true)));
    assert_eq!(ty("id"), Some((Type::Text, false)));
    assert_eq!((ty("company_id"), ty("tags"), ty("head count")), (None, None, None));
}

/// A row that says nothing, a number that no float holds, an id of another kind.
#[tokio::test]
async fn nothing_in_their_tables_makes_a_run_fail() {
    let world = World::on(Customers::Theirs).await;
    world.account("1", json!({ "mrr": 1e30 })).await.account("2", json!({ "name": null, "traits": null })).await;
    world
        .sql(
            "update crm.companies set arr = ('1' || repeat('0', 400))::numeric, went_live = 'infinity' where company_id = 1;
             update crm.companies set arr = 'NaN', lifecycle = null where company_id = 2;
             insert into app.answers values (1, 'x', null, 'nps', 'NaN', '2026-02-01'), (1, 'y', null, 'nps', null, '2026-02-01'),
                 (2, 'z', null, 'nps', 4, null);
             insert into crm.people (company, person) values (2, 'bob')",
        )
        .await;
    world.playbook(&playbook(
        "all",
        "when: account.score(\"nps\") == none && account.activated_at == none && (account.mrr == none || account.mrr != 5)",
        "  - task: { title: \"See {{ account.name }}\", to: csm }",
    ));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["1 See 1", "2 See 2"]);
    // An enrollment of a time when accounts had other ids hurts nobody.
    world.sql("update keepwell.tasks set account_id = 'acme' where account_id = '2'").await;
    assert_eq!(lines(&world.tasks().await, "account account_name"), ["1 1", "acme -"]);
}

#[tokio::test]
async fn the_role_that_reads_customers_cannot_write() {
    for (customers, table) in [(Customers::Default, "customers.accounts"), (Customers::Theirs, "crm.companies")] {
        let world = World::on(customers).await;
        assert_eq!(world.store().relations().read_as(), ReadAs::Role);
        for table in [table, "keepwell.tasks"] {
            let mut reading = world.store().read().await.unwrap();
            // Not only because the transaction is read-only.
            sqlx::raw_sql("set transaction read write").execute(&mut *reading).await.unwrap();
            let sql = sqlx::AssertSqlSafe(format!("delete from {table}"));
            let refused = sqlx::raw_sql(sql).execute(&mut *reading).await.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
            assert_eq!(code.as_deref(), Some("42501"), "{table}: {refused}");
        }
        let mut reading = world.store().read().await.unwrap();
        let secret = sqlx::raw_sql("select secret from keepwell.installation").execute(&mut *reading).await;
        assert!(secret.is_err(), "the secret is not read with customers");
        reading.rollback().await.unwrap();
        // What pages and lists say of customers is read in the same way.
        world.sql(&format!("revoke select on {table} from keepwell_reader")).await;
        let now = at("2026-03-02T09:00:00Z");
        let all = TodayFilter { inbox: Inbox::Everybody, overdue: false, snoozed: false, playbook: None, tier: None };
        assert!(world.store().today(&all, now, 0, 5).await.is_err());
        assert!(world.store().enrollments_of("rescue", 5).await.is_err());
        assert!(world.store().list_tasks(&Filter::default()).await.is_err());
        assert!(world.store().overdue_tasks(now, &Halted::default(), 5).await.is_err());
        assert!(world.store().has_account("1").await.is_err());
    }
}

#[tokio::test]
async fn the_default_store_is_what_its_catalogue_says() {
    let database = database::fresh().await;
    let looked = mapping::open(&Store::connect(database.options.clone(), 2), &map("")).await.unwrap();
    assert!(looked.problems.is_empty(), "{:#?}", looked.problems);
    for relation in Relation::ALL {
        assert_eq!(looked.relations.of(relation), Relations::default().of(relation));
    }
    let (found, known) = (&looked.relations.schema, Schema::default_store());
    assert_eq!((&found.account, &found.contact, &found.csm), (&known.account, &known.contact, &known.csm));
    assert_eq!((&found.absent, &found.statuses), (&known.absent, &known.statuses));

    // A column the company added is a fact, too.
    let pool = database.pool().await;
    sqlx::raw_sql("alter table customers.accounts add industry text, add since timestamp")
        .execute(&pool)
        .await
        .unwrap();
    let looked = mapping::open(&Store::connect(database.options.clone(), 2), &map("")).await.unwrap();
    let column = |name: &str| looked.relations.schema.column(Subject::Account, name).map(|column| column.ty);
    assert_eq!((column("industry"), column("since")), (Some(Type::Text), Some(Type::Time)));
    assert!(looked.relations.of(Relation::Accounts).starts_with("(select"));
}

#[tokio::test]
async fn what_cannot_be_used_is_said() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    mapped::create(&pool, "bigint").await;
    let store = Store::connect(database.options.clone(), 2);
    let looked = mapping::open(&store, &map(mapped::STORE)).await.unwrap();
    let accounts = looked.report.iter().find(|relation| relation.ours == "accounts").unwrap();
    let ignored: Vec<&str> = accounts.ignored.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(ignored, ["tags", "head count"]);
    assert_eq!(accounts.ignored[0].1, "arrays cannot be compared");
    let note = accounts.used.iter().find(|used| used.ours == "activated_at").and_then(|used| used.note);
    assert_eq!(note, Some("has no zone and is read as UTC"));

    sqlx::raw_sql("create table app.strange (id uuid, account_id uuid, name int[], at time, value text)")
        .execute(&pool)
        .await
        .unwrap();
    let told = async |text: &str| {
        let problems = mapping::open(&store, &map(text)).await.unwrap().problems;
        let told = |d: &Diagnostic| {
            format!("{}:{} {} {} ({})", d.line, d.column, d.code, d.message, d.help.as_deref().unwrap_or("-"))
        };
        problems.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(
        told("store:\n  accounts: { relation: crm.companis, columns: { id: company_id } }\n").await,
        ["2:25 KW0602 there is no relation `crm.companis` (did you mean `crm.companies`?)"]
    );
    assert_eq!(
        told("store:\n  accounts: { relation: crm.companies, columns: { id: compny_id } }\n").await,
        ["2:55 KW0602 `crm.companies` has no column `compny_id` (did you mean `company_id`?)"]
    );
    let missing = told("store: { tickets: { relation: app.cases } }").await;
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(
        missing[0].starts_with("1:31 KW0602 `app.cases` has no column `account_id`, which tickets needs"),
        "{missing:?}"
    );
    let strange = told("store:\n  accounts: { relation: crm.companies, columns: { id: company_id } }\n  events: { relation: app.strange }\n").await;
    assert_eq!(
        strange,
        [
            "3:23 KW0602 `account_id` of `app.strange` cannot be `account_id`: it is `uuid`, and can never be the id of an account (name another column, or map a view that converts it)",
            "3:23 KW0602 `name` of `app.strange` cannot be `name`: it has to be text, and it is `int4[]` (name another column, or map a view that converts it)",
            "3:23 KW0602 `at` of `app.strange` cannot be `at`: it has to be a time, and it is `time` (name another column, or map a view that converts it)",
        ]
    );
}

#[tokio::test]
async fn a_column_that_disappears_is_a_visible_failure() {
    let world = World::on(Customers::Theirs).await;
    world.customer("5").await;
    world.playbook(&playbook("steel", "when: account.industry == none", "  - task: { title: Call, to: csm }"));
    world.publish_at("2026-03-02T08:00:00Z").await;
    world.sql("alter table crm.companies drop column industry").await;
    let now = at("2026-03-02T09:00:00Z");
    scheduler::manual(&world.shared, now).await.unwrap();
    // Others that read accounts say so themselves, and are tried again.
    let _ = pass(&world.shared, now).await;
    let run = world.run("steel", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["state"], "failed");
    let reason = run["reason"].as_str().unwrap();
    // What Postgres says, without the line of its own source.
    assert!(reason.contains("industry does not exist (SQLSTATE 42703)") && !reason.contains(" at line "), "{run}");
}
