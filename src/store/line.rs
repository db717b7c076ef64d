//! A connection of its own, over which the same few statements go again and
//! again. Their plans are kept: one for the whole life of a connection.
//!
//! A plan is made for the tables as they are then, and they may be empty. So
//! nothing but a walk along an index is open to the planner here, which is as
//! good for a million rows as for none. That suits statements that reach every
//! row by its key, and no others.
//!
//! Each statement is a transaction: whoever is cut off leaves none behind, and
//! nobody has to ask the server whether there is one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use super::{SETTINGS, is_about_a_row};
use crate::clock::Deadline;

/// Plans are kept, and reach rows along indexes only.
const KEPT_PLANS: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off;
    set enable_bitmapscan = off; set enable_hashjoin = off; set enable_mergejoin = off";

/// A connection that was silent for so long is asked whether it still is one.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// The connection, which is opened when it is needed.
#[derive(Default)]
pub(super) struct Line(Option<(PgConnection, Deadline)>);

impl Line {
    /// Carries something out. A connection that failed, or whose borrower was
    /// cut off, is not used again.
    pub async fn carry<T>(
        &mut self,
        options: &Arc<PgConnectOptions>,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut connection = match self.0.take() {
            Some((connection, silent)) if !silent.has_passed() => connection,
            Some((mut connection, _)) => match connection.ping().await {
                Ok(()) => connection,
                Err(_) => open(options).await?,
            },
            None => open(options).await?,
        };
        let done = work(&mut connection).await;
        if done.as_ref().err().is_none_or(is_about_a_row) {
            self.0 = Some((connection, Deadline::after(SILENCE)));
        }
        done
    }

    /// Ends it.
    pub async fn close(&mut self) {
        if let Some((connection, _)) = self.0.take() {
            let _ = connection.close().await;
        }
    }
}

async fn open(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let mut connection = PgConnection::connect_with(options).await?;
    connection.execute(SETTINGS).await?;
    connection.execute(KEPT_PLANS).await?;
    Ok(connection)
}
