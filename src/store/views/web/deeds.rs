//! What people did, the latest first.

use serde_json::Value as Json;
use sqlx::FromRow;

use crate::clock::Instant;
use crate::store::Store;

/// A deed.
#[derive(Clone, Debug, FromRow)]
pub struct DeedRow {
    /// Grows with each deed.
    pub n: i64,
    pub at: Instant,
    pub by: String,
    pub deed: String,
    pub about: Json,
    /// Why, in the person's own words.
    pub reason: Option<String>,
}

impl Store {
    /// Deeds of one person, or of all, that came before number `before`.
    pub async fn deeds_page(&self, by: Option<&str>, before: Option<i64>, limit: i64) -> sqlx::Result<Vec<DeedRow>> {
        sqlx::query_as(
            "select n, at, by, deed, about, reason from (
                 select * from keepwell.audit
                 where ($1::text is null or by = $1) and ($2::bigint is null or n < $2) order by n desc limit $3) deeds
             left join keepwell.audit_reasons using (n) order by n desc",
        )
        .bind(by)
        .bind(before)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }
}
