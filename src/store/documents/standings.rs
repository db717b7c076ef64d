//! The stages and tiers that documents find: each move written once, at its slot.

use std::collections::HashMap;

use sqlx::FromRow;

use crate::clock::Instant;
use crate::facts::Standing;
use crate::store::Store;

/// A move to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMove {
    pub account: String,
    /// Where it stands from then on, and where it stood before; `None`: nowhere.
    pub value: Option<String>,
    pub was: Option<String>,
    /// The word of the clause that moved it.
    pub clause: &'static str,
    /// The values that the clause read, in words.
    pub reason: String,
}

/// A move of an account that a document has found.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct MoveRow {
    pub account: String,
    pub at: Instant,
    /// `None`: it stands nowhere from then on.
    pub value: Option<String>,
    pub was: Option<String>,
    pub document: String,
    pub clause: String,
    pub reason: String,
}

impl Store {
    /// Where documents found accounts to stand before an instant; accounts that they
    /// found nowhere are left out.
    pub async fn standings_before(
        &self,
        standing: Standing,
        accounts: &[&str],
        before: Instant,
    ) -> sqlx::Result<HashMap<String, String>> {
        let found: Vec<(String, Option<String>)> = sqlx::query_as(
            "select w.account_id, f.value from unnest($1::text[]) as w (account_id)
             cross join lateral (
                 select f.value from keepwell.standings f
                 where f.account_id = w.account_id and f.standing = $2 and f.at < $3
                 order by f.at desc limit 1) f",
        )
        .bind(accounts)
        .bind(standing.name())
        .bind(before)
        .fetch_all(self.pool())
        .await?;
        Ok(found.into_iter().filter_map(|(account, value)| Some((account, value?))).collect())
    }

    /// Writes the moves that a document has found at a slot. One that is there stays
    /// as it is, and before a later one of its account none is written; returns how many are new.
    pub async fn write_moves(
        &self,
        standing: Standing,
        document: &str,
        at: Instant,
        moves: &[NewMove],
    ) -> sqlx::Result<u64> {
        let written = sqlx::query(
            "insert into keepwell.standings (account_id, standing, at, value, was, document, clause, reason)
             select m.account_id, $1, $2, m.value, m.was, $3, m.clause, m.reason
             from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                 as m (account_id, value, was, clause, reason)
             where not exists (
                 select 1 from keepwell.standings l
                 where l.account_id = m.account_id and l.standing = $1 and l.at > $2)
             on conflict (account_id, standing, at) do nothing",
        )
        .bind(standing.name())
        .bind(at)
        .bind(document)
        .bind(moves.iter().map(|one| one.account.as_str()).collect::<Vec<_>>())
        .bind(moves.iter().map(|one| one.value.as_deref()).collect::<Vec<_>>())
        .bind(moves.iter().map(|one| one.was.as_deref()).collect::<Vec<_>>())
        .bind(moves.iter().map(|one| one.clause).collect::<Vec<_>>())
        .bind(moves.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>())
        .execute(self.pool())
        .await?;
        Ok(written.rows_affected())
    }

    /// The moves of an account until an instant, itself included, the latest first;
    /// at most `limit`.
    pub async fn moves_of(
        &self,
        standing: Standing,
        account: &str,
        until: Instant,
        limit: i64,
    ) -> sqlx::Result<Vec<MoveRow>> {
        sqlx::query_as(
            "select f.account_id as account, f.at, f.value, f.was, f.document, f.clause, f.reason
             from keepwell.standings f
             where f.account_id = $1 and f.standing = $2 and f.at <= $3 order by f.at desc limit $4",
        )
        .bind(account)
        .bind(standing.name())
        .bind(until)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }
}
