//! One Postgres for this process, and a database of its own for each test.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use keepwell::postgres::{Durability, PrivatePostgres};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::sync::Mutex;

/// A database that no other test uses. It is dropped after the thread that
/// made it has ended, as each test's thread does, when a test asks for its own.
#[derive(Debug)]
pub struct TestDatabase {
    pub name: String,
    pub options: PgConnectOptions,
    pub url: String,
}

impl TestDatabase {
    /// A small pool on it.
    pub async fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(5)
            .connect_with(self.options.clone())
            .await
            .expect("the test's database accepts connections")
    }

    /// A sum of the rows of every table, and of where each sequence stands.
    pub async fn contents(&self) -> BTreeMap<String, String> {
        let pool = self.pool().await;
        let relations: Vec<(String, String)> = sqlx::query_as(
            "select n.nspname || '.' || quote_ident(c.relname), c.relkind::text from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('keepwell', 'customers', 'public') and c.relkind in ('r', 'p', 'S', 'm', 'v')",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let mut found = BTreeMap::new();
        for (name, kind) in relations {
            let what = if kind == "S" { "last_value::text || is_called" } else { "t::text" };
            let sum = format!(
                "select md5(coalesce(string_agg(row, '|' order by row), '')) from (select {what} as row from {name} t) r"
            );
            let sum: String = sqlx::query_scalar(AssertSqlSafe(sum)).fetch_one(&pool).await.unwrap();
            found.insert(name, sum);
        }
        pool.close().await;
        assert!(found.len() > 30, "{found:?}");
        found
    }
}

/// A database with both schemas, and nothing in them.
pub async fn fresh() -> TestDatabase {
    fresh_from("migrated", async |pool| {
        let options = pool.connect_options().as_ref().clone();
        let store = keepwell::store::Store::connect(options, 2);
        store.migrate().await.expect("the migrations succeed");
        store.close().await;
    })
    .await
}

/// A copy of the database `template`, which `migrate` fills when it is first
/// asked for. It must close its connections, as a pool handed to it does.
pub async fn fresh_from(template: &str, migrate: impl AsyncFnOnce(&PgPool)) -> TestDatabase {
    static READY: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let mut ready = READY.lock().await;
    if !ready.contains(template) {
        // Left behind by a migration that panicked.
        let drop = format!("drop database if exists {template} with (force)");
        administer(&drop).await;
        administer(&format!("create database {template} strategy file_copy")).await;
        let pool =
            PgPool::connect_with(SERVER.postgres.options(template)).await.expect("the template accepts connections");
        migrate(&pool).await;
        pool.close().await;
        ready.insert(template.to_owned());
    }
    drop(ready);
    copy_of(template).await
}

/// The databases whose tests have ended. All of them together would need
/// more room on the disk than a machine may have left.
static UNUSED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

thread_local! {
    static OF_THIS_THREAD: RefCell<Databases> = const { RefCell::new(Databases(Vec::new())) };
}

/// The names of the databases that a thread made.
struct Databases(Vec<String>);

impl Drop for Databases {
    fn drop(&mut self) {
        UNUSED.lock().expect("nothing panics with the lock").append(&mut self.0);
    }
}

async fn drop_unused() {
    let unused = std::mem::take(&mut *UNUSED.lock().expect("nothing panics with the lock"));
    for name in unused {
        // A process that the test started may end a little later.
        administer(&format!("drop database if exists {name} with (force)")).await;
    }
}

async fn copy_of(template: &str) -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    drop_unused().await;
    let name = format!("t_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    // Without fsync a copy of the files is three times as fast as the default.
    administer(&format!("create database {name} template {template} strategy file_copy")).await;
    OF_THIS_THREAD.with_borrow_mut(|databases| databases.0.push(name.clone()));
    // A copy may not send before it is confirmed.
    execute(
        &name,
        "do $$ begin
             if to_regclass('keepwell.installation') is not null then
                 update keepwell.installation set identity = keepwell.new_identity();
             end if;
         end $$",
    )
    .await;
    TestDatabase { options: SERVER.postgres.options(&name), url: SERVER.postgres.url(&name), name }
}

async fn administer(statement: &str) {
    execute("postgres", statement).await;
}

async fn execute(database: &str, statement: &str) {
    let mut connection: PgConnection =
        SERVER.postgres.options(database).connect().await.expect("the server accepts connections");
    connection.execute(AssertSqlSafe(statement)).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    // Whoever copies the database next must find nobody in it.
    connection.close().await.expect("the connection ends");
}

struct Running {
    postgres: PrivatePostgres,
    /// Locked as long as this process lives.
    _claim: File,
}

/// Never dropped: the server is told to end when the process does.
static SERVER: LazyLock<Running> = LazyLock::new(|| {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    remove_stale(parent);
    let directory = parent.join(format!("postgres-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the directory for the tests can be created");
    let claim = claim(&directory).expect("no other process has this one's number");
    let postgres = PrivatePostgres::ensure(&directory, Durability::Tests).unwrap_or_else(|error| panic!("{error}"));
    Running { postgres, _claim: claim }
});

/// The lock of a directory, unless a living process has it.
fn claim(directory: &Path) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("claim")).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Removes what processes left that are gone.
fn remove_stale(parent: &Path) {
    let old: Vec<PathBuf> = std::fs::read_dir(parent)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    for directory in old {
        let name = directory.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("postgres-")) && claim(&directory).is_some() {
            // Another process may be removing it as well.
            let _ = std::fs::remove_dir_all(&directory);
        }
    }
}

#[test]
fn the_database_of_a_test_that_ended_is_dropped() {
    async fn databases() -> Vec<String> {
        let mut connection = SERVER.postgres.options("postgres").connect().await.unwrap();
        sqlx::query_scalar("select datname::text from pg_database").fetch_all(&mut connection).await.unwrap()
    }
    let in_a_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let of_another_test =
        std::thread::spawn(move || in_a_runtime().block_on(async { fresh().await.name })).join().unwrap();
    in_a_runtime().block_on(async {
        let of_this_test = fresh().await.name;
        let databases = databases().await;
        assert!(databases.contains(&of_this_test), "{of_this_test} of {databases:?}");
        assert!(!databases.contains(&of_another_test), "{of_another_test} of {databases:?}");
    });
}
