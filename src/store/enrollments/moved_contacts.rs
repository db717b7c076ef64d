//! Contacts who were somewhere else before, as when a CRM merges two accounts:
//! what a playbook knows of them there counts.
//!
//! Ids alone say nothing: the contact `1` of one account and the contact `1` of
//! another one may be strangers. A mail to the address that the contact has now
//! is what ties them together.

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, FromRow};

use super::history::LEFT_BEHIND;
use crate::clock::Instant;
use crate::enrollment::History;
use crate::facts::SubjectId;
use crate::store::{Relation, Store};

/// An address that more contacts than these have had is nobody's own.
const SHARED: i64 = 50;

#[derive(FromRow)]
struct EarlierRow {
    account_id: String,
    contact_id: String,
    earlier_account: String,
    earlier_contact: String,
    active: bool,
    last_started: Option<Instant>,
    keys: Vec<String>,
}

impl Store {
    /// Adds what the playbook knows of contacts under the account or the id that
    /// they had before. Somebody is the same person when mail was about to leave
    /// there to the address of now, and the contact's id is the same, or is
    /// another one and there is no such contact there any more. Two statements
    /// whatever the number of subjects, and a third where ids have changed.
    pub async fn load_moved_contacts(
        &self,
        playbook: &str,
        slot: Option<Instant>,
        subjects: &[SubjectId],
        known: &mut HashMap<SubjectId, History>,
    ) -> sqlx::Result<()> {
        let present = self.contacts_there(subjects.iter()).await?;
        let (mut accounts, mut contacts, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            if let Some(Some(email)) = present.get(subject) {
                accounts.push(subject.account.as_str());
                contacts.push(subject.contact.as_str());
                hashes.push(self.address_hash(email).await?);
            }
        }
        let sql = format!(
            "select s.account_id, s.contact_id, w.account_id as earlier_account, w.contact_id as earlier_contact,
                    h.active, h.last_started, h.keys
             from unnest($2::text[], $4::text[], $5::text[]) as s (account_id, contact_id, address_hash)
             cross join lateral (
                 select k.account_id, k.contact_id from keepwell.contact_addresses k
                 where k.address_hash = s.address_hash limit {SHARED}) w
             cross join lateral ({LEFT_BEHIND}) h
             where (w.account_id, w.contact_id) <> (s.account_id, s.contact_id)"
        );
        let rows: Vec<EarlierRow> = sqlx::query_as(AssertSqlSafe(sql))
            .persistent(false)
            .bind(playbook)
            .bind(accounts)
            .bind(slot)
            .bind(contacts)
            .bind(hashes)
            .fetch_all(self.pool())
            .await?;
        let earlier =
            |row: &EarlierRow| SubjectId { account: row.earlier_account.clone(), contact: row.earlier_contact.clone() };
        let renamed: HashSet<SubjectId> =
            rows.iter().filter(|row| row.earlier_contact != row.contact_id).map(earlier).collect();
        let there = self.contacts_there(renamed.iter()).await?;
        for row in rows {
            if row.earlier_contact != row.contact_id && there.contains_key(&earlier(&row)) {
                continue;
            }
            let history = known.entry(SubjectId { account: row.account_id, contact: row.contact_id }).or_default();
            history.active |= row.active;
            history.last_started = history.last_started.max(row.last_started);
            history.keys.extend(row.keys);
        }
        Ok(())
    }

    /// Those of several contacts that the customer store has and who have not
    /// left, with their addresses.
    async fn contacts_there(
        &self,
        subjects: impl Iterator<Item = &SubjectId>,
    ) -> sqlx::Result<HashMap<SubjectId, Option<String>>> {
        let asked: HashSet<&SubjectId> = subjects.filter(|subject| !subject.contact.is_empty()).collect();
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let (accounts, contacts): (Vec<&str>, Vec<&str>) =
            asked.iter().map(|subject| (subject.account.as_str(), subject.contact.as_str())).unzip();
        let key = self.key();
        let sql = format!(
            "select {}, k.id, k.email from {} k where {} and k.id = any($2) and k.left_at is null",
            key.to_text("k.account_id"),
            self.relation(Relation::Contacts),
            key.among("k.account_id", "$1")
        );
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(accounts)
            .bind(contacts)
            .fetch_all(&mut *self.read().await?)
            .await?;
        let known = rows.into_iter().map(|(account, contact, email)| (SubjectId { account, contact }, email));
        Ok(known.filter(|(subject, _)| asked.contains(subject)).collect())
    }
}
