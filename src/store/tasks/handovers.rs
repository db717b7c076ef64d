//! Open tasks that go on from somebody who is away or has left.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::action::staff::Handover;
use crate::clock::Instant;
use crate::store::sql::bulk_rows::Rows;
use crate::store::upkeep::stopped::Halted;
use crate::store::{Relation, Store};

/// An open task that somebody has and that is not put off.
#[derive(Clone, Debug, FromRow)]
pub struct HeldTask {
    pub account_id: String,
    pub id: Uuid,
    pub playbook: String,
    pub revision: String,
    pub pool: Option<String>,
    pub due_at: Option<Instant>,
    /// A CSM's id or an address.
    pub assignee: String,
    /// The CSM of the account.
    pub csm_id: Option<String>,
}

impl Store {
    /// Everybody who has an open task.
    pub async fn task_holders(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "select distinct assignee from keepwell.tasks where state = 'open' and assignee is not null order by 1",
        )
        .fetch_all(self.pool())
        .await
    }

    /// Tasks of these holders behind the one named, where nothing is halted, in
    /// the order of accounts and ids.
    pub async fn tasks_held_by(
        &self,
        holders: &[String],
        behind: Option<&HeldTask>,
        halted: &Halted,
        now: Instant,
        limit: i64,
    ) -> sqlx::Result<Vec<HeldTask>> {
        let (accounts, account) = (self.relation(Relation::Accounts), self.key().of_text("t.account_id"));
        let sql = format!(
            "select t.account_id, t.id, t.playbook, t.revision, t.pool, t.due_at, t.assignee, a.csm_id
             from keepwell.tasks t left join {accounts} a on a.id = {account}
             where t.state = 'open' and t.assignee = any($1) and (t.snoozed_until is null or t.snoozed_until <= $2)
               and t.playbook <> all($3) and t.account_id <> all($4)
               and ($5::text is null or (t.account_id, t.id) > ($5, $6))
             order by t.account_id, t.id limit $7"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(holders)
            .bind(now)
            .bind(&halted.playbooks)
            .bind(&halted.accounts)
            .bind(behind.map(|task| &task.account_id))
            .bind(behind.map(|task| task.id))
            .bind(limit)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// Hands tasks over that still are with whom they were; new to whoever has
    /// them then.
    pub async fn hand_over(&self, tasks: &[(HeldTask, Handover)], now: Instant) -> sqlx::Result<u64> {
        if tasks.is_empty() {
            return Ok(0);
        }
        let rows = Rows::default()
            .column("account_id", tasks.iter().map(|(task, _)| task.account_id.as_str()))
            .column("id", tasks.iter().map(|(task, _)| task.id))
            .column("handed_from", tasks.iter().map(|(task, _)| task.assignee.as_str()))
            .column("assignee", tasks.iter().map(|(_, handover)| handover.to.as_str()))
            .column("reason", tasks.iter().map(|(_, handover)| handover.reason.as_str()))
            .column("handed_at", tasks.iter().map(|_| now));
        let update = format!(
            "update keepwell.tasks t set assignee = n.assignee, reason = n.reason, handed_from = n.handed_from,
                 handed_at = n.handed_at, told_at = null
             from {}
             where t.account_id = n.account_id and t.id = n.id and t.state = 'open' and t.assignee = n.handed_from",
            rows.relation("n")
        );
        Ok(rows.query(update)?.execute(self.pool()).await?.rows_affected())
    }
}
