//! A customer's data away: no name and no address of theirs is left in our
//! schema but the keyed hash in the list of suppressions, which keeps a later
//! import from writing to them again.
//!
//! Their own rows are deleted. Mail of an account's enrollment to a contact who
//! is erased stays as a row without its words, since the enrollment goes on.
//! Texts that are about others as well lose the words that name them.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::data_subject::{DEEDS_ABOUT, Person, Table};
use crate::clock::Instant;
use crate::message::class::Class;
use crate::message::state::State;
use crate::store::Store;
use crate::store::messages::suppressions::{Suppression, suppress_hash};
use crate::store::messages::transitions::{WAITING, end_waiting, free};
use crate::store::sql::errors::retry_contention;
use crate::store::upkeep::audit::record;
use crate::store::upkeep::stopped::StopTarget;

/// What an erasure did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Rows deleted, by table.
    pub deleted: BTreeMap<String, u64>,
    /// Rows that lost words, by table.
    pub scrubbed: BTreeMap<String, u64>,
    /// Addresses that are suppressed from now on.
    pub suppressed: usize,
    /// Whether the customer store still has them.
    pub still_there: bool,
}

/// The answer to the wish to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    Done(Erased),
    /// A mail to them is just being sent.
    Busy,
}

impl Store {
    /// Erases a customer or contact in one transaction; doing it twice is fine.
    /// `also` are further words that name them. A `dry_run` changes nothing.
    pub async fn erase(
        &self,
        person: &Person,
        also: &[String],
        dry_run: bool,
        by: crate::ids::Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<Erasure> {
        retry_contention(|| self.erase_once(person, also, dry_run, by, now)).await
    }

    async fn erase_once(
        &self,
        person: &Person,
        also: &[String],
        dry_run: bool,
        by: crate::ids::Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<Erasure> {
        let mut traces = self.traces(person).await?;
        let still_there = !traces.names.is_empty();
        traces.names.extend(also.iter().cloned());
        let mut hashes = Vec::new();
        for address in &traces.addresses {
            hashes.push(self.address_hash(address).await?);
        }
        hashes.extend(self.address_hashes_of(&person.account, person.contact.as_deref()).await?);
        hashes.sort();
        hashes.dedup();
        let tables = self.account_tables().await?;
        let mut erased = Erased { suppressed: hashes.len(), still_there, ..Erased::default() };
        let mut tx = self.pool().begin().await?;
        // In the order of whoever moves them: a decision that is being written
        // comes before, and is seen; a later one finds its enrollment gone.
        sqlx::query("select 1 from keepwell.enrollments where account_id = $1 order by id for update")
            .bind(&person.account)
            .execute(&mut *tx)
            .await?;
        // What waits is cancelled first: whoever is about to claim it waits for
        // this transaction, and what was claimed before is seen.
        let theirs = "account_id = $1 and ($2::text is null or contact_id = $2 or enrollment_id in
            (select id from keepwell.enrollments where account_id = $1 and contact_id = $2))";
        let cancel = end_waiting(State::Cancelled, "$3", "'erased'");
        let sql = format!("update keepwell.messages m set {cancel} where {theirs} and state in {}", *WAITING);
        sqlx::query(AssertSqlSafe(sql)).bind(&person.account).bind(&person.contact).bind(now).execute(&mut *tx).await?;
        let busy: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "select exists (select 1 from keepwell.messages where {theirs} and state = '{}')",
            State::Sending
        )))
        .bind(&person.account)
        .bind(&person.contact)
        .fetch_one(&mut *tx)
        .await?;
        if busy {
            tx.rollback().await?;
            return Ok(Erasure::Busy);
        }
        forget_reasons(&mut tx, person, &mut erased).await?;
        for table in &tables {
            if table.name == "messages" && person.contact.is_some() {
                let count = without_words(&mut tx, person, now).await?;
                note(&mut erased.scrubbed, &table.name, count);
            }
            let sql = format!("delete from keepwell.\"{}\" where {}", table.name, table.of(person));
            let query = sqlx::query(AssertSqlSafe(sql)).bind(&person.account).bind(&person.contact);
            note(&mut erased.deleted, &table.name, query.execute(&mut *tx).await?.rows_affected());
        }
        // Of whomever they are: bytes cannot be scrubbed.
        let copies = sqlx::query("delete from keepwell.copies where account_id = $1").bind(&person.account);
        note(&mut erased.deleted, "copies", copies.execute(&mut *tx).await?.rows_affected());
        let guards = sqlx::query("delete from keepwell.address_guard where address_hash = any($1)").bind(&hashes);
        note(&mut erased.deleted, "address_guard", guards.execute(&mut *tx).await?.rows_affected());
        for table in ["runs", "evaluations"] {
            let looks = format!(
                "update keepwell.{table} r
                 set details = (select coalesce(jsonb_agg(d.detail), '[]') from jsonb_array_elements(r.details) as d (detail)
                                where (d.detail ->> 'account' = $1
                                       and ($2::text is null or d.detail ->> 'contact' = $2)) is not true)
                 where exists (select 1 from jsonb_array_elements(r.details) as d (detail)
                               where d.detail ->> 'account' = $1 and ($2::text is null or d.detail ->> 'contact' = $2))"
            );
            // Safe: our own table; values are bound.
            let looks = sqlx::query(AssertSqlSafe(looks)).bind(&person.account).bind(&person.contact);
            note(&mut erased.scrubbed, table, looks.execute(&mut *tx).await?.rows_affected());
        }
        if let Some(pattern) = traces.pattern() {
            if let Some(messages) = tables.iter().find(|table| table.name == "messages") {
                give_back(&mut tx, messages, person, &pattern, now).await?;
            }
            for table in &tables {
                note(&mut erased.scrubbed, &table.name, scrub(&mut tx, table, person, &pattern).await?);
            }
            for table in ["control", "audit_reasons"] {
                let reasons = format!(
                    "update keepwell.{table} set reason = regexp_replace(reason, $1, '[erased]', 'gi') where reason ~* $1"
                );
                // Safe: our own tables; the pattern is bound.
                let reasons = sqlx::query(AssertSqlSafe(reasons)).bind(&pattern).execute(&mut *tx).await?;
                note(&mut erased.scrubbed, table, reasons.rows_affected());
            }
        }
        for hash in &hashes {
            suppress_hash(&mut tx, hash, Suppression { class: "all", source: "erased" }, now).await?;
        }
        let about = json!({ "account": person.account, "contact": person.contact });
        record(&mut tx, "erase", by, &about, now).await?;
        if dry_run {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(Erasure::Done(erased))
    }
}

fn note(counts: &mut BTreeMap<String, u64>, table: &str, count: u64) {
    if count > 0 {
        *counts.entry(table.to_owned()).or_default() += count;
    }
}

/// Why people did what they did about a person, in words that may name them by another
/// name; and why their account is stopped, while it stays stopped.
async fn forget_reasons(tx: &mut PgConnection, person: &Person, erased: &mut Erased) -> sqlx::Result<()> {
    let deeds =
        format!("delete from keepwell.audit_reasons r using keepwell.audit a where a.n = r.n and {}", DEEDS_ABOUT);
    let deeds = sqlx::query(AssertSqlSafe(deeds)).bind(&person.account).bind(&person.contact);
    note(&mut erased.deleted, "audit_reasons", deeds.execute(&mut *tx).await?.rows_affected());
    if person.contact.is_none() {
        let whole = StopTarget::Account(person.account.clone());
        let of = |class| StopTarget::AccountMail { account: person.account.clone(), class };
        let scopes: Vec<String> = Class::ALL.into_iter().map(of).chain([whole]).map(|target| target.scope()).collect();
        let stops =
            sqlx::query("update keepwell.control set reason = null where scope = any($1) and reason is not null")
                .bind(&scopes);
        note(&mut erased.scrubbed, "control", stops.execute(&mut *tx).await?.rows_affected());
    }
    Ok(())
}

/// Mail to a contact in enrollments that are not theirs: the row stays, and the
/// account's enrollments that wait for mail look again.
async fn without_words(tx: &mut PgConnection, person: &Person, now: Instant) -> sqlx::Result<u64> {
    let changed = sqlx::query(
        "update keepwell.messages
         set contact_id = '', to_address = null, subject = null, question = null, words = null, body_text = null,
             body_html = null
         where account_id = $1 and contact_id = $2 and enrollment_id not in
             (select id from keepwell.enrollments where account_id = $1 and contact_id = $2)",
    )
    .bind(&person.account)
    .bind(&person.contact)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "update keepwell.enrollments set look_at = least(look_at, $2), version = version + 1
         where account_id = $1 and state = 'active' and phase = 'sending'",
    )
    .bind(&person.account)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(changed.rows_affected())
}

/// Takes messages about others that name a person out of their senders' hands,
/// who would write the words down again; they go without them. What is past its
/// marker has left.
async fn give_back(
    tx: &mut PgConnection,
    messages: &Table,
    person: &Person,
    pattern: &str,
    now: Instant,
) -> sqlx::Result<()> {
    let sql = format!(
        "update keepwell.messages m set {} where account_id in ('', $1) and state = '{}' and marked_at is null and {}",
        free("$3", "'names were erased from it before it left'"),
        State::Sending,
        messages.names("$2")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(&person.account).bind(pattern).bind(now).execute(tx).await?;
    Ok(())
}

/// Takes the words that name a person out of what is left of their account, and
/// out of words to colleagues that belong to no account.
async fn scrub(tx: &mut PgConnection, table: &Table, person: &Person, pattern: &str) -> sqlx::Result<u64> {
    let set = |(column, is_json): (&str, bool)| match is_json {
        true => format!("\"{column}\" = keepwell.scrubbed(\"{column}\", $2)"),
        false => format!("\"{column}\" = regexp_replace(\"{column}\", $2, '[erased]', 'gi')"),
    };
    let sets: Vec<String> = table.texts().map(set).collect();
    if sets.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "update keepwell.\"{}\" set {} where account_id in ('', $1) and {}",
        table.name,
        sets.join(", "),
        table.names("$2")
    );
    let done = sqlx::query(AssertSqlSafe(sql)).bind(&person.account).bind(pattern).execute(tx).await?;
    Ok(done.rows_affected())
}
