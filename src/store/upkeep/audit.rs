//! What people did: who, when, what. Rows are only ever added, in the
//! transaction of the deed; the database itself refuses anything else.
//!
//! A row names ids and classes, never a person's name or address: nothing of it
//! has to be erased.

use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;

/// Writes a deed down.
pub(crate) async fn record(
    tx: &mut PgConnection,
    deed: &str,
    by: Actor<'_>,
    about: &Json,
    now: Instant,
) -> sqlx::Result<()> {
    sqlx::query("insert into keepwell.audit (at, by, deed, about) values ($1, $2, $3, $4)")
        .bind(now)
        .bind(by.0)
        .bind(deed)
        .bind(about)
        .execute(tx)
        .await?;
    Ok(())
}

impl Store {
    /// Deeds, the latest last; of many, the latest `limit`.
    pub async fn list_audit(&self, limit: Option<i64>) -> sqlx::Result<Vec<Json>> {
        let mut rows: Vec<Json> = sqlx::query_scalar(
            "select jsonb_build_object('at', at, 'by', by, 'deed', deed, 'about', about)
             from keepwell.audit order by n desc limit $1",
        )
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.reverse();
        Ok(rows)
    }
}
