//! Enrollments: written in batches at a run, moved one by one afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Store;
use super::control::Halted;
use crate::clock::Instant;
use crate::enrollment::{Enrollment, History, MessageEnd, Phase, State, Transition};
use crate::facts::{Progress, Schema, Subject, SubjectId, Value};

/// What became of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Committed,
    /// Somebody else moved the enrollment meanwhile.
    Stale,
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
    entry: serde_json::Value,
    evidence: serde_json::Value,
    shadow: bool,
    version: i64,
}

impl EnrollmentRow {
    /// Entry columns are typed by the schema; what no longer fits is missing.
    pub(super) fn into_enrollment(self, schema: &Schema) -> Enrollment {
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
            state: State::parse(&self.state).unwrap_or(State::Failed),
            reason: self.reason,
            step: self.step,
            phase: Phase::parse(&self.phase).unwrap_or(Phase::Begin),
            step_at: self.step_at,
            due_at: self.due_at,
            look_at: self.look_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            entry,
            evidence: match self.evidence {
                serde_json::Value::Object(map) => map,
                _ => serde_json::Map::new(),
            },
            shadow: self.shadow,
            version: self.version,
        }
    }
}

fn as_row(enrollment: &Enrollment, state: State, slot: Instant) -> serde_json::Value {
    let entry: serde_json::Map<String, serde_json::Value> =
        enrollment.entry.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
    serde_json::json!({
        "account_id": enrollment.account,
        "contact_id": enrollment.contact,
        "id": enrollment.id,
        "playbook": enrollment.playbook,
        "revision": enrollment.revision,
        "entry_key": enrollment.entry_key,
        "state": state.name(),
        "reason": enrollment.reason,
        "step": enrollment.step,
        "phase": enrollment.phase.name(),
        "step_at": enrollment.step_at,
        "due_at": enrollment.due_at,
        "look_at": (state == State::Active).then_some(enrollment.look_at).flatten(),
        "started_at": enrollment.started_at,
        "entry": entry,
        "evidence": enrollment.evidence,
        "shadow": enrollment.shadow,
        "run_slot": slot,
    })
}

/// Writes rows as [`as_row`] makes them; those that exist already stay.
const INSERT: &str = "insert into keepwell.enrollments
         (account_id, contact_id, id, playbook, revision, entry_key, state, reason, step, phase, step_at,
          due_at, look_at, started_at, entry, evidence, shadow, run_slot)
     select account_id, contact_id, id, playbook, revision, entry_key, state, reason, step, phase, step_at,
            due_at, look_at, started_at, entry, evidence, shadow, run_slot
     from jsonb_to_recordset($1) as r(account_id text, contact_id text, id uuid, playbook text, revision text,
          entry_key text, state text, reason text, step text, phase text, step_at timestamptz,
          due_at timestamptz, look_at timestamptz, started_at timestamptz, entry jsonb, evidence jsonb,
          shadow boolean, run_slot timestamptz)
     on conflict do nothing";

/// A query for whole [`EnrollmentRow`]s.
macro_rules! select {
    ($from:literal) => {
        concat!(
            "select account_id, contact_id, id, playbook, revision, entry_key, state, reason, step, phase, step_at,
                 due_at, look_at, started_at, ended_at, entry, evidence, shadow, version ",
            $from
        )
    };
}

impl Store {
    /// Writes enrollments of a run; those that exist already are left as they
    /// are. Returns how many are new.
    pub async fn enroll(&self, batch: &[Enrollment], state: State, slot: Instant) -> sqlx::Result<u64> {
        let rows: Vec<serde_json::Value> = batch.iter().map(|enrollment| as_row(enrollment, state, slot)).collect();
        let done = sqlx::query(INSERT).bind(serde_json::Value::Array(rows)).execute(self.pool()).await?;
        Ok(done.rows_affected())
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
        let accounts: Vec<&str> = subjects.iter().map(|subject| subject.account.as_str()).collect();
        let rows: Vec<(String, String, String, String, Instant)> = sqlx::query_as(
            "select e.account_id, e.contact_id, e.entry_key, e.state, e.started_at
             from keepwell.enrollments e
             where e.playbook = $1 and e.account_id = any($2) and e.run_slot is distinct from $3
               and (e.state <> 'held' or exists (select 1 from keepwell.runs r where r.playbook = e.playbook
                    and r.slot = e.run_slot and r.approved_at is not null))",
        )
        .bind(playbook)
        .bind(accounts)
        .bind(slot)
        .fetch_all(self.pool())
        .await?;
        let mut found: HashMap<SubjectId, History> = HashMap::new();
        for (account, contact, key, state, started_at) in rows {
            let history = found.entry(SubjectId { account, contact }).or_default();
            history.active |= matches!(State::parse(&state), Some(State::Active | State::Held));
            history.last_started = history.last_started.max(Some(started_at));
            history.keys.insert(key);
        }
        let stopped = self.stopped().await?.accounts;
        for subject in subjects.iter().filter(|subject| stopped.contains(&subject.account)) {
            found.entry(subject.clone()).or_default().stopped = true;
        }
        Ok(found)
    }

    /// Active enrollments whose look is due, earliest first, where
    /// nothing is halted; without `rechecks` only those whose step is due.
    pub async fn due_enrollments(
        &self,
        now: Instant,
        halted: &Halted,
        limit: i64,
        rechecks: bool,
        schema: &Schema,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<EnrollmentRow> = sqlx::query_as(select!(
            "from keepwell.enrollments
             where state = 'active' and look_at <= $1 and playbook <> all($2) and account_id <> all($5)
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
        Ok(rows.into_iter().map(|row| row.into_enrollment(schema)).collect())
    }

    /// Enrollments by id, in any state.
    pub async fn enrollments_by_id(
        &self,
        accounts: &[String],
        ids: &[Uuid],
        schema: &Schema,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<EnrollmentRow> =
            sqlx::query_as(select!("from keepwell.enrollments where account_id = any($1) and id = any($2)"))
                .bind(accounts)
                .bind(ids)
                .fetch_all(self.pool())
                .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(schema)).collect())
    }

    /// Held enrollments of a run.
    pub async fn held_enrollments(
        &self,
        playbook: &str,
        slot: Instant,
        schema: &Schema,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<EnrollmentRow> = sqlx::query_as(select!(
            "from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held' order by account_id, id"
        ))
        .bind(playbook)
        .bind(slot)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(schema)).collect())
    }

    /// Releases a held enrollment: it starts now, as `admitted` says.
    pub async fn release(&self, held: &Enrollment, admitted: &Enrollment, slot: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        sqlx::query("delete from keepwell.enrollments where account_id = $1 and id = $2 and state = 'held'")
            .bind(&held.account)
            .bind(held.id)
            .execute(&mut *tx)
            .await?;
        let row = serde_json::Value::Array(vec![as_row(admitted, State::Active, slot)]);
        let done = sqlx::query(INSERT).bind(row).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a held enrollment that no longer enters; it used up nothing.
    pub async fn drop_held(&self, held: &Enrollment) -> sqlx::Result<()> {
        sqlx::query("delete from keepwell.enrollments where account_id = $1 and id = $2 and state = 'held'")
            .bind(&held.account)
            .bind(held.id)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Commits a transition with all its effects, or nothing.
    pub async fn commit(&self, transition: &Transition, priority: i32, now: Instant) -> sqlx::Result<Commit> {
        let next = &transition.enrollment;
        let mut tx = self.pool().begin().await?;
        let moved = sqlx::query(
            "update keepwell.enrollments
             set state = $4, reason = $5, step = $6, phase = $7, step_at = $8, due_at = $9, look_at = $10,
                 ended_at = $11, version = $3 + 1
             where account_id = $1 and id = $2 and version = $3 and state = 'active'",
        )
        .bind(&next.account)
        .bind(next.id)
        .bind(next.version)
        .bind(next.state.name())
        .bind(&next.reason)
        .bind(&next.step)
        .bind(next.phase.name())
        .bind(next.step_at)
        .bind(next.due_at)
        .bind(next.look_at)
        .bind(next.ended_at)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Commit::Stale);
        }
        for effect in &transition.effects {
            super::drafts::insert_effect(&mut tx, next, effect, priority, &self.mail_domain, now).await?;
        }
        if transition.stopped {
            let reason = next.reason.clone().unwrap_or_else(|| next.state.name().to_owned());
            close_open_work(&mut tx, next, &reason, now).await?;
        }
        tx.commit().await?;
        Ok(Commit::Committed)
    }

    /// What each enrollment knows of itself, in the order given.
    pub async fn progress(&self, enrollments: &[Enrollment]) -> sqlx::Result<Vec<Progress>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let tasks: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(
            "select enrollment_id, step, outcome from keepwell.tasks
             where account_id = any($1) and enrollment_id = any($2) and state = 'done'",
        )
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        let sent: Vec<(Uuid, String)> = sqlx::query_as(
            "select enrollment_id, step from keepwell.messages
             where account_id = any($1) and enrollment_id = any($2) and channel = 'email'
               and state in ('accepted', 'captured', 'shadow', 'bounced', 'complained')",
        )
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        let mut done: HashMap<Uuid, (BTreeSet<String>, BTreeMap<String, String>)> = HashMap::new();
        for (id, step, outcome) in tasks {
            let slot = done.entry(id).or_default();
            if let Some(outcome) = outcome {
                slot.1.insert(step.clone(), outcome);
            }
            slot.0.insert(step);
        }
        let mut mailed: HashMap<Uuid, BTreeSet<String>> = HashMap::new();
        for (id, step) in sent {
            mailed.entry(id).or_default().insert(step);
        }
        Ok(enrollments
            .iter()
            .map(|enrollment| {
                let (done, outcomes) = done.remove(&enrollment.id).unwrap_or_default();
                Progress {
                    entered_at: enrollment.started_at,
                    step_at: enrollment.step_at,
                    entry: enrollment.entry.clone(),
                    done,
                    outcomes,
                    sent: mailed.remove(&enrollment.id).unwrap_or_default(),
                }
            })
            .collect())
    }

    /// How far the customer mail of each enrollment's current step is.
    pub async fn message_ends(&self, enrollments: &[Enrollment]) -> sqlx::Result<HashMap<Uuid, Vec<MessageEnd>>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let steps: HashMap<Uuid, &Option<String>> =
            enrollments.iter().map(|enrollment| (enrollment.id, &enrollment.step)).collect();
        let rows: Vec<(Uuid, String, Option<Instant>)> = sqlx::query_as(
            "select enrollment_id, step, ended_at from keepwell.messages
             where account_id = any($1) and enrollment_id = any($2) and channel = 'email'",
        )
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        let mut ends: HashMap<Uuid, Vec<MessageEnd>> = HashMap::new();
        for (id, step, ended_at) in rows {
            if steps.get(&id).is_some_and(|current| current.as_deref() == Some(step.as_str())) {
                ends.entry(id).or_default().push(MessageEnd(ended_at));
            }
        }
        Ok(ends)
    }
}

/// Closes what a stopped enrollment leaves open: its tasks unless they are
/// kept, and mail that has not left. Mail under way is left to its own gate.
async fn close_open_work(
    tx: &mut PgConnection,
    enrollment: &Enrollment,
    reason: &str,
    now: Instant,
) -> sqlx::Result<()> {
    sqlx::query(
        "update keepwell.tasks set state = 'closed', reason = $3, ended_at = $4, look_at = null
         where account_id = $1 and enrollment_id = $2 and state = 'open' and not keep",
    )
    .bind(&enrollment.account)
    .bind(enrollment.id)
    .bind(reason)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "update keepwell.messages set state = 'cancelled', reason = $3, ended_at = $4
         where account_id = $1 and enrollment_id = $2 and state in ('planned', 'deferred') and channel = 'email'",
    )
    .bind(&enrollment.account)
    .bind(enrollment.id)
    .bind(reason)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
