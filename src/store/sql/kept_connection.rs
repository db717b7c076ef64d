//! A connection of its own, over which the same few statements go again and
//! again. Their plans are kept, each for some seconds: to make one takes as long
//! as to carry it out for several mails.
//!
//! A plan is made for the tables as they are then, which may be empty and grow.
//! Here it has nothing but walks along indexes to choose from, as suits
//! statements that reach every row by its key; and it is made anew before a
//! table can have grown much.
//!
//! Each statement is a transaction: whoever is cut off leaves none behind, and
//! nobody has to ask the server whether there is one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use super::errors::is_about_a_row;
use super::settings::SETTINGS;
use crate::clock::Deadline;

/// Plans are kept, and reach rows along indexes only.
const KEPT_PLANS: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off;
    set enable_bitmapscan = off; set enable_hashjoin = off; set enable_mergejoin = off";

/// For so long.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// A connection that was silent for so long is asked whether it still is one.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// What a network swallows without a word would be noticed after a quarter of an
/// hour; all mail of this process waits for a line.
const PING: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(30);
/// Longer than the server lets a statement take ([`SETTINGS`]).
const WORK: Duration = Duration::from_secs(150);

/// The connection, which is opened when it is needed.
#[derive(Default)]
pub(crate) struct KeptConnection(Option<Open>);

struct Open {
    connection: PgConnection,
    /// When it has been silent for long.
    silent: Deadline,
    /// When its plans are old.
    old: Deadline,
}

impl KeptConnection {
    /// Carries something out. A connection that failed, or whose borrower was
    /// cut off, is not used again.
    pub async fn carry<T>(
        &mut self,
        options: &Arc<PgConnectOptions>,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut open = match self.0.take() {
            Some(open) => open.sound_or_to(options).await?,
            None => Open::to(options).await?,
        };
        if open.old.has_passed() {
            open.connection.execute("discard plans").await?;
            open.old = Deadline::after(KEPT_FOR);
        }
        // Whoever is cut off here has no connection to give back.
        let done = in_time(WORK, work(&mut open.connection)).await;
        if done.as_ref().err().is_none_or(is_about_a_row) {
            self.0 = Some(Open { silent: Deadline::after(SILENCE), ..open });
        }
        done
    }

    /// Ends it.
    pub async fn close(&mut self) {
        if let Some(open) = self.0.take() {
            let _ = open.connection.close().await;
        }
    }
}

impl Open {
    async fn to(options: &PgConnectOptions) -> sqlx::Result<Open> {
        let connection = in_time(CONNECT, async {
            let mut connection = PgConnection::connect_with(options).await?;
            connection.execute(SETTINGS).await?;
            connection.execute(KEPT_PLANS).await?;
            Ok(connection)
        })
        .await?;
        Ok(Open { connection, silent: Deadline::after(SILENCE), old: Deadline::after(KEPT_FOR) })
    }

    async fn sound_or_to(mut self, options: &PgConnectOptions) -> sqlx::Result<Open> {
        let sound = !self.silent.has_passed() || in_time(PING, self.connection.ping()).await.is_ok();
        if sound { Ok(self) } else { Open::to(options).await }
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let silent = format!("the database did not answer within {} s", limit.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent)))
    })
}
