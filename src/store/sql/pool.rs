//! The pool: how its connections are set up, lent and taken back.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor};

use super::kept_connection::SILENCE;
use super::settings::SETTINGS;

/// A pool of at most `connections` connections, none of which is opened yet.
pub(crate) fn lazy_pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
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
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
        // A transaction begun by a call that was cut off must never be
        // handed to the next borrower. The `begin` keeps the server from
        // warning, at every call, that there is none.
        .after_release(|connection, _| {
            Box::pin(async move { connection.execute("begin; rollback").await.map(|_| true).or(Ok(false)) })
        })
        .connect_lazy_with(options)
}
