//! Open tasks that close by themselves once their problem is gone.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::upkeep::stopped::Halted;

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
}
