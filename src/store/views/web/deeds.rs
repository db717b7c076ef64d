//! What people did, the latest first.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};

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

/// Which deeds a list has; every given part must fit.
#[derive(Clone, Debug, Default)]
pub struct DeedFilter {
    pub by: Option<String>,
    /// Those that name this account.
    pub account: Option<String>,
    /// Those of this kind, such as `approve`.
    pub deed: Option<String>,
    /// Those from the first instant on and before the second.
    pub day: Option<(Instant, Instant)>,
    /// Those before the one of this number.
    pub before: Option<i64>,
}

impl Store {
    /// Deeds, the latest first.
    pub async fn deeds_page(&self, filter: &DeedFilter, limit: i64) -> sqlx::Result<Vec<DeedRow>> {
        // What is not asked for is not in it, so that the index for the rest is found.
        let parts = [
            filter.by.as_ref().map(|_| "by = $1"),
            filter.account.as_ref().map(|_| "about ->> 'account' = $2"),
            filter.deed.as_ref().map(|_| "deed = $3"),
            filter.day.map(|_| "at >= $4 and at < $5"),
            filter.before.map(|_| "n < $6"),
            // Every value has a type, asked for or not.
            Some("num_nulls($1::text, $2::text, $3::text, $4::timestamptz, $5::timestamptz, $6::bigint) >= 0"),
        ];
        let sql = format!(
            "select n, at, by, deed, about, reason from (
                 select * from keepwell.audit where {} order by n desc limit $7) deeds
             left join keepwell.audit_reasons using (n) order by n desc",
            parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .persistent(false)
            .bind(&filter.by)
            .bind(&filter.account)
            .bind(&filter.deed)
            .bind(filter.day.map(|(begin, _)| begin))
            .bind(filter.day.map(|(_, end)| end))
            .bind(filter.before)
            .bind(limit)
            .fetch_all(self.pool())
            .await
    }

    /// The kinds of deeds that there are, each looked up in the index behind the one before.
    pub async fn deed_kinds(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "with recursive kinds as (
                 (select deed from keepwell.audit order by deed limit 1)
                 union all
                 select (select a.deed from keepwell.audit a where a.deed > k.deed order by a.deed limit 1)
                 from kinds k where k.deed is not null)
             select deed from kinds where deed is not null",
        )
        .fetch_all(self.pool())
        .await
    }
}
