//! Tasks of colleagues.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;

use super::enrollments::planned_effect::PlannedEffect;
use super::sql::bulk_rows::Rows;
use super::upkeep::stopped::Halted;
use super::{Relation, Store};
use crate::action::task::Snooze;
use crate::clock::Instant;
use crate::effect::TaskDraft;

pub mod escalations;
pub mod handovers;
pub mod workload;

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

/// Writes tasks inside the transaction of their transitions. Where the same
/// step's task is open for the same subject, that one is refreshed instead; where
/// this very task has ended, it stays as it is.
pub(super) async fn insert(
    tx: &mut PgConnection,
    tasks: &[PlannedEffect<'_, TaskDraft>],
    now: Instant,
) -> sqlx::Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let each = || tasks.iter();
    let state = |one: &PlannedEffect<TaskDraft>| if one.enrollment.shadow { "shadow" } else { "open" };
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.enrollment.account.as_str()))
        .column("contact_id", each().map(|one| one.enrollment.contact.as_str()))
        .column("id", each().map(|one| one.effect.id))
        .column("enrollment_id", each().map(|one| one.enrollment.id))
        .column("playbook", each().map(|one| one.enrollment.playbook.as_str()))
        .column("revision", each().map(|one| one.enrollment.revision.as_str()))
        .column("step", each().map(|one| one.effect.step.as_str()))
        .column("ordinal", each().map(|one| one.effect.ordinal))
        .column("title", each().map(|one| one.draft.title.as_str()))
        .column("description", each().map(|one| one.draft.description.as_deref()))
        .column("assignee", each().map(|one| one.draft.assignee.as_deref()))
        .column("due_at", each().map(|one| one.draft.due_at))
        .column("priority", each().map(|one| one.draft.priority.name()))
        .column("checklist", each().map(|one| serde_json::json!(one.draft.checklist)))
        .column("outcomes", each().map(|one| serde_json::json!(one.draft.outcomes)))
        .column("keep", each().map(|one| one.draft.keep))
        .column("state", each().map(state))
        .column("evidence", each().map(|one| serde_json::json!(one.enrollment.evidence)))
        .column("look_at", each().map(|_| now))
        .column("created_at", each().map(|_| now))
        .column("refreshed_at", each().map(|_| now))
        .column("reason", each().map(|one| one.draft.reason.as_deref()))
        .column("pool", each().map(|one| one.draft.pool.as_deref()))
        .column("escalate_at", each().map(|one| one.draft.escalate_at));
    // One that is over already stays so, and whoever asked goes on: nobody is
    // asked twice for the same.
    let refresh = "where not exists (select 1 from keepwell.tasks t
             where t.account_id = r.account_id and t.id = r.id and t.state <> 'open')
         on conflict (account_id, contact_id, playbook, step, ordinal) where state = 'open'
         do update set enrollment_id = excluded.enrollment_id, revision = excluded.revision, title = excluded.title,
             description = excluded.description, due_at = excluded.due_at,
             -- Whoever has it from a pool keeps it.
             assignee = case when tasks.pool = excluded.pool then tasks.assignee else excluded.assignee end,
             reason = case when tasks.pool = excluded.pool then tasks.reason else excluded.reason end,
             pool = excluded.pool,
             handed_from = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.handed_from end,
             handed_at = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.handed_at end,
             -- New to whoever gets it now.
             told_at = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.told_at end,
             escalate_at = case when tasks.escalated_at is not null then null
                 when tasks.snoozed_until > excluded.refreshed_at then greatest(tasks.escalate_at, excluded.escalate_at)
                 else excluded.escalate_at end,
             priority = excluded.priority, checklist = excluded.checklist, outcomes = excluded.outcomes,
             keep = excluded.keep, evidence = excluded.evidence, look_at = excluded.look_at,
             refreshed_at = excluded.refreshed_at";
    rows.insert("keepwell.tasks", refresh)?.execute(tx).await?;
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

    /// Moves the next look of tasks; `None` never looks again.
    pub async fn look_at_tasks_again(&self, tasks: &[&OpenTask], look_at: Option<Instant>) -> sqlx::Result<()> {
        if tasks.is_empty() {
            return Ok(());
        }
        let rows = Rows::default()
            .column("account_id", tasks.iter().map(|task| task.account_id.as_str()))
            .column("id", tasks.iter().map(|task| task.id))
            .column("look_at", tasks.iter().map(|_| look_at));
        let update = format!(
            "update keepwell.tasks t set look_at = n.look_at from {}
             where t.account_id = n.account_id and t.id = n.id and t.state = 'open'",
            rows.relation("n")
        );
        rows.query(update)?.execute(self.pool()).await?;
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

    /// The zone of the colleague who has a task: nothing where there is no such
    /// task, and nothing inside where nobody's zone is known.
    pub async fn task_zone(&self, id: Uuid) -> sqlx::Result<Option<Option<String>>> {
        let csms = self.relation(Relation::Csms);
        let sql =
            format!("select c.timezone from keepwell.tasks t left join {csms} c on c.id = t.assignee where t.id = $1");
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *self.read().await?).await
    }

    /// A person puts a task off. It stays open, so that its playbook makes no
    /// second one; nobody is reminded of it before.
    pub async fn snooze_task(&self, id: Uuid, snooze: Snooze) -> sqlx::Result<TaskChange> {
        let account: Option<String> = sqlx::query_scalar("select account_id from keepwell.tasks where id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        let Some(account) = account else { return Ok(TaskChange::Unknown) };
        let changed = sqlx::query(
            "update keepwell.tasks set snoozed_until = $3, escalate_at =
                 case when escalated_at is null and due_at is not null then greatest(escalate_at, $4) end
             where account_id = $1 and id = $2 and state = 'open'",
        )
        .bind(account)
        .bind(id)
        .bind(snooze.until)
        .bind(snooze.escalate_at)
        .execute(self.pool())
        .await?;
        Ok(if changed.rows_affected() > 0 { TaskChange::Changed } else { TaskChange::NotOpen })
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
