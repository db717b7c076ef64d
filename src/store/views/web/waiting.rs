//! How much waits for a person, on every page.

use sqlx::FromRow;

use crate::clock::Instant;
use crate::store::Store;

/// What waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Waiting {
    /// The open tasks of a CSM that are not put off; none without a CSM.
    pub tasks: i64,
    /// The held runs.
    pub held_runs: i64,
}

impl Store {
    /// What waits for a CSM, each counted up to `most`.
    pub async fn waiting(&self, csm: Option<&str>, now: Instant, most: i64) -> sqlx::Result<Waiting> {
        sqlx::query_as(
            "select (select count(*) from (
                     select from keepwell.tasks t where t.state = 'open' and t.assignee = $1
                       and coalesce(t.snoozed_until <= $2, true) limit $3) t) as tasks,
                 (select count(*) from (select from keepwell.runs where state = 'held' limit $3) r) as held_runs",
        )
        .bind(csm)
        .bind(now)
        .bind(most)
        .fetch_one(self.pool())
        .await
    }
}
