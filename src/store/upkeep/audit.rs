//! What people did: who, when, what. Rows are only ever added, in the
//! transaction of the deed; the database itself refuses anything else.
//!
//! A row names ids and classes, never a person's name or address: nothing of it
//! has to be erased. Why somebody did it, in their own words, stands beside it, where
//! an erasure can take names out.

use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::clock::Instant;
use crate::ids::{Actor, Word};
use crate::store::Store;

/// Writes a deed down.
pub(crate) async fn record(
    tx: &mut PgConnection,
    deed: &str,
    by: Actor<'_>,
    about: &Json,
    now: Instant,
) -> sqlx::Result<()> {
    record_word(tx, deed, Word::new(by, now), about).await
}

/// Writes a deed down with the reason that its person gives, if any.
pub(crate) async fn record_word(tx: &mut PgConnection, deed: &str, word: Word<'_>, about: &Json) -> sqlx::Result<()> {
    sqlx::query(
        "with deed as (insert into keepwell.audit (at, by, deed, about) values ($1, $2, $3, $4) returning n)
         insert into keepwell.audit_reasons (n, reason) select n, $5 from deed where $5::text is not null",
    )
    .bind(word.at)
    .bind(word.by.0)
    .bind(deed)
    .bind(about)
    .bind(word.because)
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Deeds, the latest last; of many, the latest `limit`.
    pub async fn list_audit(&self, limit: Option<i64>) -> sqlx::Result<Vec<Json>> {
        let mut rows: Vec<Json> = sqlx::query_scalar(
            "select jsonb_build_object('at', at, 'by', by, 'deed', deed, 'about', about, 'reason', reason)
             from (select * from keepwell.audit order by n desc limit $1) deeds
             left join keepwell.audit_reasons using (n) order by n desc",
        )
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.reverse();
        Ok(rows)
    }
}
