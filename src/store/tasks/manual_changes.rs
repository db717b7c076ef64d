//! What a person does with a task: completes it, dismisses it, puts it off.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::action::snooze::Snooze;
use crate::clock::Instant;
use crate::store::{Relation, Store};

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

impl Store {
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
