//! How an account's scores and tickets went.

use sqlx::{AssertSqlSafe, FromRow};

use crate::clock::Instant;
use crate::store::customers::facts::{END, FIRST};
use crate::store::{Relation, Store};

/// A value of a score of an account.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ScorePoint {
    pub name: String,
    pub at: Instant,
    pub value: f64,
}

impl Store {
    /// The scores of an account itself since an instant and up to now, by name and the oldest first: those that
    /// documents made, and those that the customer store has. Of many
    /// the latest `limit`.
    pub async fn score_points(
        &self,
        account: &str,
        since: Instant,
        now: Instant,
        limit: i64,
    ) -> sqlx::Result<Vec<ScorePoint>> {
        let sql = format!(
            "select name, at, value from (
                 select * from (
                     select s.name, s.at, s.value::float8 as value from keepwell.scores s
                     where s.account_id = $1 and s.contact_id = '' and s.at >= $2 and s.at <= $4
                     union all
                     select s.name, s.at, s.value::float8 from {} s
                     where s.account_id = {} and s.contact_id is null and s.at >= greatest($2, timestamptz {FIRST})
                       and s.at < timestamptz {END} and s.at <= $4
                 ) both_kinds order by at desc limit $3) latest
             order by name collate \"C\", at",
            self.relation(Relation::Scores),
            self.key().of_text("$1::text")
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(account)
            .bind(since)
            .bind(limit)
            .bind(now)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// How many tickets of an account were opened from each of these instants up to the
    /// next one, and from the last one up to now.
    pub async fn tickets_between(&self, account: &str, bounds: &[Instant], now: Instant) -> sqlx::Result<Vec<i64>> {
        let Some(first) = bounds.first() else { return Ok(Vec::new()) };
        let sql = format!(
            "select coalesce(k.count, 0) from generate_series(1, cardinality($2::timestamptz[])) as w (place)
             left join (
                 select width_bucket(k.opened_at, $2::timestamptz[]) as place, count(*) as count
                 from {} k
                 where k.account_id = {} and k.opened_at >= $3 and k.opened_at < timestamptz {END}
                   and k.opened_at <= $4
                 group by 1) k using (place)
             order by w.place",
            self.relation(Relation::Tickets),
            self.key().of_text("$1::text")
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(account)
            .bind(bounds)
            .bind(first)
            .bind(now)
            .fetch_all(&mut *self.read().await?)
            .await
    }
}
