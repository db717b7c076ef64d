//! What people leave on tasks: ticks of the checklist, and notes.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::ids::Actor;
use crate::random;
use crate::store::Store;

/// What a person noted on a task.
#[derive(Clone, Debug, FromRow)]
pub struct TaskNote {
    pub by: String,
    pub at: Instant,
    pub note: String,
}

impl Store {
    /// Ticks these items of a task's checklist and no others; what is not on it is
    /// left out. It stays so when the playbook refreshes the task. `false` where
    /// there is no such open task.
    pub async fn tick_task(&self, id: Uuid, items: &[String]) -> sqlx::Result<bool> {
        let ticked = sqlx::query(
            "update keepwell.tasks t set ticked = coalesce(
                 (select jsonb_agg(distinct i.item) from jsonb_array_elements_text(t.checklist) i (item)
                  where i.item = any($2)), '[]')
             where t.id = $1 and t.state = 'open'",
        )
        .bind(id)
        .bind(items)
        .execute(self.pool())
        .await?;
        Ok(ticked.rows_affected() > 0)
    }

    /// Adds a note to a task, whatever its state; `false` where there is none.
    pub async fn note_on_task(&self, id: Uuid, note: &str, by: Actor<'_>, now: Instant) -> sqlx::Result<bool> {
        let noted = sqlx::query(
            "insert into keepwell.task_notes (account_id, contact_id, task_id, id, by, at, note)
             select account_id, contact_id, id, $2, $3, $4, $5 from keepwell.tasks where id = $1",
        )
        .bind(id)
        .bind(random::token())
        .bind(by.0)
        .bind(now)
        .bind(note)
        .execute(self.pool())
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// The latest notes on a task of an account, the latest first; at most `limit`.
    pub async fn task_notes(&self, account: &str, task: Uuid, limit: i64) -> sqlx::Result<Vec<TaskNote>> {
        sqlx::query_as(
            "select by, at, note from keepwell.task_notes where account_id = $1 and task_id = $2
             order by at desc, id limit $3",
        )
        .bind(account)
        .bind(task)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }
}
