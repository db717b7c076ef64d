//! What playbooks with `on:` have looked at, and up to when.

use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::store::Store;
use crate::store::customers::arrivals::Arrival;
use crate::store::lease::Lost;
use crate::store::runs::run::{Run, is_ours};

impl Store {
    /// The playbooks of which a run is under way, or waits for a person who can still
    /// approve it.
    pub async fn busy_playbooks(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "select distinct r.playbook from keepwell.runs r join keepwell.playbooks p on p.id = r.playbook
             where r.state = 'running' or r.state = 'held' and r.approved_at is null and r.revision = p.revision",
        )
        .fetch_all(self.pool())
        .await
    }

    /// Begins to watch for an event `after` so many seconds: what was due before is the
    /// playbook's past. One that is watched already goes on; where only `after` is another,
    /// behind the events that were looked at.
    pub async fn begin_watch(&self, playbook: &str, event: &str, after: i64) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.playbooks set on_event = $2, on_after = $3,
                 events_since = case
                     when on_event is distinct from $2 then published_at
                     when on_after is null then events_since
                     else greatest(events_since, events_after - interval '1 day')
                         + make_interval(secs => ($3 - on_after)::float8) end,
                 events_after = case
                     when on_event is distinct from $2 then published_at
                     when on_after is null then events_after
                     else events_after + make_interval(secs => ($3 - on_after)::float8) end
             where id = $1 and (on_event is distinct from $2 or on_after is distinct from $3)",
        )
        .bind(playbook)
        .bind(event)
        .bind(after)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Nobody came: the events of these playbooks have been looked at up to an instant.
    pub async fn settle_watches(&self, playbooks: &[String], until: Instant) -> sqlx::Result<()> {
        if playbooks.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "update keepwell.playbooks set slots_after = greatest(slots_after, $2), events_after = greatest(events_after, $2)
             where id = any($1) and (slots_after < $2 or events_after < $2)",
        )
        .bind(playbooks)
        .bind(until)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// What was due while a playbook was stopped or paused is not looked at later.
    pub async fn forget_watch(&self, playbook: &str, until: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.playbooks set slots_after = greatest(slots_after, $2), events_since = $2,
                 events_after = greatest(events_after, $2)
             where id = $1 and events_since < $2 and not exists (
                 select from keepwell.runs r
                 where r.playbook = $1 and r.state = 'held' and r.approved_at is null and r.events_from is not null)",
        )
        .bind(playbook)
        .bind(until)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Keeps what a run has looked at, as long as it is ours; `again` says of whom what
    /// kept them out may end. Whom the run has let in counts once, whatever it says.
    pub async fn record_event_looks(
        &self,
        run: &Run,
        arrivals: &[Arrival],
        again: impl Fn(&SubjectId) -> bool,
    ) -> sqlx::Result<Result<(), Lost>> {
        let mut tx = self.pool().begin().await?;
        if !is_ours(&mut tx, run).await? {
            tx.rollback().await?;
            return Ok(Err(Lost));
        }
        sqlx::query(
            "insert into keepwell.event_looks as k (account_id, contact_id, playbook, at, slot, again)
             select w.account_id, w.contact_id, $1, w.at, $2, w.again and not exists (
                 select from keepwell.enrollments e
                 where e.account_id = w.account_id and e.contact_id = w.contact_id and e.playbook = $1
                   and e.run_slot = $2 and e.state <> 'held')
             from unnest($3::text[], $4::text[], $5::timestamptz[], $6::bool[]) as w (account_id, contact_id, at, again)
             on conflict (account_id, playbook, contact_id, at) do update
             set slot = excluded.slot, again = excluded.again",
        )
        .bind(&run.playbook)
        .bind(run.slot)
        .bind(arrivals.iter().map(|arrival| arrival.subject.account.clone()).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|arrival| arrival.subject.contact.clone()).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|arrival| arrival.at).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|arrival| again(&arrival.subject)).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "update keepwell.playbooks set slots_after = greatest(slots_after, $2), events_after = greatest(events_after, $2)
             where id = $1",
        )
        .bind(&run.playbook)
        .bind(run.slot)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// The slot of the run that looked at an event of a subject for good.
    pub async fn event_look(&self, playbook: &str, subject: &SubjectId, at: Instant) -> sqlx::Result<Option<Instant>> {
        sqlx::query_scalar(
            "select slot from keepwell.event_looks
             where account_id = $1 and playbook = $2 and contact_id = $3 and at = $4 and not again",
        )
        .bind(&subject.account)
        .bind(playbook)
        .bind(&subject.contact)
        .bind(at)
        .fetch_optional(self.pool())
        .await
    }

    /// Forgets the looks of runs before an instant at events that no run would find any
    /// more; returns how many.
    pub async fn forget_event_looks(&self, before: Instant) -> sqlx::Result<u64> {
        const BATCH: i64 = 5_000;
        let done = sqlx::query(
            "delete from keepwell.event_looks
             where ctid = any (array(
                 select k.ctid from keepwell.event_looks k
                 where k.slot < $1 and not exists (
                     select from keepwell.playbooks p
                     where p.id = k.playbook
                       and coalesce(k.at + make_interval(secs => p.on_after::float8), k.slot)
                           >= p.events_after - interval '2 days')
                 limit $2))",
        )
        .bind(before)
        .bind(BATCH)
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected())
    }
}
