//! Tasks that are overdue for so long that a manager should hear of it.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::messages::insert::OwnerNotice;
use crate::store::upkeep::stopped::Halted;
use crate::store::{Relation, Store};

/// An open task nobody has done in time.
#[derive(Clone, Debug, FromRow)]
pub struct Overdue {
    pub account_id: String,
    pub id: Uuid,
    pub playbook: String,
    pub step: String,
    pub title: String,
    /// `None` when the account is gone.
    pub account_name: Option<String>,
    /// The CSM of the account.
    pub csm_id: Option<String>,
    /// A CSM's id or an address.
    pub assignee: Option<String>,
    pub due_at: Option<Instant>,
}

impl Store {
    /// Open tasks whose manager should hear of them by `now`, not put off, where
    /// nothing is halted.
    pub async fn overdue_tasks(&self, now: Instant, halted: &Halted, limit: i64) -> sqlx::Result<Vec<Overdue>> {
        let (accounts, account) = (self.relation(Relation::Accounts), self.key().of_text("t.account_id"));
        let sql = format!(
            "select t.account_id, t.id, t.playbook, t.step, t.title, a.name as account_name, a.csm_id, t.assignee, t.due_at
             from keepwell.tasks t left join {accounts} a on a.id = {account}
             where t.state = 'open' and t.escalate_at <= $1 and t.playbook <> all($2) and t.account_id <> all($4)
               and (t.snoozed_until is null or t.snoozed_until <= $1)
             order by t.escalate_at, t.account_id, t.id limit $3"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(now)
            .bind(&halted.playbooks)
            .bind(limit)
            .bind(&halted.accounts)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// Writes the word to the manager and that it was said, together and once.
    pub async fn escalate_task(&self, task: &Overdue, notice: &OwnerNotice<'_>, now: Instant) -> sqlx::Result<bool> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let said = sqlx::query(
            "update keepwell.tasks set escalated_at = $3, escalate_at = null
             where account_id = $1 and id = $2 and state = 'open' and escalate_at <= $3
               and (snoozed_until is null or snoozed_until <= $3)",
        )
        .bind(&task.account_id)
        .bind(task.id)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        if said.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        notice.insert(&mut tx, naming, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}
