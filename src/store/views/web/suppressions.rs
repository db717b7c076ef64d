//! Addresses that want no mail, the latest word first. Only hashes of them are
//! kept; contacts who have had one are known by it.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};

use crate::store::{Relation, Store};

/// Which of them a list has.
#[derive(Clone, Debug, Default)]
pub struct SuppressionFilter {
    /// Only this address.
    pub hash: Option<String>,
    /// Only those with a word from this source.
    pub source: Option<String>,
    /// Only those after the one with this instant, as it is written there, and hash.
    pub after: Option<(String, String)>,
}

/// An address, and what it does not want.
#[derive(Clone, Debug, FromRow)]
pub struct SuppressedRow {
    pub address_hash: String,
    /// Class, or `all`, to `{at, source, by, through}`.
    pub suppressed: Json,
    /// The instant of the latest word, as it is written there.
    pub latest: String,
}

/// A contact who has, or has had, an address.
#[derive(Clone, Debug, FromRow)]
pub struct SuppressedContact {
    pub address_hash: String,
    pub account_id: String,
    pub contact_id: String,
    pub account_name: Option<String>,
    pub contact_name: Option<String>,
}

/// As the index `recipients_suppressed` has it.
const LATEST: &str = "greatest(suppressed -> 'all' ->> 'at', suppressed -> 'lifecycle' ->> 'at',
    suppressed -> 'marketing' ->> 'at', suppressed -> 'transactional' ->> 'at') collate \"C\"";

impl Store {
    /// Addresses that do not want some mail, at most `limit`.
    pub async fn suppressed_page(&self, filter: &SuppressionFilter, limit: i64) -> sqlx::Result<Vec<SuppressedRow>> {
        let mut conditions = vec!["suppressed <> '{}'".to_owned()];
        if filter.hash.is_some() {
            conditions.push("address_hash = $1".to_owned());
        }
        if filter.source.is_some() {
            let said = "exists (select 1 from jsonb_each(suppressed) said where said.value ->> 'source' = $2)";
            conditions.push(said.to_owned());
        }
        if filter.after.is_some() {
            conditions.push(format!("{LATEST} <= $3 and ({LATEST} < $3 or address_hash > $4)"));
        }
        let sql = format!(
            "select address_hash, suppressed, coalesce({LATEST}, '') as latest from keepwell.recipients
             where {} and num_nulls($1::text, $2::text, $3::text, $4::text) >= 0
             order by {LATEST} desc, address_hash limit $5",
            conditions.join(" and ")
        );
        let (at, hash) = filter.after.as_ref().map_or((None, None), |(at, hash)| (Some(at), Some(hash)));
        sqlx::query_as(AssertSqlSafe(sql))
            // A plan for what is asked for.
            .persistent(false)
            .bind(&filter.hash)
            .bind(&filter.source)
            .bind(at)
            .bind(hash)
            .bind(limit)
            .fetch_all(self.pool())
            .await
    }

    /// Contacts who have had these addresses, at most `limit` of each.
    pub async fn contacts_at(&self, hashes: &[&str], limit: i64) -> sqlx::Result<Vec<SuppressedContact>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("c.account_id");
        let sql = format!(
            "select c.address_hash, c.account_id, c.contact_id, a.name as account_name, k.name as contact_name
             from unnest($1::text[]) asked (address_hash)
             cross join lateral (
                 select address_hash, account_id, contact_id from keepwell.contact_addresses known
                 where known.address_hash = asked.address_hash order by account_id, contact_id limit $2) c
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = c.contact_id
             order by c.address_hash, c.account_id, c.contact_id"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(hashes).bind(limit).fetch_all(&mut *self.read().await?).await
    }
}
