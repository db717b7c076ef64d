//! How the accounts that are held out fare beside those that are treated.

use std::collections::BTreeMap;

use crate::enrollment::holdout::{Arm, Comparison, Outcomes};
use crate::store::Store;

/// A playbook's comparison, and what its ghosts did without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArmComparison {
    pub comparison: Comparison,
    /// Kind to number.
    pub counted: BTreeMap<String, i64>,
}

impl Store {
    /// What the ghosts of a playbook did without: kind to number.
    pub async fn ghosts_count(&self, playbook: &str) -> sqlx::Result<BTreeMap<String, i64>> {
        let counted = self.count_ghost_effects(Some(playbook)).await?;
        Ok(counted.into_iter().map(|(_, kind, number)| (kind, number)).collect())
    }

    /// By playbook, of those that have or had a holdout, or of the one that is
    /// named. An account is where it was drawn first; what was only watched in
    /// shadow does not count.
    pub async fn compare_arms(&self, playbook: Option<&str>) -> sqlx::Result<BTreeMap<String, ArmComparison>> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "select playbook, arm, count(*), count(*) filter (where reached)
             from (select playbook, (array_agg(arm order by started_at, id))[1] as arm,
                          bool_or(coalesce(outcome, state) = 'goal') as reached
                   from keepwell.enrollments
                   where arm is not null and not shadow and ($1::text is null or playbook = $1)
                   group by playbook, account_id) accounts
             group by playbook, arm",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await?;
        let counted = self.count_ghost_effects(playbook).await?;
        let mut compared: BTreeMap<String, ArmComparison> = BTreeMap::new();
        for (playbook, arm, accounts, goal) in rows {
            let comparison = &mut compared.entry(playbook).or_default().comparison;
            match Arm::parse(&arm) {
                Some(Arm::Treated) => comparison.treated = Outcomes { accounts, goal },
                Some(Arm::Ghost) => comparison.ghosts = Outcomes { accounts, goal },
                None => {}
            }
        }
        for (playbook, kind, number) in counted {
            compared.entry(playbook).or_default().counted.insert(kind, number);
        }
        Ok(compared)
    }

    /// Playbook, kind and number of what ghosts did without; of one playbook where it is named.
    async fn count_ghost_effects(&self, playbook: Option<&str>) -> sqlx::Result<Vec<(String, String, i64)>> {
        sqlx::query_as(
            "select e.playbook, kinds.kind, sum(steps.number::bigint)::bigint
             from keepwell.enrollments e
             cross join lateral jsonb_each(e.counted) as kinds (kind, steps)
             cross join lateral jsonb_each_text(kinds.steps) as steps (step, number)
             where e.arm is not null and e.state = 'ghost' and not e.shadow and ($1::text is null or e.playbook = $1)
             group by e.playbook, kinds.kind",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }
}
