//! The pool: how its connections are set up, lent and taken back.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor};

use super::kept_connection::SILENCE;
use super::settings::{READ_ONLY, SETTINGS};

/// For how long a connection is waited for, and a database that is away: by
/// what is to be done, and by somebody who looks at a page.
pub(crate) const WORK_PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PAGE_PATIENCE: Duration = Duration::from_millis(1_500);

/// What the connections of a pool may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolAccess {
    Full,
    /// The server refuses to write in any transaction of theirs.
    ReadOnly,
}

/// A pool of at most `connections` connections, none of which is opened yet.
/// Whoever asks for one waits so long at most.
pub(crate) fn lazy_pool(options: PgConnectOptions, connections: u32, patience: Duration, access: PoolAccess) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        // A connection was sound when it was given back, and is asked
        // again only when that was a while ago.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                match about.idle_for < SILENCE {
                    true => Ok(true),
                    false => Ok(connection.ping().await.is_ok()),
                }
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                if access == PoolAccess::ReadOnly {
                    connection.execute(READ_ONLY).await?;
                }
                Ok(())
            })
        })
        // A transaction begun by a call that was cut off must never be
        // handed to the next borrower. The `begin` keeps the server from
        // warning, at every call, that there is none.
        .after_release(|connection, _| {
            Box::pin(async move { connection.execute("begin; rollback").await.map(|_| true).or(Ok(false)) })
        })
        .connect_lazy_with(options)
}
