//! Copies of a database, by every way there is to make one: nobody confirmed
//! that a copy may send, so it sends nothing and says why, with a data folder of
//! its own as well. The original goes on.

use std::process::{Command, Stdio};

use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use keepwell::store::upkeep::stopped::StopTarget;
use sqlx::postgres::PgConnectOptions;

use super::{FIRST, Scratch, copy_files, customer, execute, home, mails, migrated, said};
use crate::support::database;
use crate::support::program::Home;
use crate::support::smtp::Server;
use crate::support::world::World;

/// One of Postgres' programs, from the search path or where Debian has them.
fn program(name: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)));
    let in_path = Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    match debian.filter(|path| path.exists()).max() {
        Some(path) if !in_path => Command::new(path),
        _ => Command::new(name),
    }
}

/// What `pg_dump` writes of a database.
fn dump(url: &str) -> Vec<u8> {
    let output = program("pg_dump").arg(url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Loads a dump.
fn restore(home: &Home, url: &str, dump: &[u8]) {
    let file = home.path.join("dump.sql");
    std::fs::write(&file, dump).unwrap();
    let mut psql = program("psql");
    psql.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null", "--file"]);
    let output = psql.arg(file).arg(url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A home whose database has one mail to a customer that waits to leave.
async fn with_a_waiting_mail(name: &str, url: &str, options: &PgConnectOptions) -> (Home, Server) {
    let (home, server) = home(name, url);
    customer(options, "a1").await;
    home.done(&["stop", "--channel", "email"]);
    home.done(&["run", "--at", FIRST]);
    home.done(&["resume", "--channel", "email"]);
    assert_eq!(mails(&home), ["a1 planned"]);
    (home, server)
}

/// That a database sends nothing, with a data folder that has never seen
/// another, and gives this reason.
fn refuses(name: &str, url: &str, reason: &str) -> (Home, Server) {
    let (copy, server) = home(name, url);
    let ran = copy.done(&["run", "--at", "2026-03-02T10:00:00Z"]);
    assert!(ran.stderr.contains(reason), "{name}: {ran:?}");
    assert_eq!(mails(&copy), ["a1 planned"], "{name}");
    assert_eq!(server.accepted().len(), 0, "{name}");
    let shown = copy.run(&["confirm-epoch"]);
    assert_eq!(shown.code, 1, "{name}");
    said(&shown, reason);
    (copy, server)
}

/// That a database sends its mail.
fn sends(home: &Home, server: &Server) {
    home.done(&["run", "--at", "2026-03-02T11:00:00Z"]);
    assert_eq!(mails(home), ["a1 accepted"]);
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn a_copy_under_another_name_sends_nothing() {
    let database = database::fresh().await;
    let elsewhere = database.options.clone().database("postgres");
    let (original, relay) = with_a_waiting_mail("original", &database.url, &database.options).await;
    let name = &database.name;
    let [staging, restored] = ["staging", "restored"].map(|suffix| format!("{name}_{suffix}"));
    let url = |copy: &str| database.url.replace(name.as_str(), copy);
    let create = [format!("create database {staging} template {name}"), format!("create database {restored}")];
    execute(&elsewhere, &[&create[0], &create[1]]).await;
    restore(&original, &url(&restored), &dump(&database.url));

    let (copy, its_relay) = refuses("staging", &url(&staging), "this database is a copy of another one");
    refuses("restored", &url(&restored), "this database was restored from a dump");
    sends(&original, &relay);
    // It takes the place of the original, and a person says so.
    copy.done(&["confirm-epoch", "--yes"]);
    sends(&copy, &its_relay);
}

#[tokio::test]
async fn a_dump_that_takes_the_place_of_its_database_sends_nothing() {
    let database = database::fresh().await;
    let (original, relay) = with_a_waiting_mail("replaced", &database.url, &database.options).await;
    let dump = dump(&database.url);
    sends(&original, &relay);
    let name = &database.name;
    let anew = [format!("drop database {name} with (force)"), format!("create database {name}")];
    execute(&database.options.clone().database("postgres"), &[&anew[0], &anew[1]]).await;
    restore(&original, &database.url, &dump);

    // A container without a volume has no file; then the original's own home, which has.
    refuses("replaced-no-file", &database.url, "this database was restored from a dump");
    assert!(original.path.join(".keepwell/marks").exists());
    original.done(&["run", "--at", "2026-03-02T12:00:00Z"]);
    assert_eq!(mails(&original), ["a1 planned"]);
    assert_eq!(relay.accepted().len(), 1);
    let shown = original.run(&["confirm-epoch"]);
    said(&shown, "this database was restored from a dump");
    said(&shown, "this database was set back");
}

#[tokio::test]
async fn a_dump_that_is_loaded_into_its_own_database_sends_nothing() {
    let database = database::fresh().await;
    let (original, relay) = with_a_waiting_mail("reloaded", &database.url, &database.options).await;
    let dump = dump(&database.url);
    sends(&original, &relay);
    execute(&database.options, &["drop schema keepwell, customers cascade"]).await;
    restore(&original, &database.url, &dump);
    refuses("reloaded-no-file", &database.url, "this database was restored from a dump");

    // Only the rows, into tables that stay.
    execute(&database.options, &["update keepwell.installation set identity = keepwell.new_identity()"]).await;
    let rows = [
        "create table public.kept as table keepwell.installation",
        "delete from keepwell.installation",
        "insert into keepwell.installation table public.kept",
    ];
    execute(&database.options, &rows).await;
    refuses("rows-no-file", &database.url, "this database was restored from a dump");
}

#[tokio::test]
async fn a_copy_of_the_files_beside_the_original_sends_nothing() {
    let (folder, other) = (Scratch::new("files"), Scratch::new("copied-files"));
    let mut postgres = PrivatePostgres::ensure(&folder.0, Durability::Tests).unwrap();
    let options = postgres.options("keepwell");
    migrated(&options).await;
    let (original, relay) = with_a_waiting_mail("files", &postgres.url("keepwell"), &options).await;
    postgres.stop();
    std::fs::create_dir_all(&other.0).unwrap();
    copy_files(&folder.0.join("data"), &other.0.join("data"));
    let copy = PrivatePostgres::ensure(&other.0, Durability::Tests).unwrap();
    postgres = PrivatePostgres::ensure(&folder.0, Durability::Tests).unwrap();

    refuses("copied-files", &copy.url("keepwell"), "the files of this database were copied or moved");
    sends(&original, &relay);
    drop((postgres, copy));
}

#[tokio::test]
async fn a_standby_that_is_promoted_sends_nothing() {
    let (folder, other) = (Scratch::new("primary"), Scratch::new("standby"));
    let mut postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();
    let options = postgres.options("keepwell");
    migrated(&options).await;
    with_a_waiting_mail("primary", &postgres.url("keepwell"), &options).await;
    std::fs::create_dir_all(&other.0).unwrap();
    let mut backup = program("pg_basebackup");
    let backup = backup.args(["-X", "stream", "-c", "fast", "-R", "-d"]).arg(postgres.url("postgres")).arg("-D");
    let output = backup.arg(other.0.join("data")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let standby = PrivatePostgres::ensure(&other.0, Durability::Durable).unwrap();
    postgres.stop();
    execute(&standby.options("keepwell"), &["select pg_promote()"]).await;

    refuses("standby", &standby.url("keepwell"), "or its standby was promoted");
}

#[tokio::test]
async fn each_part_of_the_identity_tells_by_itself() {
    let database = database::fresh().await;
    let store = Store::connect(database.options.clone(), 2);
    let reason = async || {
        let stops = store.stopped().await.unwrap().stops;
        stops.first().map(ToString::to_string).unwrap_or_default()
    };
    let now = FIRST.parse().unwrap();
    let system = "split_part(keepwell.cluster(), '/', 1)";
    for (part, value, expected) in [
        ("cluster", "'1/00000001'".to_owned(), "copied or restored to another server"),
        ("cluster", "'unknown'".to_owned(), "copied or restored to another server"),
        ("cluster", format!("{system} || '/000000FF'"), "recovered from a backup"),
        ("transaction", "'3'".to_owned(), "restored from a dump"),
        ("database", "'1'".to_owned(), "a copy of another one"),
        ("port", "'1'".to_owned(), "copied or moved"),
        ("directory", "'/elsewhere'".to_owned(), "copied or moved"),
        // A user may gain or lose the right to see it.
        ("directory", "null::text".to_owned(), ""),
    ] {
        let update = format!(
            "update keepwell.installation set identity = keepwell.new_identity() || jsonb_build_object('{part}', {value})"
        );
        execute(&database.options, &[&update]).await;
        let found = reason().await;
        assert_eq!(found.is_empty(), expected.is_empty(), "{part} {value}: {found}");
        assert!(found.contains(expected), "{part} {value}: {found}");
        store.confirm_epoch(keepwell::ids::Actor("a test"), now).await.unwrap();
        assert_eq!(reason().await, "", "{part} is confirmed");
    }
    execute(&database.options, &["update keepwell.installation set identity = null"]).await;
    assert!(reason().await.contains("no record of which one it is"));
    store.close().await;
}

#[tokio::test]
async fn the_care_of_a_database_is_no_alarm() {
    let database = database::fresh().await;
    let name = &database.name;
    let care = [
        "vacuum full keepwell.installation",
        "vacuum (freeze) keepwell.installation",
        "cluster keepwell.installation using installation_pkey",
        "reindex table keepwell.installation",
        "alter table keepwell.installation add column more text default 'x'",
    ];
    execute(&database.options, &care).await;
    let renamed = format!("{name}_renamed");
    let elsewhere = database.options.clone().database("postgres");
    execute(&elsewhere, &[&format!("alter database {name} rename to {renamed}")]).await;
    let store = Store::connect(database.options.clone().database(&renamed), 2);
    assert_eq!(store.stopped().await.unwrap().stops, []);
    assert_eq!(store.epoch().await.unwrap().mismatch, None);
    store.close().await;
}

#[tokio::test]
async fn a_user_who_may_see_less_finds_the_same_identity() {
    let database = database::fresh().await;
    let user = format!("plain_of_{}", database.name);
    let role = format!(
        "create role {user} login; grant usage on schema keepwell to {user}; grant select on all tables in schema keepwell to {user}"
    );
    execute(&database.options, &[&role]).await;
    let identity = async |options: PgConnectOptions| {
        let store = Store::connect(options, 1);
        let identity: String =
            sqlx::query_scalar("select keepwell.identity()::text").fetch_one(store.pool()).await.unwrap();
        assert_eq!(store.stopped().await.unwrap().stops, []);
        store.close().await;
        identity
    };
    let theirs = identity(database.options.clone().username(&user)).await;
    assert_eq!(identity(database.options.clone()).await, theirs);
    assert!(theirs.contains("directory") && !theirs.contains("null"), "{theirs}");
}

#[tokio::test]
async fn a_database_that_lost_its_record_is_not_taken_for_a_new_one() {
    let world = World::new().await;
    world.playbook(&crate::support::world::playbook("hello", "when: account.mrr > 0", super::STEPS));
    world.customer("a1").await;
    world.run_at(FIRST).await;
    world.sql("delete from keepwell.installation").await;
    let stopped = world.store().stopped().await.unwrap();
    assert!(stopped.all());
    world.store().migrate().await.unwrap();
    assert!(world.store().stopped().await.unwrap().all(), "migrate is no confirmation");
    world.store().confirm_epoch(keepwell::ids::Actor("a test"), FIRST.parse().unwrap()).await.unwrap();
    assert_eq!(world.store().stopped().await.unwrap().stops, []);
}

#[tokio::test]
async fn the_word_for_a_database_does_not_take_back_what_a_person_stopped() {
    let world = World::new().await;
    world.stop(StopTarget::All, FIRST).await;
    world.sql("delete from keepwell.installation").await;
    world.store().migrate().await.unwrap();
    world.store().confirm_epoch(keepwell::ids::Actor("a test"), FIRST.parse().unwrap()).await.unwrap();
    let left: Vec<_> =
        world.store().stopped().await.unwrap().stops.into_iter().map(|stop| (stop.target, stop.by)).collect();
    assert_eq!(left, [(StopTarget::All, "a test".to_owned())]);
}
