//! The private Postgres through its whole life: start, share, crash, recover.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use keepwell::postgres::{Durability, PrivateError, PrivatePostgres};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::support::database;

/// A directory for one test, empty at its start and gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("private-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        Scratch(path)
    }

    /// The same with a stopped cluster in it, which is faster than making one.
    fn with_cluster(name: &str) -> Scratch {
        static MADE: LazyLock<Scratch> = LazyLock::new(|| {
            let made = Scratch::new("made");
            drop(made.ensure_quickly());
            made
        });
        let scratch = Scratch::new(name);
        let copy = Command::new("cp").arg("-a").args([&MADE.0, &scratch.0]).status();
        assert!(copy.expect("cp runs").success());
        scratch
    }

    /// As in earnest: what was committed survives being killed.
    fn ensure(&self) -> PrivatePostgres {
        PrivatePostgres::ensure(&self.0, Durability::Durable).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, faster, where nothing is killed.
    fn ensure_quickly(&self) -> PrivatePostgres {
        PrivatePostgres::ensure(&self.0, Durability::Tests).unwrap_or_else(|error| panic!("{error}"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The server's process number, as its pid file says.
    fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.file("data/postmaster.pid")).expect("a pid file");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a number")
    }

    /// Every process that has the cluster in its command line or as its
    /// working directory: the server and its children.
    fn processes(&self) -> Vec<String> {
        let data = std::fs::canonicalize(&self.0).expect("the directory exists").join("data");
        let entries = std::fs::read_dir("/proc").expect("/proc");
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == data))
            .map(|process| process.display().to_string())
            .collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn connect(postgres: &PrivatePostgres) -> PgConnection {
    postgres.options("keepwell").connect().await.expect("a connection")
}

/// Commits one more row and returns how many there are.
async fn add_row(postgres: &PrivatePostgres) -> i64 {
    let mut connection = connect(postgres).await;
    sqlx::raw_sql("create table if not exists kept (n int); insert into kept values (1)")
        .execute(&mut connection)
        .await
        .expect("a row");
    let count = sqlx::query_scalar("select count(*) from kept");
    let rows = count.fetch_one(&mut connection).await.expect("a count");
    connection.close().await.expect("closed");
    rows
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 30 s: {what}");
}

#[tokio::test]
async fn the_first_owns_and_the_second_is_a_client() {
    let scratch = Scratch::new("shared");
    let mut owner = scratch.ensure();
    let mut client = scratch.ensure();
    assert!(owner.is_owner() && !client.is_owner());
    assert_eq!(owner.url("keepwell"), client.url("keepwell"));
    assert_eq!(add_row(&owner).await, 1);
    assert_eq!(add_row(&client).await, 2);
    let by_url = PgConnection::connect(&owner.url("keepwell")).await;
    let mut connection = by_url.expect("the URL works");
    let settings: (String, String, String, String) = sqlx::query_as(
        "select current_setting('fsync'), current_setting('timezone'), \
         current_setting('listen_addresses'), \
         (select pg_encoding_to_char(encoding) || ' ' || datcollate \
          from pg_database where datname = current_database())",
    )
    .fetch_one(&mut connection)
    .await
    .expect("settings");
    assert_eq!(settings, ("on".into(), "UTC".into(), String::new(), "UTF8 C.UTF-8".into()));

    client.stop();
    assert_eq!(add_row(&owner).await, 3, "a client stops nothing");
    owner.stop();
    assert_eq!(scratch.processes(), [""; 0], "nothing runs after a stop");
    assert!(!scratch.file("data/postmaster.pid").exists());
    assert!(!owner.is_owner());

    // The server went away: a client starts it again and owns it.
    let client = scratch.ensure();
    assert!(client.is_owner());
    assert_eq!(add_row(&client).await, 4);
    drop(client);
    assert_eq!(scratch.processes(), [""; 0], "nor after a drop");
}

#[tokio::test]
async fn of_many_at_once_one_starts_it() {
    let scratch = Scratch::new("race");
    let all: Vec<PrivatePostgres> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| scratch.ensure_quickly())).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(all.iter().filter(|postgres| postgres.is_owner()).count(), 1);
    // The threads that asked have ended, and the server has not.
    assert_eq!(add_row(&all[0]).await, 1);
}

#[tokio::test]
async fn a_killed_server_is_started_again() {
    let scratch = Scratch::with_cluster("killed");
    let first = scratch.ensure();
    assert_eq!(add_row(&first).await, 1);
    // An open connection keeps a process of the old server busy for a while.
    let open = connect(&first).await;
    kill(scratch.pid());
    until("the owner notices", || !first.is_owner()).await;
    let again = scratch.ensure();
    assert!(again.is_owner());
    assert_eq!(add_row(&again).await, 2);
    drop(open);
    drop(first);
    assert_eq!(add_row(&again).await, 3, "the old owner stops nothing");
}

#[tokio::test]
async fn stale_lock_files_do_not_matter() {
    let scratch = Scratch::with_cluster("stale");
    let mut first = scratch.ensure_quickly();
    assert_eq!(add_row(&first).await, 1);
    let left = std::fs::read_to_string(scratch.file("data/postmaster.pid")).expect("a pid file");
    first.stop();

    let mut other = Command::new("sleep").arg("600").spawn().expect("sleep runs");
    let mut zombie = Command::new("true").spawn().expect("true runs");
    until("a zombie", || {
        let line = std::fs::read(format!("/proc/{}/cmdline", zombie.id()));
        line.is_ok_and(|line| line.is_empty())
    })
    .await;
    for (rows, pid) in [(2, other.id()), (3, zombie.id())] {
        let rest = left.split_once('\n').expect("many lines").1;
        for file in ["data/postmaster.pid", "socket/.s.PGSQL.5432.lock"] {
            std::fs::write(scratch.file(file), format!("{pid}\n{rest}")).expect("written");
        }
        let again = scratch.ensure_quickly();
        assert!(again.is_owner());
        assert_eq!(add_row(&again).await, rows);
    }
    assert!(other.try_wait().expect("its state").is_none(), "the stranger lives");
    other.kill().and_then(|()| other.wait()).expect("ended");
    zombie.wait().expect("reaped");
}

/// Not a test of its own: the process that the next two kill.
#[tokio::test]
#[ignore = "runs for ever; started by other tests"]
async fn an_owner_to_be_killed() {
    let Ok(directory) = std::env::var("KEEPWELL_TEST_DIRECTORY") else {
        return;
    };
    let postgres = PrivatePostgres::ensure(Path::new(&directory), Durability::Durable);
    let postgres = postgres.unwrap_or_else(|error| panic!("{error}"));
    add_row(&postgres).await;
    std::fs::write(Path::new(&directory).join("added"), "").expect("written");
    std::future::pending::<()>().await;
}

async fn another_owner(scratch: &Scratch) -> Child {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "--ignored", "private_postgres::an_owner_to_be_killed"])
        .env("KEEPWELL_TEST_DIRECTORY", &scratch.0)
        .stdout(Stdio::null())
        .spawn()
        .expect("this program runs again");
    until("the other process has added its row", || scratch.file("added").exists()).await;
    child
}

#[tokio::test]
async fn the_server_ends_with_its_owner() {
    let scratch = Scratch::with_cluster("orphan");
    let mut owner = another_owner(&scratch).await;
    let client = scratch.ensure();
    assert!(!client.is_owner());
    owner.kill().expect("killed");
    until("the server ends by itself", || scratch.processes().is_empty()).await;
    assert!(!scratch.file("data/postmaster.pid").exists(), "in good order");
    owner.wait().expect("reaped");
    let again = scratch.ensure();
    assert!(again.is_owner());
    assert_eq!(add_row(&again).await, 2);
}

#[tokio::test]
async fn killing_both_loses_nothing() {
    let scratch = Scratch::with_cluster("both");
    let mut owner = another_owner(&scratch).await;
    let server = scratch.pid();
    // The server first, or it would be told to stop in good order.
    kill(server);
    owner.kill().expect("killed");
    owner.wait().expect("reaped");
    assert!(scratch.file("data/postmaster.pid").exists(), "it could not clean up");
    let again = scratch.ensure();
    assert!(again.is_owner());
    assert_eq!(add_row(&again).await, 2);
}

#[tokio::test]
async fn a_deep_directory_works() {
    let scratch = Scratch::new("deep");
    let deep = scratch.0.join("d".repeat(60)).join("e".repeat(60));
    let ensure = || PrivatePostgres::ensure(&deep, Durability::Tests);
    let owner = ensure().unwrap_or_else(|error| panic!("{error}"));
    let client = ensure().unwrap_or_else(|error| panic!("{error}"));
    assert!(owner.is_owner() && !client.is_owner());
    assert_eq!(add_row(&client).await, 1);
    let socket = owner.options("keepwell").get_socket().cloned().expect("a socket");
    drop(owner);
    std::fs::remove_dir_all(socket).expect("the short directory is removed");
}

#[test]
fn a_cluster_of_another_version_is_left_alone() {
    let scratch = Scratch::new("version");
    std::fs::create_dir_all(scratch.file("data")).expect("created");
    std::fs::write(scratch.file("data/PG_VERSION"), "8\n").expect("written");
    let error = PrivatePostgres::ensure(&scratch.0, Durability::Durable).expect_err("too old");
    assert!(matches!(error, PrivateError::OtherVersion { cluster: 8, .. }), "{error}");
}

#[test]
fn a_start_that_fails_says_why() {
    let scratch = Scratch::with_cluster("broken");
    std::fs::write(scratch.file("data/postgresql.conf"), "no_such_setting = 1\n").expect("written");
    let error = PrivatePostgres::ensure(&scratch.0, Durability::Durable).expect_err("misconfigured");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    assert_eq!(scratch.processes(), [""; 0]);
}

#[tokio::test]
async fn every_test_has_its_own_database() {
    let migrate = async |pool: &sqlx::PgPool| {
        sqlx::query("create table things (n int)").execute(pool).await.expect("a table");
    };
    let one = database::fresh_from("with_things", migrate).await;
    let other = database::fresh_from("with_things", migrate).await;
    assert_ne!(one.name, other.name);
    let insert = sqlx::query("insert into things values (1)");
    insert.execute(&one.pool().await).await.expect("a row");
    let mut connection = PgConnection::connect(&other.url).await.expect("a connection");
    let count = sqlx::query_scalar("select count(*) from things");
    let rows: i64 = count.fetch_one(&mut connection).await.expect("a count");
    assert_eq!(rows, 0);
    let empty = database::fresh().await.pool().await;
    let things = sqlx::query_scalar("select to_regclass('things')::text");
    let things: Option<String> = things.fetch_one(&empty).await.expect("an answer");
    assert_eq!(things, None);
}
