//! Enrollments, read and written by the keys of their accounts.
//!
//! What is asked about many accounts is planned for the tables as they are at
//! that moment (`persistent(false)`) and has no choice but to probe the keys of
//! each account: right after a large run neither a plan that was kept nor the
//! statistics know how large the tables have become.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Store;
use super::runs::{Run, is_ours};
use super::sql::bulk_rows::Rows;
use super::upkeep::audit::record;
use super::upkeep::stopped::Halted;
use crate::clock::Instant;
use crate::enrollment::holdout::{Arm, Drawn};
use crate::enrollment::move_revision::Moved;
use crate::enrollment::{Enrollment, History, Phase, State};
use crate::facts::{Schema, Subject, SubjectId, Value};

pub mod enroll_requests;
pub mod holdout;
pub(crate) mod labels;
pub mod late_goals;
pub mod manual_moves;
pub mod matched_since;
pub(crate) mod planned_effect;
pub mod progress;
pub mod transitions;

#[derive(FromRow)]
struct HistoryRow {
    account_id: String,
    contact_id: String,
    active: bool,
    last_started: Option<Instant>,
    keys: Vec<String>,
}

#[derive(FromRow)]
pub(super) struct EnrollmentRow {
    account_id: String,
    contact_id: String,
    id: Uuid,
    playbook: String,
    revision: String,
    entry_key: String,
    state: String,
    reason: Option<String>,
    step: Option<String>,
    phase: String,
    step_at: Instant,
    due_at: Option<Instant>,
    look_at: Option<Instant>,
    started_at: Instant,
    ended_at: Option<Instant>,
    goal_at: Option<Instant>,
    goal_until: Option<Instant>,
    entry: serde_json::Value,
    evidence: serde_json::Value,
    shadow: bool,
    arm: Option<String>,
    outcome: Option<String>,
    counted: Option<sqlx::types::Json<BTreeMap<String, BTreeMap<String, u64>>>>,
    moved: Option<sqlx::types::Json<Moved>>,
    version: i64,
}

impl EnrollmentRow {
    /// Entry columns are typed by the schema; what no longer fits is missing.
    pub(super) fn into_enrollment(self, schema: &Schema) -> Enrollment {
        let arm = self.arm.as_deref().and_then(Arm::parse);
        let state = match (arm, &self.outcome) {
            (Some(Arm::Ghost), None) => Some(State::Active),
            (Some(Arm::Ghost), Some(outcome)) => State::parse(outcome),
            _ => State::parse(&self.state),
        };
        let subject = if self.contact_id.is_empty() { Subject::Account } else { Subject::Contact };
        let entry = match self.entry {
            serde_json::Value::Object(map) => map
                .into_iter()
                .map(|(name, value)| {
                    let value = match schema.entry_column(subject, &name) {
                        Some((_, column)) => Value::from_json(&value, column.ty),
                        None => Value::from_attribute(&value),
                    };
                    (name, value)
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        Enrollment {
            id: self.id,
            account: self.account_id,
            contact: self.contact_id,
            playbook: self.playbook,
            revision: self.revision,
            entry_key: self.entry_key,
            state: state.unwrap_or(State::Failed),
            reason: self.reason,
            step: self.step,
            phase: Phase::parse(&self.phase).unwrap_or(Phase::Begin),
            step_at: self.step_at,
            due_at: self.due_at,
            look_at: self.look_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            goal_at: self.goal_at,
            goal_until: self.goal_until,
            entry,
            evidence: match self.evidence {
                serde_json::Value::Object(map) => map,
                _ => serde_json::Map::new(),
            },
            shadow: self.shadow,
            arm,
            counted: self.counted.map(|counted| counted.0).unwrap_or_default(),
            moved: self.moved.map(|moved| moved.0),
            version: self.version,
        }
    }
}

/// New enrollments, as they are written; `slot` is that of their run, `None`
/// for those that no run brought about.
pub(super) fn rows<'a>(enrollments: impl Iterator<Item = &'a Enrollment> + Clone, slot: Option<Instant>) -> Rows {
    let each = || enrollments.clone();
    let entry = |one: &Enrollment| {
        let columns = one.entry.iter().map(|(name, value)| (name.clone(), value.to_json()));
        serde_json::Value::Object(columns.collect())
    };
    Rows::default()
        .column("account_id", each().map(|one| one.account.as_str()))
        .column("contact_id", each().map(|one| one.contact.as_str()))
        .column("id", each().map(|one| one.id))
        .column("playbook", each().map(|one| one.playbook.as_str()))
        .column("revision", each().map(|one| one.revision.as_str()))
        .column("entry_key", each().map(|one| one.entry_key.as_str()))
        .column("state", each().map(Enrollment::state_name))
        .column("outcome", each().map(Enrollment::outcome_name))
        .column("arm", each().map(|one| one.arm.map(Arm::name)))
        .column("counted", each().map(counted))
        .column("reason", each().map(|one| one.reason.as_deref()))
        .column("step", each().map(|one| one.step.as_deref()))
        .column("phase", each().map(|one| one.phase.name()))
        .column("step_at", each().map(|one| one.step_at))
        .column("due_at", each().map(|one| one.due_at))
        .column("look_at", each().map(|one| one.look_at))
        .column("started_at", each().map(|one| one.started_at))
        .column("ended_at", each().map(|one| one.ended_at))
        .column("goal_at", each().map(|one| one.goal_at))
        .column("goal_until", each().map(|one| one.goal_until))
        .column("entry", each().map(entry))
        .column("evidence", each().map(|one| serde_json::Value::Object(one.evidence.clone())))
        .column("shadow", each().map(|one| one.shadow))
        .column("run_slot", each().map(|_| slot))
}

/// What a ghost did without; null for all others.
pub(super) fn counted(enrollment: &Enrollment) -> Option<serde_json::Value> {
    enrollment.is_ghost().then(|| serde_json::json!(enrollment.counted))
}

/// A query for whole [`EnrollmentRow`]s.
macro_rules! select {
    ($from:literal) => {
        concat!(
            "select account_id, contact_id, id, playbook, revision, entry_key, state, reason, step, phase, step_at,
                 due_at, look_at, started_at, ended_at, goal_at, goal_until, entry, evidence, shadow, arm, outcome, counted, moved, version ",
            $from
        )
    };
}
pub(super) use select;

impl Store {
    /// Writes enrollments of a run; those that exist already are left as they
    /// are. Returns how many are new, or nothing when somebody else has the run.
    pub async fn enroll(&self, run: &Run, batch: &[Enrollment], state: State) -> sqlx::Result<Option<u64>> {
        let batch: Vec<Enrollment> = batch.iter().map(|enrollment| placed(enrollment, state)).collect();
        let insert = rows(batch.iter(), Some(run.slot)).insert("keepwell.enrollments", "on conflict do nothing")?;
        let mut tx = self.pool().begin().await?;
        if !is_ours(&mut tx, run).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let new = insert.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(Some(new))
    }

    /// Writes the enrollment of somebody who was named; false when it exists
    /// already, or another one is active.
    pub async fn enroll_named(&self, enrollment: &Enrollment, by: &str, now: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let new = insert_one(&mut tx, enrollment).await?;
        if new {
            let contact = Some(&enrollment.contact).filter(|contact| !contact.is_empty());
            let about = json!({ "playbook": enrollment.playbook, "account": enrollment.account, "contact": contact });
            record(&mut tx, "enroll", by, &about, now).await?;
        }
        tx.commit().await?;
        Ok(new)
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
        // The inner query is for one account, whatever the planner believes of
        // the table. `is true` keeps it off the index by playbook: a playbook
        // that the statistics do not know looks as if it had no rows there.
        let rows: Vec<HistoryRow> = sqlx::query_as(
            "select w.account_id, w.contact_id, h.active, h.last_started, h.keys
             from unnest($2::text[], $4::text[]) as w (account_id, contact_id)
             cross join lateral (
                 select bool_or(e.state in ('active', 'held') or e.state = 'ghost' and e.ended_at is null) as active,
                        max(e.started_at) as last_started,
                        array_agg(e.entry_key) as keys
                 from keepwell.enrollments e
                 where e.account_id = w.account_id and e.contact_id = w.contact_id
                   and (e.playbook = $1) is true
                   and ($3::timestamptz is null or e.run_slot is distinct from $3)
                   and (e.state <> 'held' or exists (select 1 from keepwell.runs r where r.playbook = e.playbook
                        and r.slot = e.run_slot and r.approved_at is not null))
                 having count(*) > 0) h",
        )
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

    /// Says of each subject on which side of the comparison its account is in a
    /// playbook. What was only watched in shadow, or waits, has drawn nobody.
    pub async fn recall_arms(
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

    /// Active enrollments whose look is due, earliest first, where
    /// nothing is halted; without `rechecks` only those whose step is due.
    pub async fn due_enrollments(
        &self,
        now: Instant,
        halted: &Halted,
        limit: i64,
        rechecks: bool,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<EnrollmentRow> = sqlx::query_as(select!(
            "from keepwell.enrollments
             where state in ('active', 'ghost') and look_at <= $1 and playbook <> all($2) and account_id <> all($5)
               and ($4 or phase = 'begin' or due_at <= $1)
             order by look_at, account_id, id
             limit $3"
        ))
        .bind(now)
        .bind(&halted.playbooks)
        .bind(limit)
        .bind(rechecks)
        .bind(&halted.accounts)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Enrollments by account and id, in any state and in no order.
    pub async fn enrollments_by_id(&self, wanted: &[(String, Uuid)]) -> sqlx::Result<Vec<Enrollment>> {
        let (accounts, ids): (Vec<&str>, Vec<Uuid>) =
            wanted.iter().map(|(account, id)| (account.as_str(), *id)).unzip();
        let rows: Vec<EnrollmentRow> = sqlx::query_as(select!(
            "from (select distinct * from unnest($1::text[], $2::uuid[]) as u (of_account, of_id)) as w
             join keepwell.enrollments on account_id = of_account and id = of_id"
        ))
        .persistent(false)
        .bind(accounts)
        .bind(ids)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Held enrollments of a run.
    pub async fn held_enrollments(&self, playbook: &str, slot: Instant) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<EnrollmentRow> = sqlx::query_as(select!(
            "from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held' order by account_id, id"
        ))
        .bind(playbook)
        .bind(slot)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Some of those who wait in a held run: the account, the contact (empty
    /// for account playbooks) and what the condition read.
    pub async fn held_ids(
        &self,
        playbook: &str,
        slot: Instant,
        limit: i64,
    ) -> sqlx::Result<Vec<(String, String, serde_json::Value)>> {
        sqlx::query_as(
            "select account_id, contact_id, evidence from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held' order by account_id, contact_id limit $3",
        )
        .bind(playbook)
        .bind(slot)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }
}

/// An enrollment in the state it is written in; one that is held is not looked at.
fn placed(enrollment: &Enrollment, state: State) -> Enrollment {
    let waits = state == State::Held;
    let look_at = enrollment.look_at.filter(|_| !waits);
    // Nobody is drawn before a person has let them in.
    let arm = enrollment.arm.filter(|_| !waits);
    Enrollment { state, look_at, arm, ..enrollment.clone() }
}

/// Whether an enrollment's subject is active in its playbook already.
pub(super) async fn is_active(tx: &mut PgConnection, of: &Enrollment) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select 1 from keepwell.enrollments
         where account_id = $1 and contact_id = $2 and playbook = $3
           and (state = 'active' or state = 'ghost' and ended_at is null))",
    )
    .bind(&of.account)
    .bind(&of.contact)
    .bind(&of.playbook)
    .fetch_one(tx)
    .await
}

/// Writes one enrollment that no run brought about; false when it is there
/// already, or another one is active.
pub(super) async fn insert_one(tx: &mut PgConnection, enrollment: &Enrollment) -> sqlx::Result<bool> {
    let insert = rows(std::iter::once(enrollment), None).insert("keepwell.enrollments", "on conflict do nothing")?;
    Ok(insert.execute(tx).await?.rows_affected() > 0)
}
