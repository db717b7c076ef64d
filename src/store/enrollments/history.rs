//! What a playbook already knows of its subjects before a run decides.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, FromRow};

use crate::clock::Instant;
use crate::enrollment::History;
use crate::enrollment::holdout::{Arm, Drawn};
use crate::facts::SubjectId;
use crate::store::Store;

/// What enrollments of the playbook `$1` have left behind about the subject `w`,
/// but for the run at the slot `$3`.
///
/// It is for one account, whatever the planner believes of the table. `is true`
/// keeps it off the index by playbook: a playbook that the statistics do not
/// know looks as if it had no rows there.
pub(super) const LEFT_BEHIND: &str = "
                 select bool_or(e.state in ('active', 'held') or e.state = 'ghost' and e.ended_at is null) as active,
                        max(e.started_at) as last_started,
                        array_agg(e.entry_key) as keys
                 from keepwell.enrollments e
                 where e.account_id = w.account_id and e.contact_id = w.contact_id
                   and (e.playbook = $1) is true
                   and ($3::timestamptz is null or e.run_slot is distinct from $3)
                   and (e.state <> 'held' or exists (select 1 from keepwell.runs r where r.playbook = e.playbook
                        and r.slot = e.run_slot and r.approved_at is not null))
                 having count(*) > 0";

#[derive(FromRow)]
struct HistoryRow {
    account_id: String,
    contact_id: String,
    active: bool,
    last_started: Option<Instant>,
    keys: Vec<String>,
}

/// What enrollments that began before an instant have left behind about a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastEntries {
    pub keys: BTreeSet<String>,
    pub last_started: Option<Instant>,
    /// Until when one is on its way that was so at the instant.
    pub active_until: Option<Instant>,
}

impl PastEntries {
    /// Adds what another playbook's enrollments have left behind.
    pub fn add(&mut self, other: PastEntries) {
        self.keys.extend(other.keys);
        self.last_started = self.last_started.max(other.last_started);
        self.active_until = self.active_until.max(other.active_until);
    }
}

#[derive(FromRow)]
struct PastEntriesRow {
    account_id: String,
    contact_id: String,
    last_started: Option<Instant>,
    keys: Vec<String>,
    active_until: Option<Instant>,
}

impl Store {
    /// Whether anybody has ever entered a playbook.
    pub async fn has_enrolled(&self, playbook: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar("select exists (select from keepwell.enrollments where playbook = $1)")
            .bind(playbook)
            .fetch_one(self.pool())
            .await
    }

    /// What earlier runs left behind in a playbook about these subjects, and
    /// whether a person stopped everything for their account. Rows of the run at
    /// `slot` itself do not count, so that a takeover decides as its predecessor
    /// did; held rows count only where their run is approved.
    pub async fn history(
        &self,
        playbook: &str,
        slot: Option<Instant>,
        subjects: &[SubjectId],
    ) -> sqlx::Result<HashMap<SubjectId, History>> {
        let (accounts, contacts): (Vec<&str>, Vec<&str>) =
            subjects.iter().map(|subject| (subject.account.as_str(), subject.contact.as_str())).unzip();
        let sql = format!(
            "select w.account_id, w.contact_id, h.active, h.last_started, h.keys
             from unnest($2::text[], $4::text[]) as w (account_id, contact_id)
             cross join lateral ({LEFT_BEHIND}) h"
        );
        let rows: Vec<HistoryRow> = sqlx::query_as(AssertSqlSafe(sql))
            .persistent(false)
            .bind(playbook)
            .bind(accounts)
            .bind(slot)
            .bind(contacts)
            .fetch_all(self.pool())
            .await?;
        let mut found: HashMap<SubjectId, History> = HashMap::new();
        for row in rows {
            let keys = row.keys.into_iter().collect();
            let history = History { active: row.active, last_started: row.last_started, keys, ..History::default() };
            found.insert(SubjectId { account: row.account_id, contact: row.contact_id }, history);
        }
        let stopped = self.stopped().await?.halted().accounts;
        for subject in subjects.iter().filter(|subject| stopped.contains(&subject.account)) {
            found.entry(subject.clone()).or_default().stopped = true;
        }
        Ok(found)
    }

    /// What a playbook's enrollments that began before an instant say about these
    /// subjects: the keys used, the latest start, and until when one was on its way
    /// (`None`: none was, or it has ended by then). Those that wait for approval do
    /// not count.
    pub async fn history_before(
        &self,
        playbook: &str,
        before: Instant,
        subjects: &[SubjectId],
    ) -> sqlx::Result<HashMap<SubjectId, PastEntries>> {
        let (accounts, contacts): (Vec<&str>, Vec<&str>) =
            subjects.iter().map(|subject| (subject.account.as_str(), subject.contact.as_str())).unzip();
        let rows: Vec<PastEntriesRow> = sqlx::query_as(
            // By the keys of each account, whatever the statistics say: see the docs of `store::enrollments`.
            "select w.account_id, w.contact_id, h.last_started, h.keys, h.active_until
             from unnest($2::text[], $4::text[]) as w (account_id, contact_id)
             cross join lateral (
                 select max(e.started_at) as last_started, array_agg(e.entry_key) as keys,
                        max(coalesce(e.ended_at, '9999-01-01')) filter (where e.ended_at is null or e.ended_at > $3)
                            as active_until
                 from keepwell.enrollments e
                 where e.account_id = w.account_id and e.contact_id = w.contact_id
                   and (e.playbook = $1) is true and e.started_at < $3 and e.state <> 'held'
                 having count(*) > 0) h",
        )
        .persistent(false)
        .bind(playbook)
        .bind(accounts)
        .bind(before)
        .bind(contacts)
        .fetch_all(self.pool())
        .await?;
        let entries = |row: PastEntriesRow| {
            let subject = SubjectId { account: row.account_id, contact: row.contact_id };
            let keys = row.keys.into_iter().collect();
            (subject, PastEntries { keys, last_started: row.last_started, active_until: row.active_until })
        };
        Ok(rows.into_iter().map(entries).collect())
    }

    /// Says of each subject on which side of the comparison its account is in a
    /// playbook. What was only watched in shadow, or waits, has drawn nobody.
    pub async fn load_arms(
        &self,
        playbook: &str,
        subjects: &[SubjectId],
        known: &mut HashMap<SubjectId, History>,
    ) -> sqlx::Result<()> {
        let accounts: BTreeSet<&str> = subjects.iter().map(|subject| subject.account.as_str()).collect();
        let rows: Vec<(String, bool, Option<String>)> = sqlx::query_as(
            "select w.account_id, d.outside, d.arm
             from unnest($2::text[]) as w (account_id)
             cross join lateral (
                 select bool_or(e.arm is null) as outside, min(e.arm) as arm
                 from keepwell.enrollments e
                 where e.account_id = w.account_id and (e.playbook = $1) is true
                   and e.state <> 'held' and not e.shadow
                 having count(*) > 0) d",
        )
        .persistent(false)
        .bind(playbook)
        .bind(accounts.into_iter().collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await?;
        let drawn: HashMap<String, Drawn> = rows
            .into_iter()
            .map(|(account, outside, arm)| match arm.as_deref().and_then(Arm::parse) {
                Some(arm) if !outside => (account, Drawn::In(arm)),
                _ => (account, Drawn::Outside),
            })
            .collect();
        for subject in subjects {
            if let Some(drawn) = drawn.get(&subject.account) {
                known.entry(subject.clone()).or_default().drawn = *drawn;
            }
        }
        Ok(())
    }
}
