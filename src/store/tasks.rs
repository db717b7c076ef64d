//! Tasks of colleagues.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Store;
use super::control::Halted;
use crate::clock::Instant;
use crate::effect::{Effect, TaskDraft};
use crate::enrollment::Enrollment;

/// A task that may close by itself.
#[derive(Clone, Debug, FromRow)]
pub struct OpenTask {
    pub account_id: String,
    pub contact_id: String,
    pub id: Uuid,
    pub enrollment_id: Uuid,
    pub playbook: String,
    pub revision: String,
    pub step: String,
    pub refreshed_at: Instant,
}

/// What became of a person's word on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskChange {
    Changed,
    /// It is not open any more.
    NotOpen,
    Unknown,
    /// The outcome is not one of those the task offers.
    NoSuchOutcome,
}

/// Writes a task inside the transition's transaction. Where the same step's
/// task is open for the same subject, that one is refreshed instead.
pub(super) async fn insert(
    tx: &mut PgConnection,
    enrollment: &Enrollment,
    effect: &Effect,
    draft: &TaskDraft,
    now: Instant,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into keepwell.tasks
             (account_id, contact_id, id, enrollment_id, playbook, revision, step, ordinal, title, description, assignee, due_at,
              priority, checklist, outcomes, keep, state, evidence, look_at, created_at, refreshed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)
         on conflict (account_id, contact_id, playbook, step, ordinal) where state = 'open'
         do update set enrollment_id = excluded.enrollment_id, revision = excluded.revision, title = excluded.title,
             description = excluded.description, assignee = excluded.assignee, due_at = excluded.due_at,
             priority = excluded.priority, checklist = excluded.checklist, outcomes = excluded.outcomes,
             keep = excluded.keep, evidence = excluded.evidence, look_at = excluded.look_at,
             refreshed_at = excluded.refreshed_at",
    )
    .bind(&enrollment.account)
    .bind(&enrollment.contact)
    .bind(effect.id)
    .bind(enrollment.id)
    .bind(&enrollment.playbook)
    .bind(&enrollment.revision)
    .bind(&effect.step)
    .bind(effect.ordinal)
    .bind(&draft.title)
    .bind(&draft.description)
    .bind(&draft.assignee)
    .bind(draft.due_at)
    .bind(draft.priority.name())
    .bind(serde_json::json!(draft.checklist))
    .bind(serde_json::json!(draft.outcomes))
    .bind(draft.keep)
    .bind(if enrollment.shadow { "shadow" } else { "open" })
    .bind(serde_json::json!(enrollment.evidence))
    .bind(now)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Open tasks whose look is due, where nothing is halted.
    pub async fn due_tasks(&self, now: Instant, halted: &Halted, limit: i64) -> sqlx::Result<Vec<OpenTask>> {
        sqlx::query_as(
            "select account_id, contact_id, id, enrollment_id, playbook, revision, step, refreshed_at
             from keepwell.tasks
             where state = 'open' and look_at <= $1 and playbook <> all($2) and account_id <> all($4)
             order by look_at, account_id, id limit $3",
        )
        .bind(now)
        .bind(&halted.playbooks)
        .bind(limit)
        .bind(&halted.accounts)
        .fetch_all(self.pool())
        .await
    }

    /// Moves the next look of a task; `None` never looks again.
    pub async fn look_at_task_again(&self, task: &OpenTask, look_at: Option<Instant>) -> sqlx::Result<()> {
        sqlx::query("update keepwell.tasks set look_at = $3 where account_id = $1 and id = $2 and state = 'open'")
            .bind(&task.account_id)
            .bind(task.id)
            .bind(look_at)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Closes a task because its problem is gone.
    pub async fn close_task(&self, task: &OpenTask, reason: &str, now: Instant) -> sqlx::Result<bool> {
        let closed = sqlx::query(
            "update keepwell.tasks set state = 'closed', reason = $3, ended_at = $4, look_at = null
             where account_id = $1 and id = $2 and state = 'open'",
        )
        .bind(&task.account_id)
        .bind(task.id)
        .bind(reason)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(closed.rows_affected() > 0)
    }

    /// A person completed a task.
    pub async fn complete_task(&self, id: Uuid, outcome: Option<&str>, now: Instant) -> sqlx::Result<TaskChange> {
        if let Some(outcome) = outcome {
            let offered: Option<serde_json::Value> =
                sqlx::query_scalar("select outcomes from keepwell.tasks where id = $1")
                    .bind(id)
                    .fetch_optional(self.pool())
                    .await?;
            let Some(offered) = offered else { return Ok(TaskChange::Unknown) };
            let list = offered.as_array().cloned().unwrap_or_default();
            if !list.is_empty() && !list.iter().any(|one| one == outcome) {
                return Ok(TaskChange::NoSuchOutcome);
            }
        }
        self.end_task(id, "done", None, outcome, now).await
    }

    /// A person dismissed a task, with a reason.
    pub async fn dismiss_task(&self, id: Uuid, because: &str, now: Instant) -> sqlx::Result<TaskChange> {
        self.end_task(id, "dismissed", Some(because), None, now).await
    }

    async fn end_task(
        &self,
        id: Uuid,
        state: &str,
        reason: Option<&str>,
        outcome: Option<&str>,
        now: Instant,
    ) -> sqlx::Result<TaskChange> {
        let account: Option<String> = sqlx::query_scalar("select account_id from keepwell.tasks where id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        let Some(account) = account else { return Ok(TaskChange::Unknown) };
        let changed = sqlx::query(
            "update keepwell.tasks set state = $3, reason = $4, outcome = $5, ended_at = $6, look_at = null
             where account_id = $1 and id = $2 and state = 'open'",
        )
        .bind(account)
        .bind(id)
        .bind(state)
        .bind(reason)
        .bind(outcome)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(if changed.rows_affected() > 0 { TaskChange::Changed } else { TaskChange::NotOpen })
    }
}
