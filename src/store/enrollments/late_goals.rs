//! Ended enrollments whose goal still counts. They are looked at together, so
//! when is not written to each of them.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;

/// An ended enrollment, as much of it as finding those in question takes.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Ended {
    pub account_id: String,
    /// Empty for account playbooks.
    pub contact_id: String,
    pub id: Uuid,
    pub started_at: Instant,
    pub step_at: Instant,
    /// The last instant at which the goal counts.
    pub goal_until: Instant,
}

impl Store {
    /// Playbooks and revisions of which there are some.
    pub async fn revisions_with_late_goals(&self) -> sqlx::Result<Vec<(String, String)>> {
        sqlx::query_as(
            "select distinct playbook, revision from keepwell.enrollments where goal_until is not null order by 1, 2",
        )
        .fetch_all(self.pool())
        .await
    }

    /// Those of a revision that had ended at an instant, after the given one in
    /// the order of account and id.
    pub async fn late_goal_candidates(
        &self,
        playbook: &str,
        revision: &str,
        at: Instant,
        after: Option<&Ended>,
        limit: i64,
    ) -> sqlx::Result<Vec<Ended>> {
        sqlx::query_as(
            "select account_id, contact_id, id, started_at, step_at, goal_until from keepwell.enrollments
             where playbook = $1 and revision = $2 and goal_until is not null and ended_at <= $3
               and ($4::text is null or (account_id, id) > ($4, $5))
             order by account_id, id limit $6",
        )
        .bind(playbook)
        .bind(revision)
        .bind(at)
        .bind(after.map(|one| one.account_id.as_str()))
        .bind(after.map(|one| one.id))
        .bind(limit)
        .persistent(false)
        .fetch_all(self.pool())
        .await
    }

    /// Writes goals that came true, of those that nobody has changed meanwhile.
    pub async fn record_late_goals(&self, reached: &[Enrollment]) -> sqlx::Result<u64> {
        if reached.is_empty() {
            return Ok(0);
        }
        let each = || reached.iter();
        let rows = Rows::default()
            .column("account_id", each().map(|one| one.account.as_str()))
            .column("id", each().map(|one| one.id))
            .column("version", each().map(|one| one.version))
            .column("state", each().map(Enrollment::state_name))
            .column("outcome", each().map(Enrollment::outcome_name))
            .column("reason", each().map(|one| one.reason.as_deref()))
            .column("goal_at", each().map(|one| one.goal_at));
        let update = format!(
            "update keepwell.enrollments e
             set state = n.state, outcome = n.outcome, reason = n.reason, goal_at = n.goal_at, goal_until = null,
                 version = n.version + 1
             from {}
             where e.account_id = n.account_id and e.id = n.id and e.version = n.version and e.goal_until is not null",
            rows.relation("n")
        );
        Ok(rows.query(update)?.execute(self.pool()).await?.rows_affected())
    }

    /// Lets go of those of a revision whose goal does not count at `next` any more.
    pub async fn end_late_goals(&self, playbook: &str, revision: &str, next: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.enrollments set goal_until = null
             where playbook = $1 and revision = $2 and goal_until is not null and goal_until < $3",
        )
        .bind(playbook)
        .bind(revision)
        .bind(next)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
