//! An enrollment as it stands in its table: reading a whole row, and the columns
//! of a new one.

use std::collections::BTreeMap;

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::MoveHistory;
use crate::enrollment::holdout::Arm;
use crate::enrollment::{Enrollment, Phase, State};
use crate::facts::{Schema, Subject, Value};
use crate::store::sql::bulk_rows::Rows;

#[derive(FromRow)]
pub(super) struct StoredEnrollment {
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
    moved: Option<sqlx::types::Json<MoveHistory>>,
    version: i64,
}

impl StoredEnrollment {
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
pub(in crate::store) fn new_rows<'a>(
    enrollments: impl Iterator<Item = &'a Enrollment> + Clone,
    slot: Option<Instant>,
) -> Rows {
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
        .column("counted", each().map(counted_json))
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
pub(super) fn counted_json(enrollment: &Enrollment) -> Option<serde_json::Value> {
    enrollment.is_ghost().then(|| serde_json::json!(enrollment.counted))
}

/// A query for whole [`StoredEnrollment`]s.
macro_rules! select_stored {
    ($from:literal) => {
        concat!(
            "select account_id, contact_id, id, playbook, revision, entry_key, state, reason, step, phase, step_at,
                 due_at, look_at, started_at, ended_at, goal_at, goal_until, entry, evidence, shadow, arm, outcome, counted, moved, version ",
            $from
        )
    };
}
pub(super) use select_stored;
