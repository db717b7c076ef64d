//! What the breaker asks of the database before a run acts.

use chrono::TimeDelta;
use sqlx::AssertSqlSafe;

use crate::clock::Instant;
use crate::playbook::guardrails::{Fresh, FreshSource};
use crate::store::Store;
use crate::store::customers::relations::Relation;

/// A playbook's latest finished run.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EarlierRun {
    pub revision: String,
    /// How many subjects the store had then; `None` before that was kept.
    pub subjects: Option<i64>,
}

impl Store {
    /// The latest finished run of a playbook before a slot.
    pub async fn earlier_run(&self, playbook: &str, slot: Instant) -> sqlx::Result<Option<EarlierRun>> {
        sqlx::query_as(
            "select revision, subjects from keepwell.runs where playbook = $1 and slot < $2 and state = 'done'
             order by slot desc limit 1",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_optional(self.pool())
        .await
    }

    /// The same of the runs that let somebody in, or that a person has approved.
    pub async fn earlier_run_with_entries(&self, playbook: &str, slot: Instant) -> sqlx::Result<Option<EarlierRun>> {
        sqlx::query_as(
            "select revision, subjects from keepwell.runs
             where playbook = $1 and slot < $2 and state = 'done' and (enrolled > 0 or approved_at is not null)
             order by slot desc limit 1",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_optional(self.pool())
        .await
    }

    /// How many the runs of a playbook let in that are up to `within` before a slot, and
    /// later than the latest approval that was not taken back by a discard; the run at the slot itself does not count.
    pub async fn entered_recently(&self, playbook: &str, slot: Instant, within: TimeDelta) -> sqlx::Result<u64> {
        let entered: i64 = sqlx::query_scalar(
            "select count(*) from keepwell.enrollments
             where playbook = $1 and run_slot < $2 and state <> 'held'
               and run_slot > greatest($3, (select max(approved_at) from keepwell.runs
                   where playbook = $1 and reason is distinct from 'discarded'))",
        )
        .bind(playbook)
        .bind(slot)
        .bind(slot - within)
        .fetch_one(self.pool())
        .await?;
        Ok(entered.unsigned_abs())
    }

    /// How many the runs of a playbook let in on each of the days, of 24 hours, that end a
    /// day before a slot, two days before it, and so on; no day from before its first run.
    pub async fn earlier_days(&self, playbook: &str, slot: Instant, limit: i64) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "select coalesce(sum(r.enrolled), 0)::bigint
             from generate_series(1, $3) as d (day)
             left join keepwell.runs r on r.playbook = $1 and r.state = 'done'
                 and r.slot > $2 - make_interval(hours => 24 * (d.day::int + 1))
                 and r.slot <= $2 - make_interval(hours => 24 * d.day::int)
             where (select min(slot) from keepwell.runs where playbook = $1)
                 <= $2 - make_interval(hours => 24 * (d.day::int + 1))
             group by d.day order by d.day",
        )
        .bind(playbook)
        .bind(slot)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// How many all runs of a revision before a slot have let in, held ones included.
    pub async fn entered_by_revision(&self, playbook: &str, revision: &str, slot: Instant) -> sqlx::Result<u64> {
        let entered: i64 = sqlx::query_scalar(
            "select coalesce(sum(enrolled), 0)::bigint from keepwell.runs
             where playbook = $1 and revision = $2 and slot < $3",
        )
        .bind(playbook)
        .bind(revision)
        .bind(slot)
        .fetch_one(self.pool())
        .await?;
        Ok(entered.unsigned_abs())
    }

    /// Whether a person has approved a run of this revision, and has not discarded the rest
    /// of it since.
    pub async fn has_approved(&self, playbook: &str, revision: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select exists (select from keepwell.runs
             where playbook = $1 and revision = $2 and approved_at is not null
               and reason is distinct from 'discarded')",
        )
        .bind(playbook)
        .bind(revision)
        .fetch_one(self.pool())
        .await
    }

    /// How many the latest finished runs of a playbook before a slot enrolled, latest first.
    pub async fn earlier_sizes(&self, playbook: &str, slot: Instant, limit: i64) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "select enrolled from keepwell.runs where playbook = $1 and slot < $2 and state = 'done'
             order by slot desc limit $3",
        )
        .bind(playbook)
        .bind(slot)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// Remembers how large the store was at a run.
    pub async fn keep_subjects(&self, playbook: &str, slot: Instant, subjects: i64) -> sqlx::Result<()> {
        sqlx::query("update keepwell.runs set subjects = $3 where playbook = $1 and slot = $2")
            .bind(playbook)
            .bind(slot)
            .bind(subjects)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Of these accounts, those with an active enrollment in one of the
    /// playbooks, with the first of them. Shadows do not count.
    pub async fn active_in(
        &self,
        accounts: &[String],
        playbooks: &[String],
    ) -> sqlx::Result<std::collections::HashMap<String, String>> {
        let found: Vec<(String, String)> = sqlx::query_as(
            // By the keys of each account, whatever the statistics say: see the docs of `store::enrollments`.
            "select w.account_id, e.playbook
             from (select distinct unnest($1::text[]) as account_id) w
             cross join lateral (
                 select min(e.playbook) as playbook from keepwell.enrollments e
                 where e.account_id = w.account_id
                   and (e.playbook = any(array(
                       select coalesce(r.playbook, named.id) from unnest($2::text[]) as named (id)
                       left join keepwell.renames r on r.was = named.id))) is true
                   and e.state = 'active' and not e.shadow
                 having count(*) > 0) e",
        )
        .persistent(false)
        .bind(accounts)
        .bind(playbooks)
        .fetch_all(self.pool())
        .await?;
        Ok(found.into_iter().collect())
    }

    /// Whether a relation of the customer store has a row of the last while
    /// before a slot.
    pub async fn is_fresh(&self, fresh: &Fresh, slot: Instant) -> sqlx::Result<bool> {
        let (relation, happened) = match fresh.source {
            FreshSource::Events => (Relation::Events, "at >= $1 and at < $2"),
            FreshSource::Scores => (Relation::Scores, "at >= $1 and at < $2"),
            FreshSource::Tickets => {
                (Relation::Tickets, "(opened_at >= $1 and opened_at < $2) or (closed_at >= $1 and closed_at < $2)")
            }
        };
        let sql = format!("select exists (select 1 from {} r where {happened})", self.relation(relation));
        let fresh = sqlx::query_scalar(AssertSqlSafe(sql)).bind(slot - fresh.within).bind(slot);
        fresh.fetch_one(&mut *self.read().await?).await
    }
}
