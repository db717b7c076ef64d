//! All SQL, and the only use of sqlx: one file per table family.
//!
//! Rules that hold in every file: `$now` is bound, only leases use the
//! database's clock; one decision is one transaction about one account, and
//! none spans the network; unique indexes are the referee of "once"; a commit
//! that lost a race is an answer and not an error; database calls are never
//! cancelled.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, Row as _};

use crate::clock::Instant;
use crate::facts::Schema;
use crate::random;

use sql::group_commit::Gathering;

pub use customers::relations::{Key, Relation, Relations};

pub mod customers;
pub mod enrollments;
pub mod messages;
pub mod runs;
pub mod sql;
pub mod tasks;
pub mod upkeep;
pub mod views;

/// Whether the database refused the values themselves: the same statement
/// would fail again, and another one may well succeed.
pub fn is_refusal(error: &sqlx::Error) -> bool {
    // Data exceptions, violated constraints, rows too large for an index.
    let classes = ["22", "23", "54"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
}

/// Whether a statement names what is not there, or what may not be read:
/// somebody changed the customers' relations.
pub fn is_misfit(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.and_then(|error| error.code()).is_some_and(|code| code.starts_with("42"))
}

/// Whether the database refused a statement and not the connection: of many
/// rows one may be at fault, or in somebody else's way, and the others not.
pub fn is_about_a_row(error: &sqlx::Error) -> bool {
    // The server is going away, is out of something, or may not be used.
    let elsewhere = ["08", "53", "57P", "58", "28", "25"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| !elsewhere.iter().any(|class| code.starts_with(class)))
}

/// Whether a transaction was ended for another one's sake, or a lock of it not
/// given: the same may well succeed the next time.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40") || code == "55P03")
}

/// Carries out a transaction, and again when others were in its way, three
/// times at most.
pub(crate) async fn again<T, F, Fut>(mut carry_out: F) -> sqlx::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = sqlx::Result<T>>,
{
    const ATTEMPTS: usize = 3;
    for _ in 1..ATTEMPTS {
        match carry_out().await {
            Err(error) if is_contention(&error) => {}
            done => return done,
        }
    }
    carry_out().await
}

/// What an error says about trying the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The database is away, or in no state to work: all else would fail, too.
    Database,
    /// Somebody else was in the way: it may well succeed the next time.
    Contention,
    /// It will fail again, and what is beside it need not.
    Lasting,
}

/// The trouble behind a worker's error.
pub(crate) fn trouble(error: &anyhow::Error) -> Trouble {
    match error.downcast_ref::<sqlx::Error>() {
        Some(error) if is_contention(error) => Trouble::Contention,
        Some(error @ sqlx::Error::Database(_)) if is_about_a_row(error) => Trouble::Lasting,
        Some(
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. },
        )
        | None => Trouble::Lasting,
        Some(_) => Trouble::Database,
    }
}

/// An error of the first words with the database of DATABASE_URL, explained.
pub fn unreachable(error: sqlx::Error) -> anyhow::Error {
    // What a prepared statement meets on somebody else's connection.
    let code = error.as_database_error().and_then(|error| error.code());
    let pooled = matches!(code.as_deref(), Some("42P05" | "26000"));
    anyhow::Error::new(error).context(match pooled {
        true => POOLED,
        false => "the database of DATABASE_URL cannot be reached",
    })
}

/// What is said of a pooler that keeps no sessions.
pub const POOLED: &str = "DATABASE_URL leads to a pooler in transaction mode, which Keepwell cannot use: \
    connect to Postgres directly, or to a pool in session mode";

/// How long a claim holds unless it is renewed.
pub const LEASE: chrono::Duration = chrono::Duration::seconds(60);

/// Of every connection, set by statements: a pooler in between may ignore what
/// a connection asks for when it starts. A user named like a schema would
/// without the path see other tables; compiling a statement about a thousand
/// accounts takes a hundred times as long as answering it by the keys; a marker
/// that a crash of the server takes back would let a mail leave twice.
const SETTINGS: &str = "set statement_timeout = '120s'; set idle_in_transaction_session_timeout = '30s';
    set lock_timeout = '10s'; set timezone = 'UTC'; set search_path = public; set jit = off;
    set synchronous_commit = 'on'";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    secret: Arc<std::sync::OnceLock<Vec<u8>>>,
    /// What stands behind the @ of a Message-ID.
    mail_domain: Arc<str>,
    relations: Arc<Relations>,
    /// The last marker this process has committed.
    last_mark: Arc<Mutex<upkeep::epoch::Mark>>,
    together: Arc<Together>,
}

/// Where the senders of a process meet, to share transactions; each has a
/// connection of its own.
#[derive(Default)]
struct Together {
    departures: tokio::sync::Mutex<sql::kept_connection::Line>,
    marks: Gathering<messages::marks::Asked, Option<messages::marks::Marked>>,
    endings: Gathering<messages::outcomes::Ending, bool>,
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Together")
    }
}

impl Store {
    /// Connects lazily with at most `connections` connections.
    pub fn connect(options: PgConnectOptions, connections: u32) -> Store {
        let options = options.application_name("keepwell");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            // A connection was sound when it was given back, and is asked
            // again only when that was a while ago.
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    match about.idle_for < sql::kept_connection::SILENCE {
                        true => Ok(true),
                        false => Ok(connection.ping().await.is_ok()),
                    }
                })
            })
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
            // A transaction begun by a call that was cut off must never be
            // handed to the next borrower. The `begin` keeps the server from
            // warning, at every call, that there is none.
            .after_release(|connection, _| {
                Box::pin(async move { connection.execute("begin; rollback").await.map(|_| true).or(Ok(false)) })
            })
            .connect_lazy_with(options);
        Store {
            pool,
            secret: Arc::default(),
            mail_domain: "keepwell.invalid".into(),
            relations: Arc::default(),
            last_mark: Arc::default(),
            together: Arc::default(),
        }
    }

    /// The domain of new Message-IDs: that of the sender's address.
    pub fn with_mail_domain(mut self, from: &str) -> Store {
        let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
        if !domain.is_empty() && domain.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) {
            self.mail_domain = domain.into();
        }
        self
    }

    /// The same, with the customers in these relations.
    pub fn reading(mut self, relations: Relations) -> Store {
        self.relations = Arc::new(relations);
        self
    }

    /// Where the customers are.
    pub fn relations(&self) -> &Relations {
        &self.relations
    }

    /// What authors can name.
    pub fn schema(&self) -> &Schema {
        &self.relations.schema
    }

    /// What an account's id is in the customer store.
    pub(crate) fn key(&self) -> Key {
        self.relations.key()
    }

    /// What stands for a relation of the customer store in a statement.
    pub(crate) fn relation(&self, relation: Relation) -> &str {
        self.relations.of(relation)
    }

    /// The same for a URL, which must be one of Postgres.
    pub fn connect_url(url: &str, connections: u32) -> sqlx::Result<Store> {
        Ok(Store::connect(url.parse()?, connections))
    }

    /// Connects once, to find out at once whether that is possible: the pool
    /// would try for half a minute.
    pub async fn reach(&self) -> sqlx::Result<()> {
        let options = self.pool.connect_options();
        let connecting = PgConnection::connect_with(&options);
        let connection = tokio::time::timeout(Duration::from_secs(10), connecting).await;
        connection.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await
    }

    /// Whether a connection stays with its session: false behind a pooler in
    /// transaction mode, which gives it to whoever begins a transaction.
    pub async fn keeps_sessions(&self) -> sqlx::Result<bool> {
        let options = self.pool.connect_options();
        let mut one = PgConnection::connect_with(&options).await?;
        let mut other = PgConnection::connect_with(&options).await?;
        // Without prepared statements, which such a pooler may not know.
        let session = async |connection: &mut PgConnection| -> sqlx::Result<i32> {
            connection.fetch_one(sqlx::raw_sql("select pg_backend_pid()")).await?.try_get(0)
        };
        let before = session(&mut one).await?;
        other.execute(sqlx::raw_sql("begin")).await?;
        // It may have to wait for ever for a connection that the other has.
        let after = tokio::time::timeout(Duration::from_secs(10), session(&mut one)).await;
        other.execute(sqlx::raw_sql("rollback")).await?;
        other.close().await?;
        let Ok(after) = after else { return Ok(false) };
        one.close().await?;
        Ok(after? == before)
    }

    /// Creates or upgrades both schemas. Two processes may do it at once.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        MIGRATIONS.run(&self.pool).await?;
        sqlx::query("insert into keepwell.installation (id, secret, cluster) values ($1, $2, keepwell.cluster()) on conflict do nothing")
            .bind(random::token())
            .bind(random::bytes::<32>().as_slice())
            .execute(&self.pool)
            .await?;
        // Without the right to make roles, reading is by read-only transactions alone.
        if let Err(error) = customers::reader_role::prepare(&self.pool).await {
            tracing::warn!("the role {} could not be prepared: {error}", customers::reader_role::READER);
        }
        Ok(())
    }

    /// Whether both schemas are there and complete.
    pub async fn is_migrated(&self) -> sqlx::Result<bool> {
        let table: Option<String> =
            sqlx::query_scalar("select to_regclass('public._sqlx_migrations')::text").fetch_one(&self.pool).await?;
        if table.is_none() {
            return Ok(false);
        }
        let done: i64 = sqlx::query_scalar("select count(*) from public._sqlx_migrations where success")
            .fetch_one(&self.pool)
            .await?;
        Ok(done >= MIGRATIONS.iter().count() as i64)
    }

    /// For reading facts.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The server's version, in its own words.
    pub async fn server_version(&self) -> sqlx::Result<String> {
        sqlx::query_scalar("select current_setting('server_version')").fetch_one(&self.pool).await
    }

    /// The database's clock, for leases and for whoever compares clocks.
    pub(crate) async fn lease_clock(&self) -> sqlx::Result<Instant> {
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&self.pool).await
    }

    /// The installation's key for address hashes and links.
    pub async fn secret(&self) -> sqlx::Result<&[u8]> {
        if let Some(secret) = self.secret.get() {
            return Ok(secret);
        }
        let secret: Vec<u8> =
            sqlx::query_scalar("select secret from keepwell.installation").fetch_one(&self.pool).await?;
        Ok(self.secret.get_or_init(|| secret))
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.together.departures.lock().await.close().await;
        self.together.marks.line().await.close().await;
        self.together.endings.line().await.close().await;
        self.pool.close().await;
    }
}
