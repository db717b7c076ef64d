//! The database itself: one that may have forgotten what was sent sends nothing
//! until a person says so, and no connection depends on what a pooler passed on.

mod copies;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use keepwell::worker::upkeep::database_epoch::EpochWatch;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::support::database;
use crate::support::program::{Answer, Home, until};
use crate::support::smtp::{Script, Server};
use crate::support::world::{World, lines, playbook};

const FIRST: &str = "2026-03-02T09:00:00Z";

/// A folder with a playbook that writes to every customer, and a relay.
fn home(name: &str, url: &str) -> (Home, Server) {
    let (mut home, server) = (Home::new(name), Server::start(Script::default()));
    home.write("playbooks/hello.yaml", &playbook("hello", "when: account.mrr > 0", STEPS));
    home.set("DATABASE_URL", url);
    home.set("KEEPWELL_SMTP_URL", &server.url());
    (home, server)
}

const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

async fn execute(options: &PgConnectOptions, statements: &[&str]) {
    let mut connection: PgConnection = options.connect().await.unwrap();
    for statement in statements {
        connection.execute(AssertSqlSafe(*statement)).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// One customer more.
async fn customer(options: &PgConnectOptions, id: &str) {
    let account = format!(
        "insert into customers.accounts (id, name, mrr, signed_up_at) values ('{id}', '{id}', 10, '2026-01-01')"
    );
    let contact = format!(
        "insert into customers.contacts (account_id, id, name, email, role)
         values ('{id}', 'c', 'Jo', 'jo@{id}.example', 'champion')"
    );
    execute(options, &[&account, &contact]).await;
}

/// Creates the schemas.
async fn migrated(options: &PgConnectOptions) {
    let store = Store::connect(options.clone(), 2);
    store.migrate().await.unwrap();
    store.close().await;
}

/// A copy of the files of a server that does not run.
fn copy_files(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The states of the mails, in the order of their accounts.
fn mails(home: &Home) -> Vec<String> {
    let mut lines = lines(&home.rows(&["messages", "--playbook", "hello"]), "account state");
    lines.sort();
    lines
}

fn said(answer: &Answer, words: &str) {
    assert!(answer.stdout.contains(words), "{answer:?}");
}

#[tokio::test]
async fn a_recovered_backup_sends_nothing_until_it_is_confirmed() {
    let folder = Scratch::new("epoch");
    let mut postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();
    let options = postgres.options("keepwell");
    migrated(&options).await;
    let (home, server) = home("recovered", &postgres.url("keepwell"));
    customer(&options, "a1").await;
    home.done(&["stop", "--channel", "email"]);
    home.done(&["run", "--at", FIRST]);
    home.done(&["resume", "--channel", "email"]);
    assert_eq!(mails(&home), ["a1 planned"]);
    // What a recovery leaves: the same system, another timeline.
    postgres.stop();
    let data = folder.0.join("data");
    let mut settings = std::fs::File::options().append(true).open(data.join("postgresql.auto.conf")).unwrap();
    writeln!(settings, "restore_command = 'false'").unwrap();
    Command::new("touch").arg(data.join("recovery.signal")).status().unwrap();
    postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();
    until("the recovery is over", async || {
        let mut connection: PgConnection = options.connect().await.unwrap();
        !sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()").fetch_one(&mut connection).await.unwrap()
    })
    .await;

    customer(&options, "a2").await;
    home.done(&["run", "--at", "2026-03-02T10:00:00Z"]);
    let resumed = home.done(&["resume"]);
    said(&resumed, "still stopped: everything (by keepwell: this database was recovered from a backup, or its standby");
    home.done(&["run", "--once"]);
    assert_eq!(mails(&home), ["a1 planned"], "and nobody is enrolled");
    assert_eq!(server.accepted().len(), 0);

    let shown = home.run(&["confirm-epoch"]);
    assert_eq!(shown.code, 1);
    said(&shown, "it knows of no mail that was ever accepted");
    said(&shown, "1 email of hello");
    home.done(&["run", "--at", "2026-03-02T11:00:00Z"]);
    assert_eq!(mails(&home), ["a1 planned"], "showing is not confirming");

    said(&home.done(&["confirm-epoch", "--yes"]), "confirmed");
    home.done(&["run", "--at", "2026-03-02T12:00:00Z"]);
    assert_eq!(mails(&home), ["a1 accepted", "a2 accepted"]);
    said(&home.done(&["confirm-epoch"]), "nothing to confirm");
    drop(postgres);
}

/// All about it is as before, but for what it has forgotten: only the daemon's
/// own file knows of that.
#[tokio::test]
async fn a_database_whose_files_were_put_back_does_not_send_the_same_again() {
    let folder = Scratch::new("put-back");
    let mut postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();
    let options = postgres.options("keepwell");
    migrated(&options).await;
    let (home, server) = home("set-back", &postgres.url("keepwell"));
    customer(&options, "a1").await;
    home.done(&["run", "--at", FIRST]);
    postgres.stop();
    let (data, kept) = (folder.0.join("data"), folder.0.join("kept"));
    copy_files(&data, &kept);
    postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();
    // After the backup one more mail leaves.
    customer(&options, "a2").await;
    home.done(&["run", "--at", "2026-03-02T10:00:00Z"]);
    assert_eq!(server.accepted().len(), 2);
    postgres.stop();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(kept, data).unwrap();
    postgres = PrivatePostgres::ensure(&folder.0, Durability::Durable).unwrap();

    customer(&options, "a2").await;
    home.done(&["run", "--at", "2026-03-02T11:00:00Z"]);
    assert_eq!(mails(&home), ["a1 accepted"]);
    assert_eq!(server.accepted().len(), 2, "a2 has had its mail");
    let shown = home.run(&["confirm-epoch"]);
    assert_eq!(shown.code, 1);
    said(&shown, "this database was set back");
    said(&shown, "the last mail it knows of was accepted at");

    // The person knows better, and takes a1's word for it.
    home.done(&["confirm-epoch", "--yes"]);
    home.done(&["run", "--at", "2026-03-02T12:00:00Z"]);
    home.done(&["run", "--at", "2026-03-02T13:00:00Z"]);
    assert_eq!(mails(&home), ["a1 accepted", "a2 accepted"], "confirmed once and for all");
    drop(postgres);
}

#[tokio::test]
async fn a_standby_that_takes_over_in_the_middle_of_a_mail_gets_no_body() {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(&playbook("hello", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    // Between the claim and the marker, as the marker sees it when its
    // connection reaches another server.
    world
        .sql(
            "create function public.promote() returns trigger language plpgsql as
             $$ begin
                 update keepwell.installation set identity = keepwell.new_identity() || '{\"cluster\": \"another\"}';
                 return null;
             end $$;
             create trigger promote after update on keepwell.messages for each row
             when (new.state = 'sending') execute function public.promote()",
        )
        .await;
    world.run_at(FIRST).await;
    assert_eq!(world.accepted().len(), 0);
    assert_eq!(lines(&world.mails().await, "state reason"), ["deferred stopped"]);
    world.store().confirm_epoch(keepwell::ids::Actor("a test"), FIRST.parse().unwrap()).await.unwrap();
    world.sql("drop trigger promote on keepwell.messages").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["accepted"]);
}

#[tokio::test]
async fn a_database_that_is_set_back_in_the_middle_of_a_mail_gets_no_body() {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(&playbook("hello", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.run_at(FIRST).await;
    assert_eq!(world.accepted().len(), 1);
    // An older state of it takes its place under the daemon's connections,
    // between the claim and the marker.
    world
        .sql(
            "create function public.set_back() returns trigger language plpgsql as
             $$ begin perform setval('keepwell.marks', 1, false); return null; end $$;
             create trigger set_back after update on keepwell.messages for each row
             when (new.state = 'sending') execute function public.set_back()",
        )
        .await;
    world.customer("a2").await;
    world.run_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.accepted().len(), 1, "a2 gets no body");
    let stopped = world.store().stopped().await.unwrap();
    assert!(stopped.all());
    assert!(stopped.stops[0].describe().contains("set back"), "{stopped:?}");
}

#[tokio::test]
async fn what_other_daemons_sent_is_remembered_too() {
    let database = database::fresh().await;
    let folder = Scratch::new("others");
    let (one, other) = (Store::connect(database.options.clone(), 1), Store::connect(database.options.clone(), 1));
    let watch = EpochWatch::new(&folder.0);
    let now = FIRST.parse().unwrap();
    watch.check(&other, now).await.unwrap();
    // Another daemon marks a mail.
    sqlx::query("select nextval('keepwell.marks')").execute(one.pool()).await.unwrap();
    watch.check(&other, now).await.unwrap();
    assert_eq!(other.last_mark(), one.epoch().await.unwrap().mark);
    sqlx::query("select setval('keepwell.marks', 1, false)").execute(one.pool()).await.unwrap();
    watch.check(&other, now).await.unwrap();
    assert!(other.stopped().await.unwrap().all(), "although it sent nothing itself");
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_connection_does_not_depend_on_what_its_start_asked_for() {
    let database = database::fresh().await;
    let store = Store::connect(database.options.clone(), 1);
    for (setting, wanted) in
        [("search_path", "public"), ("jit", "off"), ("statement_timeout", "2min"), ("timezone", "UTC")]
    {
        let found: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(store.pool()).await.unwrap();
        assert_eq!(found, wanted, "{setting}");
    }
    store.close().await;
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
