//! The migrations: how they change, and whose databases are refused.

use std::path::Path;

use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::database;
use crate::support::program::Home;

/// SHA-256 of every migration. From the first release on lines are only added:
/// databases of others were made from these files.
const SUMS: &str = "
    0001_customers.sql  11113d3225a2542a7b29f298912fe73512dc62887cf114a7c81171fc34649fc6
    0002_runs.sql  b0255c8375494d943f845602db5d55b42f75ff499e32fe19fb61c518b3322b4a
    0003_enrollments.sql  2dcce311b5cdbbd0ba924c5bff5f54f3ade01152a68971ea0c655ac468ff3f8f
    0004_messages.sql  438b98778392f4559d533d02205271e116012da0c560f9546a5f64c4d73a01bb
    0005_tasks.sql  1ecaab88884b8f775c4ce9e467c7376b16d39181fc00e96f1a8fe3bd17732690
    0006_upkeep.sql  f378dfa331b0d0cb997ad3155dad04823c1e33ce000b6183b3f0d913daecea03
    0007_mail_guard.sql  455b3bc4107bf210a7675ed59091b1ddfa2621960abe91e189d50193efbb9c26
    0008_identity.sql  b17e71b92ec98d959370aac81562a137f193c5a4c7697ac9901ee6dc7a9a13db
    0009_contact_addresses.sql  da9936d4640f82af9dff49256dbd5ebd19e20e43c8fedf02b2e621baa38b5a5c
    0010_inventory.sql  2aada9b49c6c573a37dd57069b5c9ade8e4c896e28a559c116419fb6bfe2e2eb
    0011_renames.sql  0e04e10015b8fd7264d74573a3a12cc79132aedd6bc5e77c7de32d623676d7f0
    0012_publications.sql  0deac248e8f6a17314bf9f195b9d50d6e55015c10cc28501f560627558200321
    0013_imported_changes.sql  077ecdf6fa30d8237d1e6a4bdd70eb041ebfa520cc5fcc31ec6403a614d5e35f
    0014_variants.sql  68ca96e2cd824e03db21febf8a4f5fc24a93236a7ec839d2c06b796ba8e7319b
    0015_ticket_topics.sql  9e16843f5eb7809f3dca55a7754d4e7a49a533bbb6d188bedcb0ab19cddff59b
    0016_account_owners.sql  b9a99da7c7472b53d99d173086efa335a25c72a83dc2f25af083cb936ab38bc9
    0017_documents.sql  ac8106069663dfb350ac049541ec072f81bcf7d2d80d7fb8c8f538cbd9655b12
    0018_standings.sql  885814589cb4b6f7e3ff06a842aca03702e44bfecab284ba7159f285631e9495
    0019_surveys.sql  7fd6b08b30e30cf54ed3d2a6d891cc94ad68ea008ff4b73cd4eb844f8eb1c204
    0020_kpis.sql  572c6e1af1f9dbcd164bbbf72036dca633fda95c857870e19b3b6612dadb9986
    0021_event_triggers.sql  26dd4d757a6947ec325c0d8a3b2ae257a790e9b873ced626a02a6bc369c677b2
    0023_plans.sql  74e529e4dc89b322ed1d9f954ec90d26406483f2bd71c0471c6aaed27c62173c
    0024_event_delays.sql  402fd0d855ca844ebffd3569535df872e33b80ec3fa2179399e78508a0897d80
    0028_task_acts.sql  25b7906c219c37100aef0aaecffb05a2e2f01b7a49ac59a232455435b3f70dfa
    0029_reports.sql  806383596c8f9b93635e01d08a65171a0e295288c6f6bd6c0b446121b5c68d5d
    0030_users.sql  411bcb60eefc11fcd5f056a0986a825626edf71e771c26ea0a477ac971a0e57a
    0031_overview.sql  fee914969bbfe0001372cfbe80e4953b16d57b52e286250c576ee7c5982cd504
    0032_page_lists.sql  8f0c70049417920d04d20da7a566463780fb494e4c6c80c5b630bfae5f002533
    0033_reasons.sql  9fa6c49422b525c1faae9d42c12cddd5f8145efe9392804caa831f94a2208120
    0034_unreadable_instants.sql  818fbdb8960de2423b795f999fa616b56e6bf86e3691fe88f67f72d6e0b03971
    0035_page_searches.sql  7c5435d3b5f98071f787ab7898838e827a40a1d14893fa8b029122f81b4f634a
    0036_answer_posts.sql  ece760f0d512aa88fb55e5c5c691b228bef0d4010c90906127391876e589aafb
    0037_open_task_counts.sql  d272bce81b7c1ab3670e9993507c1e7976172c12eb24c5d67eaa9a816c4a6f1a
";

#[test]
fn migrations_are_added_and_never_edited() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
    let mut sums: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            let sum = Sha256::digest(std::fs::read(&path).unwrap());
            let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}  {digits}", path.file_name().unwrap().to_str().unwrap())
        })
        .collect();
    sums.sort();
    let known: Vec<&str> = SUMS.trim().lines().map(str::trim).collect();
    assert_eq!(
        sums, known,
        "a migration that was released is never edited, renamed or removed: add a file, and its line here"
    );
}

const UNRELEASED: &str =
    "the database was made by a build of Keepwell from before the first release and cannot be upgraded";

/// Records migrations as a build from before the first release did.
const UNRELEASED_ROWS: &str = "drop table keepwell._sqlx_migrations;
    create table public._sqlx_migrations (version bigint primary key, description text not null,
        installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
        execution_time bigint not null);
    insert into public._sqlx_migrations (version, description, success, checksum, execution_time)
    values (1, 'customers', true, '\\x01', 0), (2, 'keepwell', true, '\\x02', 0), (4, 'bulk', true, '\\x04', 0),
        (61, 'analyzing', true, '\\x61', 0)";

/// Everything that a migration or the start of a command could change. The
/// record of migrations is where a build of its time keeps it.
async fn contents(pool: &PgPool) -> Vec<String> {
    let own = "select to_regclass('keepwell._sqlx_migrations') is not null";
    let own: bool = sqlx::query_scalar(own).fetch_one(pool).await.unwrap();
    let relations = "select format('%s %s %s', c.oid, c.oid::regclass, c.relnatts) from pg_class c
        where c.relnamespace::regnamespace::text in ('public', 'customers', 'keepwell')
        union all select nspname from pg_namespace
        union all select format('%s %s', ctid, m) from SCHEMA._sqlx_migrations m order by 1";
    let relations = relations.replace("SCHEMA", if own { "keepwell" } else { "public" });
    sqlx::query_scalar(sqlx::AssertSqlSafe(relations)).fetch_all(pool).await.unwrap()
}

/// That each command ends with an error that says so, and leaves the database alone.
async fn refused(home: &Home, pool: &PgPool, expected: &str) {
    let before = contents(pool).await;
    for command in [&["migrate"][..], &["run", "--once"], &["tasks"], &["stop"], &["confirm-epoch", "--yes"]] {
        let answer = home.run(command);
        assert!(answer.code == 1 && answer.stderr.contains(expected), "{command:?}: {answer:?}");
        assert_eq!(answer.stderr.trim().lines().count(), 1, "{command:?}: {answer:?}");
    }
    let doctor = home.run(&["doctor"]);
    assert!(doctor.code != 0 && doctor.stdout.contains(expected), "{doctor:?}");
    assert_eq!(contents(pool).await, before, "{expected}");
}

#[tokio::test]
async fn a_database_of_an_earlier_build_is_refused() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    sqlx::raw_sql(UNRELEASED_ROWS).execute(&pool).await.unwrap();
    let mut home = Home::new("earlier-build");
    home.set("DATABASE_URL", &database.url);
    refused(&home, &pool, &format!("{UNRELEASED}: create a new database and name it in DATABASE_URL")).await;
}

/// The table of another program that also uses sqlx, in the midst of our numbers.
const ORDERS: &str = "create table public._sqlx_migrations (version bigint primary key, description text not null,
        installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
        execution_time bigint not null);
    insert into public._sqlx_migrations (version, description, success, checksum, execution_time)
    values (1, 'customers', true, '\\x01', 0), (5, 'orders', true, '\\x05', 0);
    create table public.orders (id bigint primary key)";

/// The versions that a table of migrations has.
async fn versions(pool: &PgPool, table: &str) -> Vec<i64> {
    let sql = format!("select version from {table} order by version");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn another_program_keeps_its_migrations_in_the_same_database() {
    let database = database::fresh_from("beside", async |pool| {
        sqlx::raw_sql(ORDERS).execute(pool).await.unwrap();
    })
    .await;
    let mut home = Home::new("beside");
    home.set("DATABASE_URL", &database.url);
    home.done(&["migrate"]);
    home.done(&["migrate"]);
    home.done(&["tasks"]);
    let pool = database.pool().await;
    assert_eq!(versions(&pool, "public._sqlx_migrations").await, [1, 5], "theirs is as it was");
    let ours: Vec<i64> = SUMS.trim().lines().map(|line| line.trim()[..4].parse().unwrap()).collect();
    assert_eq!(versions(&pool, "keepwell._sqlx_migrations").await, ours);
}

#[tokio::test]
async fn schemas_that_another_program_made_are_refused_before_anything_is_changed() {
    let database = database::fresh_from("occupied", async |pool| {
        sqlx::raw_sql(ORDERS).execute(pool).await.unwrap();
        sqlx::raw_sql("create schema keepwell").execute(pool).await.unwrap();
        sqlx::raw_sql("delete from public._sqlx_migrations where version = 1").execute(pool).await.unwrap();
    })
    .await;
    let mut home = Home::new("occupied");
    home.set("DATABASE_URL", &database.url);
    let expected = "the database has a schema `customers` or `keepwell` that Keepwell did not make: \
        create a new database and name it in DATABASE_URL";
    refused(&home, &database.pool().await, expected).await;
}

#[tokio::test]
async fn a_user_who_may_create_nothing_in_public_migrates() {
    let database = database::fresh_from("guarded", async |pool| {
        sqlx::raw_sql("revoke create on schema public from public").execute(pool).await.unwrap();
    })
    .await;
    let user = format!("guest_of_{}", database.name);
    let rights = format!("create role {user} login; grant create on database {} to {user}", database.name);
    sqlx::raw_sql(AssertSqlSafe(rights)).execute(&database.pool().await).await.unwrap();
    let options = database.options.clone().username(&user);
    let pool = PgPool::connect_with(options.clone()).await.unwrap();
    let refused = sqlx::raw_sql("create table public.any (n int)").execute(&pool).await;
    assert!(refused.is_err());
    pool.close().await;
    let store = Store::connect(options, 2);
    store.migrate().await.unwrap();
    assert!(store.is_migrated().await.unwrap());
    store.close().await;
}

/// Migrates an empty database up to a version as builds did that kept the
/// table in `public`.
/// An index over a large store takes longer than statements otherwise may.
#[tokio::test]
async fn a_migration_takes_as_long_as_it_needs() {
    let database = database::fresh_from("unhurried", async |pool| {
        let watch = "create table public.limits (statement_timeout text);
            create function public.note_limit() returns event_trigger language plpgsql as $$
            begin insert into public.limits values (current_setting('statement_timeout')); end $$;
            create event trigger note_limit on ddl_command_end when tag in ('CREATE INDEX', 'CREATE TABLE')
                execute function public.note_limit();";
        sqlx::raw_sql(watch).execute(pool).await.unwrap();
    })
    .await;
    let store = Store::connect(database.options.clone(), 2);
    store.migrate().await.unwrap();
    let pool = database.pool().await;
    let limits: Vec<String> =
        sqlx::query_scalar("select distinct statement_timeout from public.limits").fetch_all(&pool).await.unwrap();
    assert_eq!(limits, ["0"]);
    let usual: String = sqlx::query_scalar("show statement_timeout").fetch_one(store.pool()).await.unwrap();
    assert_eq!(usual, "2min", "of everything else");
}

async fn migrate_in_public(pool: &PgPool, target: i64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
    let migrator = Migrator::new(folder).await.unwrap();
    migrator.run_to(target, pool).await.unwrap();
}

#[tokio::test]
async fn the_table_of_an_earlier_build_is_moved_with_its_rows() {
    // Complete when the table moved, and killed after the first migration.
    for target in [6, 1] {
        let database = database::fresh_from(&format!("earlier_{target}"), async |_| {}).await;
        let pool = database.pool().await;
        migrate_in_public(&pool, target).await;
        if target == 6 {
            sqlx::raw_sql(
                "insert into keepwell.installation (id, secret, cluster)
                 values ('00000000-0000-0000-0000-000000000001', '\\x01', keepwell.cluster())",
            )
            .execute(&pool)
            .await
            .unwrap();
        }
        let rows = "select m::text from public._sqlx_migrations m order by version";
        let before: Vec<String> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
        let mut home = Home::new(&format!("earlier-{target}"));
        home.set("DATABASE_URL", &database.url);
        let early = home.run(&["tasks"]);
        assert!(early.code == 1 && early.stderr.contains("run `keepwell migrate` first"), "{early:?}");
        // Two at once, and once more.
        let (one, other) = (Store::connect(database.options.clone(), 1), Store::connect(database.options.clone(), 1));
        let (first, second) = tokio::join!(one.migrate(), other.migrate());
        first.unwrap();
        second.unwrap();
        one.close().await;
        other.close().await;
        home.done(&["migrate"]);
        home.done(&["tasks"]);
        let public: Option<String> =
            sqlx::query_scalar("select to_regclass('public._sqlx_migrations')::text").fetch_one(&pool).await.unwrap();
        assert_eq!(public, None);
        let rows = "select m::text from keepwell._sqlx_migrations m order by version";
        let after: Vec<String> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
        assert_eq!(after[..before.len()], before, "they stay");
        assert_eq!(after.len(), SUMS.trim().lines().count());
        if target == 6 {
            let id: String =
                sqlx::query_scalar("select id::text from keepwell.installation").fetch_one(&pool).await.unwrap();
            assert_eq!(id, "00000000-0000-0000-0000-000000000001");
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_made_before_copies_were_noticed_may_not_send_after_the_upgrade() {
    let database = database::fresh_from("before_identity", async |_| {}).await;
    let pool = database.pool().await;
    migrate_in_public(&pool, 6).await;
    sqlx::raw_sql(
        "insert into keepwell.installation (id, secret, cluster) values (gen_random_uuid(), '\\x01', keepwell.cluster())",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let copy = format!("{}_copy", database.name);
    let elsewhere = PgPool::connect_with(database.options.clone().database("postgres")).await.unwrap();
    let create = format!("create database {copy} template {}", database.name);
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&elsewhere).await.unwrap();
    for (name, stopped) in [(&database.name, false), (&copy, true)] {
        let store = Store::connect(database.options.clone().database(name), 2);
        store.migrate().await.unwrap();
        assert_eq!(store.stopped().await.unwrap().all(), stopped, "{name}");
        store.close().await;
    }
}

/// A migration of a build that has not been written yet.
const NEWER: &str = "insert into keepwell._sqlx_migrations (version, description, success, checksum, execution_time)
    values (1000, 'more', true, '\\x10', 0)";

const UNKNOWN: &str = "error: a newer build of Keepwell has upgraded the database: this one does not know the migration 1000. \
    Use that build or a later one; nothing was changed";

#[tokio::test]
async fn a_database_of_a_newer_build_is_used_and_not_migrated() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    sqlx::raw_sql(NEWER).execute(&pool).await.unwrap();
    let before = contents(&pool).await;
    let mut home = Home::new("newer-build");
    home.set("DATABASE_URL", &database.url);
    let migrated = home.run(&["migrate"]);
    assert_eq!((migrated.code, migrated.stderr.trim()), (1, UNKNOWN));
    assert_eq!(contents(&pool).await, before);
    home.done(&["tasks"]);
}

#[tokio::test]
async fn a_private_database_of_a_newer_build_is_left_to_that_build() {
    let home = Home::new("private-newer");
    let folder = home.path.join("kept");
    let mut postgres = PrivatePostgres::ensure(&folder, Durability::Tests).unwrap();
    let store = Store::connect(postgres.options("keepwell"), 2);
    store.migrate().await.unwrap();
    sqlx::raw_sql(NEWER).execute(store.pool()).await.unwrap();
    let before = contents(store.pool()).await;
    store.close().await;
    postgres.stop();
    for command in [&["tasks"][..], &["stop"], &["run", "--once"], &["run"], &["migrate"]] {
        let answer = home.run(&[command, &["--data", "kept"]].concat());
        assert_eq!((answer.code, answer.stderr.trim()), (1, UNKNOWN), "{command:?}");
        assert!(!folder.join("data/postmaster.pid").exists(), "{command:?} left a server running");
    }
    let postgres = PrivatePostgres::ensure(&folder, Durability::Tests).unwrap();
    let store = Store::connect(postgres.options("keepwell"), 2);
    assert_eq!(contents(store.pool()).await, before);
    store.close().await;
}

#[tokio::test]
async fn a_private_database_of_an_earlier_build_is_refused_and_its_server_stopped() {
    let home = Home::new("private-earlier");
    home.write("playbooks/any.yaml", "playbook: any\n");
    let folder = home.path.join("kept/demo");
    let mut postgres = PrivatePostgres::ensure(&folder, Durability::Tests).unwrap();
    let store = Store::connect(postgres.options("keepwell"), 2);
    store.migrate().await.unwrap();
    sqlx::raw_sql(UNRELEASED_ROWS).execute(store.pool()).await.unwrap();
    let before = contents(store.pool()).await;
    store.close().await;
    postgres.stop();

    for command in [
        &["demo", "--once", "--data", "kept"][..],
        &["tasks", "--demo", "--data", "kept"],
        &["migrate", "--data", "kept/demo"],
        &["run", "--once", "--data", "kept/demo"],
    ] {
        let answer = home.run(command);
        let expected = format!("{UNRELEASED}: remove the folder kept/demo, or name another one with --data");
        assert!(answer.code == 1 && answer.stderr.contains(&expected), "{command:?}: {answer:?}");
        assert!(!folder.join("data/postmaster.pid").exists(), "{command:?} left a server running");
    }
    let postgres = PrivatePostgres::ensure(&folder, Durability::Tests).unwrap();
    let store = Store::connect(postgres.options("keepwell"), 2);
    assert_eq!(contents(store.pool()).await, before);
    store.close().await;
}
