//! A success plan as the account that has it may see it.

use super::plans::{GoalFilter, GoalRow};
use crate::clock::Instant;
use crate::store::Store;

/// A success plan that an account has.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerPlan {
    /// The revision in force.
    pub revision: String,
    /// How far its goals are, as far as they were measured.
    pub goals: Vec<GoalRow>,
}

impl Store {
    /// The plan of an account at an instant; `None` where it has no such plan, and where
    /// the plan's file is gone.
    pub async fn customer_plan(&self, account: &str, plan: &str, at: Instant) -> sqlx::Result<Option<CustomerPlan>> {
        let revision: Option<String> = sqlx::query_scalar(
            "select f.revision from keepwell.plans p
             join keepwell.playbooks f on f.id = p.plan and f.kind = 'plan' and f.present
             where p.account_id = $1 and p.plan = $2 and p.since <= $3",
        )
        .bind(account)
        .bind(plan)
        .bind(at)
        .fetch_optional(self.pool())
        .await?;
        let Some(revision) = revision else { return Ok(None) };
        let filter = GoalFilter { plan: Some(plan), account: Some(account), state: None };
        Ok(Some(CustomerPlan { revision, goals: self.goals_at(filter, at).await? }))
    }
}
