//! The scores that documents make: written once, each at its slot.

use serde_json::Value as Json;
use sqlx::FromRow;

use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::store::Store;

/// A score to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewScore {
    pub subject: SubjectId,
    pub value: f64,
    pub band: Option<String>,
    /// Id to value of each factor that counted.
    pub factors: Json,
}

/// A score that a document has made.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ScoreRow {
    pub name: String,
    pub account: String,
    /// Empty for the account's own.
    pub contact: String,
    pub value: f64,
    pub band: Option<String>,
    pub at: Instant,
    pub factors: Json,
    /// What it was the time before; `None` for the first that is kept.
    pub before: Option<f64>,
    /// The factors of the time before.
    pub factors_before: Option<Json>,
}

impl Store {
    /// Writes the scores of a document at a slot. One that is there stays as it is;
    /// returns how many are new.
    pub async fn write_scores(&self, name: &str, at: Instant, scores: &[NewScore]) -> sqlx::Result<u64> {
        let written = sqlx::query(
            "insert into keepwell.scores (account_id, contact_id, name, at, value, band, factors)
             select s.account_id, s.contact_id, $1, $2, s.value, s.band, s.factors
             from unnest($3::text[], $4::text[], $5::float8[], $6::text[], $7::jsonb[])
                 as s (account_id, contact_id, value, band, factors)
             on conflict (account_id, name, contact_id, at) do nothing",
        )
        .bind(name)
        .bind(at)
        .bind(scores.iter().map(|score| score.subject.account.as_str()).collect::<Vec<_>>())
        .bind(scores.iter().map(|score| score.subject.contact.as_str()).collect::<Vec<_>>())
        .bind(scores.iter().map(|score| score.value).collect::<Vec<_>>())
        .bind(scores.iter().map(|score| score.band.as_deref()).collect::<Vec<_>>())
        .bind(scores.iter().map(|score| &score.factors).collect::<Vec<_>>())
        .execute(self.pool())
        .await?;
        Ok(written.rows_affected())
    }

    /// The latest scores that documents have made until an instant, itself
    /// included: of one document or account where that is named. Each with the one
    /// before it. In order of name, account and contact.
    pub async fn latest_scores(
        &self,
        name: Option<&str>,
        account: Option<&str>,
        until: Instant,
    ) -> sqlx::Result<Vec<ScoreRow>> {
        sqlx::query_as(
            "select * from (
                 select distinct on (s.name, s.account_id, s.contact_id)
                     s.name, s.account_id as account, s.contact_id as contact, s.value, s.band, s.at, s.factors,
                     lead(s.value) over whose as before, lead(s.factors) over whose as factors_before
                 from keepwell.scores s
                 where ($1::text is null or s.name = $1) and ($2::text is null or s.account_id = $2) and s.at <= $3
                 window whose as (partition by s.name, s.account_id, s.contact_id order by s.at desc)
                 order by s.name, s.account_id, s.contact_id, s.at desc) latest
             order by name collate \"C\", account collate \"C\", contact collate \"C\"",
        )
        .bind(name)
        .bind(account)
        .bind(until)
        .fetch_all(self.pool())
        .await
    }
}
