//! Reading the success plans of a chunk of accounts.

use std::collections::HashMap;

use sqlx::{Postgres, Transaction};

use super::wanted::WantedPast;
use crate::clock::Instant;
use crate::facts::{AccountPast, GoalRecord, PlanRecord};
use crate::store::documents::plans::ProgressRow;

/// Reads which plans they have, and how far the goals were when.
pub(super) async fn read(
    transaction: &mut Transaction<'static, Postgres>,
    wanted: &WantedPast,
    ids: &[String],
    pasts: &mut HashMap<&str, &mut AccountPast>,
) -> sqlx::Result<()> {
    let plans: Vec<(String, String, Instant, String)> = sqlx::query_as(
        "select p.account_id, p.plan, p.since, p.origin from keepwell.plans p
         where p.account_id = any($1) and p.since < $2",
    )
    .bind(ids)
    .bind(wanted.until)
    .fetch_all(&mut **transaction)
    .await?;
    for (account, plan, since, origin) in plans {
        if let Some(past) = pasts.get_mut(account.as_str()) {
            past.history.plans.push(PlanRecord { plan, since, by_step: origin == "step" });
        }
    }
    #[derive(sqlx::FromRow)]
    struct PastGoal {
        plan: String,
        at: Instant,
        in_force: bool,
        #[sqlx(flatten)]
        progress: ProgressRow,
    }
    let goals: Vec<PastGoal> = sqlx::query_as(
        "select g.account_id, g.plan, g.goal, g.at, g.state, g.value, g.start, g.target, g.progress, g.due_at,
             g.reached_at, g.missed_at, g.milestones,
             not exists (select from keepwell.playbooks f where f.id = g.plan and not f.present) as in_force
         from keepwell.goals g where g.account_id = any($1) and g.at <= $2 order by g.at",
    )
    .bind(ids)
    .bind(wanted.until)
    .fetch_all(&mut **transaction)
    .await?;
    for PastGoal { plan, at, in_force, progress } in goals {
        let (account, goal, progress) = progress.into_progress();
        if let Some(past) = pasts.get_mut(account.as_str()) {
            past.history.goals.push(GoalRecord { plan, goal, at, progress, in_force });
        }
    }
    Ok(())
}
