//! Success plans that the step `plan` gives.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::planned_effect::PlannedEffect;
use crate::clock::Instant;
use crate::store::sql::bulk_rows::Rows;

/// Writes them inside the transaction of the transitions that give them. Who has
/// one keeps it; in shadow, and to those who are held out, nothing is given.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    plans: &[PlannedEffect<'_, String>],
    now: Instant,
) -> sqlx::Result<()> {
    let is_real = |one: &&PlannedEffect<'_, String>| !one.enrollment.shadow && !one.enrollment.is_ghost();
    // Each once, and in the same order by everybody who writes at the same time.
    let new: BTreeSet<(&str, &str)> =
        plans.iter().filter(is_real).map(|one| (one.enrollment.account.as_str(), one.draft.as_str())).collect();
    if new.is_empty() {
        return Ok(());
    }
    let rows = Rows::default()
        .column("account_id", new.iter().map(|(account, _)| *account))
        .column("plan", new.iter().map(|(_, plan)| *plan))
        .column("since", new.iter().map(|_| now))
        .column("origin", new.iter().map(|_| "step"));
    rows.insert("keepwell.plans", "on conflict (account_id, plan) do nothing")?.execute(tx).await?;
    Ok(())
}
