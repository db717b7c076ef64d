//! Runs and enrollments for the pages of playbooks.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};

use crate::clock::Instant;
use crate::store::runs::playbooks::RevisionText;
use crate::store::{Relation, Store};

/// One run with its counts.
#[derive(Clone, Debug, FromRow)]
pub struct RunRow {
    pub playbook: String,
    pub slot: Instant,
    pub revision: String,
    pub kind: String,
    pub state: String,
    pub reason: Option<String>,
    /// How many wait, when it is held.
    pub ceiling: Option<i64>,
    pub candidates: i64,
    pub enrolled: i64,
    /// Of these, those that are held out.
    pub ghosts: i64,
    /// Reason to count.
    pub skipped: Json,
    /// A list of `{account, reason, message}`.
    pub details: Json,
    pub approved_by: Option<String>,
    /// Whether whoever approved it let all in at once.
    pub at_once: bool,
    /// How many batches of its ramp are out.
    pub ramp_batch: i32,
}

/// One enrollment with its account's name.
#[derive(Clone, Debug, FromRow)]
pub struct EnrollmentRow {
    pub account_id: String,
    pub account_name: Option<String>,
    pub contact_name: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub step: Option<String>,
    pub due_at: Option<Instant>,
    pub started_at: Instant,
    pub shadow: bool,
}

/// Somebody who waits in a held run.
#[derive(Clone, Debug, FromRow)]
pub struct HeldRow {
    pub account_id: String,
    pub account_name: Option<String>,
    /// Empty for account playbooks.
    pub contact_id: String,
    pub contact_name: Option<String>,
    /// Canonical text of a fact to its value.
    pub evidence: Json,
}

impl HeldRow {
    /// `account.tier = A, account.mrr = 9000`: why they would enter.
    pub fn read(&self) -> String {
        let told = |(fact, value): (&String, &Json)| match value.as_str() {
            Some(text) => format!("{fact} = {text}"),
            None => format!("{fact} = {value}"),
        };
        self.evidence.as_object().into_iter().flatten().map(told).collect::<Vec<_>>().join(", ")
    }
}

/// The columns of a [`RunRow`].
pub(super) const RUN: &str = "playbook, slot, revision, kind, state, reason, ceiling, candidates, enrolled, ghosts, skipped, details, approved_by, at_once, ramp_batch";

impl Store {
    /// The texts of these revisions, given as playbook and revision.
    pub async fn revision_texts(&self, wanted: &[(&str, &str)]) -> sqlx::Result<Vec<RevisionText>> {
        let (playbooks, revisions): (Vec<&str>, Vec<&str>) = wanted.iter().copied().unzip();
        sqlx::query_as(
            "select r.playbook, r.revision, r.file, r.text, r.scripts, r.surveys from keepwell.revisions r
             where (r.playbook, r.revision) in (select * from unnest($1::text[], $2::text[]))",
        )
        .bind(playbooks)
        .bind(revisions)
        .fetch_all(self.pool())
        .await
    }

    /// How many are on their way or wait for a person, by playbook and state: of each at most `limit`,
    /// which the index alone answers.
    pub async fn present_counts(&self, limit: i64) -> sqlx::Result<Vec<(String, String, i64)>> {
        sqlx::query_as(
            "select p.id, s.state, few.count from keepwell.playbooks p
             cross join (values ('active'), ('held')) s (state)
             cross join lateral (
                 select count(*) as count from (
                     select from keepwell.enrollments e where e.playbook = p.id and e.state = s.state limit $1) e) few",
        )
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// Of every playbook the last run, and all that are held.
    pub async fn latest_runs(&self) -> sqlx::Result<Vec<RunRow>> {
        let sql = format!(
            "select {RUN} from keepwell.runs where state = 'held'
             union
             select last.* from keepwell.playbooks p,
                 lateral (select {RUN} from keepwell.runs r where r.playbook = p.id order by slot desc limit 1) last
             order by playbook, slot desc"
        );
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await
    }

    /// Some of those who wait in a held run: the account, its name if it is
    /// there, the contact, and what the condition read.
    pub async fn held_sample(&self, playbook: &str, slot: Instant, limit: i64) -> sqlx::Result<Vec<HeldRow>> {
        self.held_after(playbook, slot, None, limit).await
    }

    /// The same of those who come after a subject, in the order of account and contact.
    pub async fn held_after(
        &self,
        playbook: &str,
        slot: Instant,
        after: Option<(&str, &str)>,
        limit: i64,
    ) -> sqlx::Result<Vec<HeldRow>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("e.account_id");
        let sql = format!(
            "select e.account_id, a.name as account_name, e.contact_id, k.name as contact_name, e.evidence
             from (
                 select account_id, contact_id, evidence from keepwell.enrollments
                 where playbook = $1 and run_slot = $2 and state = 'held'
                   and ($4::text is null or (account_id, contact_id) > ($4, $5))
                 order by account_id, contact_id limit $3) e
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = e.contact_id
             order by e.account_id, e.contact_id"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(playbook)
            .bind(slot)
            .bind(limit)
            .bind(after.map(|(account, _)| account))
            .bind(after.map(|(_, contact)| contact))
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// The last runs of a playbook, newest first.
    pub async fn runs_of(&self, playbook: &str, limit: i64) -> sqlx::Result<Vec<RunRow>> {
        let sql = format!("select {RUN} from keepwell.runs where playbook = $1 order by slot desc limit $2");
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(limit).fetch_all(&mut *self.read().await?).await
    }

    /// The latest enrollments of a playbook, newest first.
    pub async fn enrollments_of(&self, playbook: &str, limit: i64) -> sqlx::Result<Vec<EnrollmentRow>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("e.account_id");
        let sql = format!(
            "select e.account_id, a.name as account_name, k.name as contact_name, e.state, e.reason, e.step,
                 e.due_at, e.started_at, e.shadow
             from keepwell.enrollments e
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = e.contact_id
             where e.playbook = $1 order by e.started_at desc, e.account_id, e.id limit $2"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(limit).fetch_all(&mut *self.read().await?).await
    }
}
