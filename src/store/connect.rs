//! Connecting to the database, and finding out whether it can be used.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{Connection, Executor, PgConnection, Row};

use super::Store;
use super::sql::database_url::{UrlError, parse_url};
use super::sql::pool::{PAGE_PATIENCE, PoolAccess, WORK_PATIENCE, lazy_pool};

impl Store {
    /// Connects lazily with at most `connections` connections.
    pub fn connect(options: PgConnectOptions, connections: u32) -> Store {
        Store {
            pool: lazy_pool(options.application_name("keepwell"), connections, WORK_PATIENCE, PoolAccess::Full),
            access: PoolAccess::Full,
            reader: None,
            secret: Arc::default(),
            mail_domain: "keepwell.invalid".into(),
            relations: Arc::default(),
            last_marker: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// The same for the URL of DATABASE_URL. What is wrong with it is said
    /// without its values.
    pub fn connect_url(url: &str, connections: u32) -> Result<Store, UrlError> {
        Ok(Store::connect(parse_url(url, "DATABASE_URL")?, connections))
    }

    /// The same, reading customers with a login of its own, over as many
    /// connections again. Whether it can be used says [`Store::reach_reader`] and
    /// [`Store::reader_login`].
    pub fn with_reader(mut self, options: PgConnectOptions) -> Store {
        let options = options.application_name("keepwell");
        self.reader = Some(lazy_pool(options, self.connections(), WORK_PATIENCE, self.access));
        self
    }

    /// The same over new connections, for which the server refuses every write.
    pub fn read_only(self) -> Store {
        let again = |pool: &PgPool| {
            let options = pool.connect_options().as_ref().clone();
            lazy_pool(options, pool.options().get_max_connections(), WORK_PATIENCE, PoolAccess::ReadOnly)
        };
        let (pool, reader) = (again(&self.pool), self.reader.as_ref().map(again));
        Store { pool, reader, access: PoolAccess::ReadOnly, ..self }
    }

    /// The same for a URL, which stands in what is called `name`.
    pub fn with_reader_url(self, url: &str, name: &str) -> Result<Store, UrlError> {
        Ok(self.with_reader(parse_url(url, name)?))
    }

    /// The same, reading customers as the user of everything else.
    pub fn without_reader(self) -> Store {
        Store { reader: None, ..self }
    }

    /// Whether customers are read with a login of its own.
    pub(crate) fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    /// The same database for the pages, with at most `connections` connections
    /// of their own: an error after 1.5 seconds while the database is away. To be
    /// closed with [`Store::close_pool`].
    pub fn for_pages(&self, connections: u32) -> Store {
        let again =
            |pool: &PgPool| lazy_pool(pool.connect_options().as_ref().clone(), connections, PAGE_PATIENCE, self.access);
        Store { pool: again(&self.pool), reader: self.reader.as_ref().map(again), ..self.clone() }
    }

    /// Whether the server takes a connection within `patience`. The attempt goes
    /// on by itself when it takes longer.
    pub async fn takes_connections(&self, patience: Duration) -> bool {
        let options = self.pool.connect_options();
        let attempt = tokio::spawn(async move { PgConnection::connect_with(&options).await?.close().await });
        match tokio::time::timeout(patience, attempt).await {
            Ok(Ok(Ok(()))) => true,
            // It is there, and refuses: but not because it starts or shuts down.
            Ok(Ok(Err(sqlx::Error::Database(error)))) => error.code().is_none_or(|code| !code.starts_with("57P")),
            _ => false,
        }
    }

    /// Connects once as the login that reads customers, where there is one, to find
    /// out at once whether that is possible: the pool would try for half a minute.
    pub async fn reach_reader(&self) -> sqlx::Result<()> {
        match &self.reader {
            Some(pool) => reach(pool).await,
            None => Ok(()),
        }
    }

    /// Connects, to find out at once whether that is possible, and whether a connection stays
    /// with its session: false behind a pooler in transaction mode, which gives it to whoever
    /// begins a transaction.
    pub async fn keeps_sessions(&self) -> sqlx::Result<bool> {
        keeps_sessions(&self.pool).await
    }

    /// The same for the login that reads customers, where there is one.
    pub async fn reader_keeps_sessions(&self) -> sqlx::Result<bool> {
        match &self.reader {
            Some(pool) => keeps_sessions(pool).await,
            None => Ok(true),
        }
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.shared.close().await;
        self.close_pool().await;
    }

    /// Ends those of the pools, and not those that senders share.
    pub async fn close_pool(&self) {
        if let Some(reader) = &self.reader {
            reader.close().await;
        }
        self.pool.close().await;
    }
}

async fn reach(pool: &PgPool) -> sqlx::Result<()> {
    connect_once(pool).await?.close().await
}

async fn connect_once(pool: &PgPool) -> sqlx::Result<PgConnection> {
    let options = pool.connect_options();
    let connection = tokio::time::timeout(Duration::from_secs(10), PgConnection::connect_with(&options)).await;
    connection.map_err(|_| sqlx::Error::PoolTimedOut)?
}

async fn keeps_sessions(pool: &PgPool) -> sqlx::Result<bool> {
    // Both at once, for each is a new process of the server. The other stays in the
    // pool, for what comes. A database that is away ends the first, and with it both.
    let (mut one, mut other) = tokio::try_join!(connect_once(pool), pool.acquire())?;
    // Without prepared statements, which such a pooler may not know.
    let session = async |connection: &mut PgConnection| -> sqlx::Result<i32> {
        connection.fetch_one(sqlx::raw_sql("select pg_backend_pid()")).await?.try_get(0)
    };
    let before = session(&mut one).await?;
    other.execute(sqlx::raw_sql("begin")).await?;
    // It may have to wait for ever for a connection that the other has.
    let after = tokio::time::timeout(Duration::from_secs(10), session(&mut one)).await;
    other.execute(sqlx::raw_sql("rollback")).await?;
    let Ok(after) = after else { return Ok(false) };
    let after = after?;
    // Nothing waits for its end.
    tokio::spawn(one.close());
    Ok(after == before)
}
