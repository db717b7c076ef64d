//! The room that `max_per_day` leaves on one day. Runs of a playbook ask for it
//! one after the other, and what one was given nobody else gets while it is
//! under way; so no two together pass the limit, however they meet.

use super::run::{Run, of_holder};
use crate::clock::Instant;
use crate::store::Store;
use crate::store::lease::{Lost, unless_lost};

/// A day of a playbook's zone, on which no more than so many may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaDay {
    pub most: u64,
    pub since: Instant,
    /// The first instant after it.
    pub until: Instant,
}

impl Store {
    /// How many more may enter a playbook on a day; those of the run at `but`
    /// do not count. Nothing is kept.
    pub async fn quota_left(&self, playbook: &str, day: &QuotaDay, but: Instant) -> sqlx::Result<u64> {
        let entered: i64 = sqlx::query_scalar(
            "select count(*) from keepwell.enrollments
             where playbook = $1 and started_at >= $2 and started_at < $3 and state <> 'held'
               and run_slot is distinct from $4",
        )
        .bind(playbook)
        .bind(day.since)
        .bind(day.until)
        .bind(but)
        .fetch_one(self.pool())
        .await?;
        Ok(day.most.saturating_sub(entered.unsigned_abs()))
    }

    /// Keeps room for as many as are `asked` for, or for as many as fit, beside
    /// those that have entered by the same run on that day. What was kept before
    /// is given back, so the caller has nothing under way. It is kept as long as
    /// somebody has the run; who takes it over has it, too.
    pub async fn keep_room(&self, run: &Run, day: &QuotaDay, asked: usize) -> sqlx::Result<Result<usize, Lost>> {
        let mut tx = self.pool().begin().await?;
        // One after the other, and each sees what the one before has kept: so
        // the counting is a statement of its own.
        sqlx::query("select 1 from keepwell.playbooks where id = $1 for no key update")
            .bind(&run.playbook)
            .execute(&mut *tx)
            .await?;
        let (own, others): (i64, i64) = sqlx::query_as(
            "with entered as (
                 select run_slot, count(*) as count from keepwell.enrollments
                 where playbook = $1 and started_at >= $2 and started_at < $3 and state <> 'held' group by run_slot),
             kept as (
                 select slot, may_enter from keepwell.runs
                 where playbook = $1 and state in ('running', 'held') and token is not null and day_began = $2)
             select coalesce(sum(e.count) filter (where e.run_slot = $4), 0)::bigint,
                    coalesce(sum(greatest(e.count, k.may_enter, 0))
                        filter (where coalesce(e.run_slot, k.slot) is distinct from $4), 0)::bigint
             from entered e full join kept k on k.slot = e.run_slot",
        )
        .bind(&run.playbook)
        .bind(day.since)
        .bind(day.until)
        .bind(run.slot)
        .fetch_one(&mut *tx)
        .await?;
        let (own, others) = (own.unsigned_abs(), others.unsigned_abs());
        let fit = day.most.saturating_sub(own.saturating_add(others)).min(asked as u64);
        let kept = of_holder(run, "may_enter = $4, day_began = $5")
            .bind(i64::try_from(own.saturating_add(fit)).unwrap_or(i64::MAX))
            .bind(day.since)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(unless_lost(kept.rows_affected()).map(|()| fit as usize))
    }
}
