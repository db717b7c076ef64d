//! Which database this is, and what it may have forgotten.
//!
//! Invariant: no marker is written in a database other than the one that was
//! confirmed: the view `keepwell.stops` says `all` there, and the marker reads
//! it. What tells a database from its copies is the SQL function
//! `keepwell.identity_mismatch`. A database whose identity did not change, but
//! that knows of fewer markers than a daemon remembers, was set back;
//! [`LastMarker`] is what a daemon remembers.

use std::sync::PoisonError;

use uuid::Uuid;

use super::audit::record;
use super::last_marker::LastMarker;
use super::stopped::{ITSELF, StopTarget};
use super::stops::lift;
use crate::clock::Instant;
use crate::ids::Actor;
use crate::message::outcome::Fact;
use crate::store::Store;

/// `reason` of the stop of a database that was set back.
pub const SET_BACK: &str =
    "this database was set back: it does not know of mail that was sent; see `keepwell confirm-epoch`";

/// What the database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub installation: Uuid,
    /// The last marker it knows of.
    pub mark: LastMarker,
    /// Why it is not the database that was confirmed; `None` when it is.
    pub mismatch: Option<String>,
}

impl Store {
    /// What the database says of itself now.
    pub async fn epoch(&self) -> sqlx::Result<Epoch> {
        let (installation, epoch, number, mismatch) = sqlx::query_as(
            "select id, (extract(epoch from epoch) * 1000000)::bigint,
                 (select case when is_called then last_value else 0 end from keepwell.marks),
                 keepwell.identity_mismatch(identity, xmin)
             from keepwell.installation",
        )
        .fetch_one(self.pool())
        .await?;
        Ok(Epoch { installation, mark: LastMarker { epoch, number }, mismatch })
    }

    /// A person's word that this database may send: lifts the stop of everything that Keepwell
    /// itself has made. One that a person made stays.
    pub async fn confirm_epoch(&self, by: Actor<'_>, now: Instant) -> sqlx::Result<()> {
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "update keepwell.installation
             set cluster = keepwell.cluster(), identity = keepwell.new_identity(), epoch = greatest($1, epoch)",
        )
        .bind(now)
        .execute(&mut *tx)
        .await?;
        record(&mut tx, "confirm-epoch", by, &serde_json::json!({}), now).await?;
        let scope = StopTarget::All.scope();
        let own: bool = sqlx::query_scalar("select exists (select from keepwell.control where scope = $1 and by = $2)")
            .bind(scope)
            .bind(ITSELF)
            .fetch_one(&mut *tx)
            .await?;
        if own {
            lift(&mut tx, &StopTarget::All, by, now).await?;
        }
        tx.commit().await
    }

    /// When the last mail that this database knows of was accepted.
    pub async fn last_sent(&self) -> sqlx::Result<Option<Instant>> {
        sqlx::query_scalar("select max(sent_at) from keepwell.messages where outcome = $1")
            .bind(Fact::Accepted.name())
            .fetch_one(self.pool())
            .await
    }

    /// The last marker this process has committed.
    pub fn last_mark(&self) -> LastMarker {
        *self.last_marker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers how far others have come, so that whoever marks next here
    /// notices a database that was set back. First the server is made to keep
    /// it: a crash may take numbers back that nothing committed has used.
    pub async fn remember_others(&self, mark: LastMarker) {
        let kept = sqlx::query("select pg_logical_emit_message(true, 'keepwell', '')").execute(self.pool()).await;
        // A provider may not allow it; then each daemon remembers its own.
        if kept.is_ok() {
            self.remember(mark);
        }
    }

    /// To be called after the commit: a marker that the database may lose is
    /// not remembered.
    pub(crate) fn remember(&self, mark: LastMarker) {
        let mut last = self.last_marker.lock().unwrap_or_else(PoisonError::into_inner);
        *last = mark.max(*last);
    }
}
