//! Runs that wait for a person, and whom they would touch.

use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow};

use super::runs::{RUN, RunRow};
use crate::clock::Instant;
use crate::store::{Relation, Store};

/// Those of one CSM who wait in a held run.
#[derive(Clone, Debug, FromRow)]
pub struct HeldOfCsm {
    /// `None` is nobody's.
    pub csm: Option<String>,
    /// Accounts, of which contacts may wait too.
    pub accounts: i64,
    /// How many enrollments there would be.
    pub waiting: i64,
    /// Their MRR together, each account once; `None` where it is not a number in the store.
    pub mrr: Option<f64>,
    /// Open tasks of the CSM today.
    pub open_tasks: i64,
    /// The account with the largest MRR of theirs, and that MRR; `None` where it is not a number.
    pub largest_account: String,
    pub largest_mrr: Option<f64>,
}

/// The account with the largest MRR of all that wait in a held run; of equal ones the first by id.
pub fn largest_account(held: &[HeldOfCsm]) -> Option<&str> {
    // Without a number comes after every number.
    let rank = |one: &HeldOfCsm| (one.largest_mrr.is_none(), -one.largest_mrr.unwrap_or(0.0));
    let order = |one: &&HeldOfCsm, other: &&HeldOfCsm| {
        let (rank, other_rank) = (rank(one), rank(other));
        (rank.0.cmp(&other_rank.0))
            .then(rank.1.total_cmp(&other_rank.1))
            .then(one.largest_account.cmp(&other.largest_account))
    };
    held.iter().min_by(order).map(|one| &*one.largest_account)
}

/// What a person said of a held run.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RunWord {
    pub by: String,
    /// Why, in their own words.
    pub reason: Option<String>,
}

impl Store {
    /// The last word on a run, if any.
    pub async fn word_on_run(&self, playbook: &str, slot: Instant) -> sqlx::Result<Option<RunWord>> {
        sqlx::query_as(
            "select d.by, w.reason from keepwell.audit d left join keepwell.audit_reasons w using (n)
             where d.deed in ('approve', 'discard') and d.about ->> 'playbook' = $1 and d.about ->> 'slot' = $2
             order by d.n desc limit 1",
        )
        .bind(playbook)
        .bind(json!(slot).as_str())
        .fetch_optional(self.pool())
        .await
    }

    /// Every run that waits for a person, the oldest first.
    pub async fn held_runs(&self) -> sqlx::Result<Vec<RunRow>> {
        let sql = format!("select {RUN} from keepwell.runs where state = 'held' order by slot, playbook");
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await
    }

    /// One run; `None` where there is none.
    pub async fn run_row(&self, playbook: &str, slot: Instant) -> sqlx::Result<Option<RunRow>> {
        let sql = format!("select {RUN} from keepwell.runs where playbook = $1 and slot = $2");
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(slot).fetch_optional(&mut *self.read().await?).await
    }

    /// Whose accounts wait in a held run, the most first.
    pub async fn held_by_csm(&self, playbook: &str, slot: Instant) -> sqlx::Result<Vec<HeldOfCsm>> {
        let (accounts, csms) = (self.relation(Relation::Accounts), self.relation(Relation::Csms));
        let account = self.key().of_text("w.account_id");
        let sql = format!(
            "select coalesce(nullif(btrim(c.name), ''), a.csm_id) as csm, count(*) as accounts,
                 sum(w.waiting)::bigint as waiting,
                 sum(m.mrr) as mrr,
                 (select count(*) from keepwell.tasks t where t.assignee = a.csm_id and t.state = 'open') as open_tasks,
                 (array_agg(w.account_id order by m.mrr desc nulls last, w.account_id))[1] as largest_account,
                 max(m.mrr) as largest_mrr
             from (select e.account_id, count(*) as waiting from keepwell.enrollments e
                   where e.playbook = $1 and e.run_slot = $2 and e.state = 'held' and e.account_id <> ''
                   group by e.account_id) w
             left join {accounts} a on a.id = {account}
             left join {csms} c on c.id = a.csm_id
             cross join lateral (
                 select case when jsonb_typeof(to_jsonb(a.mrr)) = 'number' then (to_jsonb(a.mrr) #>> '{{}}')::float8 end as mrr) m
             group by a.csm_id, c.name
             order by 3 desc, 1"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(slot).fetch_all(&mut *self.read().await?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_account_is_that_of_the_largest_number() {
        let of = |account: &str, mrr: Option<f64>| HeldOfCsm {
            csm: None,
            accounts: 1,
            waiting: 1,
            mrr,
            open_tasks: 0,
            largest_account: account.to_owned(),
            largest_mrr: mrr,
        };
        assert_eq!(largest_account(&[]), None);
        assert_eq!(largest_account(&[of("b", None), of("a", None)]), Some("a"));
        let held = [of("a", None), of("b", Some(-2.0)), of("d", Some(10.0)), of("c", Some(10.0)), of("e", Some(9.0))];
        assert_eq!(largest_account(&held), Some("c"));
        assert_eq!(largest_account(&held[..2]), Some("b"));
    }
}
