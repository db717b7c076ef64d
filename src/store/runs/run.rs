//! One evaluation of a playbook for a slot, from its opening to its end. The
//! primary key decides who runs it, the lease who may finish it.

use crate::ids::{PlaybookId, RevisionId};
use sqlx::postgres::PgArguments;
use sqlx::query::{Query, QueryAs};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Postgres};
use uuid::Uuid;

use super::name_lock::holds_name;
use super::tally::{Entered, Tally};
use crate::clock::Instant;
use crate::random;
use crate::store::lease::{Lost, unless_lost};
use crate::store::messages::insert::OwnerNotice;
use crate::store::upkeep::stopped::Halted;
use crate::store::{LEASE, Store};

/// A run that this process may work on.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Run {
    pub playbook: String,
    pub slot: Instant,
    /// `scheduled` or `manual`.
    pub kind: String,
    pub revision: String,
    /// `go` once it was decided below the ceiling.
    pub verdict: Option<String>,
    /// How many it may enroll, once decided.
    pub ceiling: Option<i64>,
    pub token: Option<Uuid>,
    /// When a person approved it.
    pub approved_at: Option<Instant>,
    /// Whether they let all of it in without the ramp.
    pub at_once: bool,
    /// Batches of its ramp that have been released.
    pub ramp_batch: i32,
    /// When the next of them was due; `None` before the first.
    pub ramp_at: Option<Instant>,
    /// Of a run that events have called: they became due after this.
    pub events_from: Option<Instant>,
}

/// Why there is a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// A slot of the playbook's schedule was due.
    Scheduled,
    /// A person named the instant.
    Manual,
}

impl RunKind {
    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            RunKind::Scheduled => "scheduled",
            RunKind::Manual => "manual",
        }
    }
}

/// The name of a run, as `approve` takes it: `playbook@slot`.
pub fn run_id(playbook: &str, slot: Instant) -> String {
    format!("{playbook}@{}", slot.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Reads a run's name.
pub fn parse_run_id(id: &str) -> Option<(String, Instant)> {
    let (playbook, slot) = id.split_once('@')?;
    Some((playbook.to_owned(), chrono::DateTime::parse_from_rfc3339(slot).ok()?.to_utc()))
}

impl Store {
    /// Opens the run of a slot; `None` when somebody has it already, and when the
    /// playbook has another name meanwhile. The held runs before it are
    /// superseded, unless they are approved.
    pub async fn open_run(
        &self,
        playbook: PlaybookId<'_>,
        revision: RevisionId<'_>,
        slot: Instant,
        kind: RunKind,
        now: Instant,
    ) -> sqlx::Result<Option<Run>> {
        self.open(playbook, revision, slot, kind, None, now).await
    }

    /// The same of a slot at which events that became due after `from` call the
    /// playbook; `None` also while another run of it is under way, or waits for a
    /// person who can still approve it: then these events wait with it.
    pub async fn open_event_run(
        &self,
        playbook: PlaybookId<'_>,
        revision: RevisionId<'_>,
        slot: Instant,
        from: Instant,
        now: Instant,
    ) -> sqlx::Result<Option<Run>> {
        self.open(playbook, revision, slot, RunKind::Scheduled, Some(from), now).await
    }

    async fn open(
        &self,
        playbook: PlaybookId<'_>,
        revision: RevisionId<'_>,
        slot: Instant,
        kind: RunKind,
        events_from: Option<Instant>,
        now: Instant,
    ) -> sqlx::Result<Option<Run>> {
        let token = random::token();
        let lease = self.lease_clock().await? + LEASE;
        let mut tx = self.pool().begin().await?;
        if !holds_name(&mut tx, playbook.0).await? || (events_from.is_some() && is_busy(&mut tx, playbook.0).await?) {
            tx.rollback().await?;
            return Ok(None);
        }
        let opened: Option<Run> = sqlx::query_as(
            "insert into keepwell.runs (playbook, slot, kind, revision, state, started_at, token, lease_until, events_from)
             values ($1, $2, $3, $4, 'running', $5, $6, $7, $8)
             on conflict (playbook, slot) do nothing
             returning playbook, slot, kind, revision, verdict, ceiling, token, approved_at, at_once, ramp_batch, ramp_at, events_from",
        )
        .bind(playbook.0)
        .bind(slot)
        .bind(kind.name())
        .bind(revision.0)
        .bind(now)
        .bind(token)
        .bind(lease)
        .bind(events_from)
        .fetch_optional(&mut *tx)
        .await?;
        if opened.is_some() {
            let superseded: Vec<Instant> = sqlx::query_scalar(
                "update keepwell.runs set state = 'skipped', reason = 'superseded', ended_at = $3
                 where playbook = $1 and slot <> $2 and state = 'held' and approved_at is null returning slot",
            )
            .bind(playbook.0)
            .bind(slot)
            .bind(now)
            .fetch_all(&mut *tx)
            .await?;
            for slot in superseded {
                delete_held(&mut tx, playbook.0, slot).await?;
            }
        }
        tx.commit().await?;
        Ok(opened)
    }

    /// Supersedes the runs that events have called and that wait for a person although
    /// another revision is in force by now: nobody can approve them any more. A later run looks
    /// at their events; returns how many runs. Of a playbook that is stopped they wait on: what
    /// is looked at during a stop is past.
    pub async fn supersede_outdated_event_runs(
        &self,
        is_stopped: impl Fn(&str) -> bool,
        now: Instant,
    ) -> sqlx::Result<usize> {
        let mut tx = self.pool().begin().await?;
        // Playbooks before runs, as whoever opens a run does.
        let playbooks: Vec<String> = sqlx::query_scalar(
            "select p.id from keepwell.playbooks p
             where exists (select from keepwell.runs r
                 where r.playbook = p.id and r.state = 'held' and r.approved_at is null and r.events_from is not null
                   and r.revision <> p.revision)
             order by p.id for no key update",
        )
        .fetch_all(&mut *tx)
        .await?;
        let playbooks: Vec<String> = playbooks.into_iter().filter(|playbook| !is_stopped(playbook)).collect();
        if playbooks.is_empty() {
            tx.rollback().await?;
            return Ok(0);
        }
        let outdated: Vec<(String, Instant)> = sqlx::query_as(
            "update keepwell.runs r set state = 'skipped', reason = 'superseded', ended_at = $1
             from keepwell.playbooks p
             where p.id = r.playbook and r.state = 'held' and r.approved_at is null and r.events_from is not null
               and r.revision <> p.revision and p.id = any($2)
             returning r.playbook, r.slot",
        )
        .bind(now)
        .bind(&playbooks)
        .fetch_all(&mut *tx)
        .await?;
        for (playbook, slot) in &outdated {
            delete_held(&mut tx, playbook, *slot).await?;
            forget_looks(&mut tx, playbook, *slot).await?;
        }
        tx.commit().await?;
        Ok(outdated.len())
    }

    /// Takes over runs whose holder went away, of playbooks that are not
    /// halted.
    pub async fn take_over_runs(&self, halted: &Halted) -> sqlx::Result<Vec<Run>> {
        let lease_now = self.lease_clock().await?;
        // One whose holder writes at this moment after all is left to it.
        claim("state = 'running' and lease_until < $1", lease_now, halted).fetch_all(self.pool()).await
    }

    /// Keeps a run ours.
    pub async fn renew_run(&self, run: &Run) -> sqlx::Result<Result<(), Lost>> {
        let lease = self.lease_clock().await? + LEASE;
        let renewed = of_holder(run, "lease_until = $4").bind(lease).execute(self.pool()).await?;
        Ok(unless_lost(renewed.rows_affected()))
    }

    /// Keeps several runs ours, as far as they still are.
    pub async fn renew_runs(&self, runs: &[Run]) -> sqlx::Result<()> {
        let lease = self.lease_clock().await? + LEASE;
        sqlx::query(
            "update keepwell.runs r set lease_until = $4
             from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as held (playbook, slot, token)
             where r.playbook = held.playbook and r.slot = held.slot and r.token = held.token",
        )
        .bind(runs.iter().map(|run| run.playbook.clone()).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.slot).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.token).collect::<Vec<_>>())
        .bind(lease)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Stores the verdict before anything is committed: how many may enter.
    pub async fn decide_run(&self, run: &Run, verdict: &str, ceiling: i64) -> sqlx::Result<Result<(), Lost>> {
        let decided = of_holder(run, "verdict = $4, ceiling = $5").bind(verdict).bind(ceiling);
        let decided = decided.execute(self.pool()).await?;
        Ok(unless_lost(decided.rows_affected()))
    }

    /// Ends a run, or leaves it `held`, and tells whoever is to hear of it. Of a
    /// run that failed nobody waits any more.
    pub async fn end_run(
        &self,
        run: &Run,
        state: &str,
        reason: Option<&str>,
        tally: &Tally,
        notice: Option<&OwnerNotice<'_>>,
        now: Instant,
    ) -> sqlx::Result<Result<(), Lost>> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let ended = of_holder(
            run,
            "state = $4, reason = $5, candidates = $6, enrolled = $7, skipped = $8, details = $9, ended_at = $10,
             ghosts = $11, lease_until = null, token = null",
        )
        .bind(state)
        .bind(reason)
        .bind(tally.candidates)
        .bind(tally.entered.all)
        .bind(serde_json::json!(tally.skipped))
        .bind(serde_json::json!(tally.details))
        .bind((state != "held").then_some(now))
        .bind(tally.entered.ghosts)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if state == "failed" && ended > 0 {
            delete_held(&mut tx, &run.playbook, run.slot).await?;
        }
        if let Some(notice) = notice.filter(|_| ended > 0) {
            notice.insert(&mut tx, naming, now).await?;
        }
        tx.commit().await?;
        Ok(unless_lost(ended))
    }

    /// Of a held run, what has entered without a person's word was the first
    /// batch of its ramp: an approval goes on with the second.
    pub(crate) async fn count_canary_as_batch(&self, run: &Run) -> sqlx::Result<Result<(), Lost>> {
        let counted = of_holder(run, "ramp_batch = 1").execute(self.pool()).await?;
        Ok(unless_lost(counted.rows_affected()))
    }

    /// How many enrollments a run has committed so far.
    pub async fn count_enrolled(&self, playbook: &str, slot: Instant) -> sqlx::Result<Entered> {
        sqlx::query_as(
            "select count(*) as all, count(*) filter (where state = 'ghost') as ghosts
             from keepwell.enrollments where playbook = $1 and run_slot = $2 and state <> 'held'",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_one(self.pool())
        .await
    }

    /// Ids of what a run has committed so far.
    pub async fn enrolled_ids(&self, playbook: &str, slot: Instant) -> sqlx::Result<Vec<Uuid>> {
        sqlx::query_scalar(
            "select id from keepwell.enrollments where playbook = $1 and run_slot = $2 and state <> 'held'",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_all(self.pool())
        .await
    }

    /// Records slots that will not run, with the reason.
    pub async fn skip_slots(
        &self,
        playbook: PlaybookId<'_>,
        revision: RevisionId<'_>,
        slots: &[Instant],
        kind: RunKind,
        reason: &str,
        now: Instant,
    ) -> sqlx::Result<u64> {
        let done = sqlx::query(
            "insert into keepwell.runs (playbook, slot, kind, revision, state, reason, started_at, ended_at)
             select $1, slot, $6, $2, 'skipped', $4, $5, $5 from unnest($3::timestamptz[]) as s(slot)
             on conflict (playbook, slot) do nothing",
        )
        .bind(playbook.0)
        .bind(revision.0)
        .bind(slots)
        .bind(reason)
        .bind(now)
        .bind(kind.name())
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected())
    }
}

/// Whether a run of a playbook is under way, or waits for a person who can still
/// approve it, or was called by events and must be superseded first, so that the next one
/// begins at its events. Whoever asks is alone with it until the transaction ends.
async fn is_busy(tx: &mut PgConnection, playbook: &str) -> sqlx::Result<bool> {
    sqlx::query("select 1 from keepwell.playbooks where id = $1 for no key update")
        .bind(playbook)
        .execute(&mut *tx)
        .await?;
    // A statement of its own sees what was opened while this one waited.
    sqlx::query_scalar(
        "select exists (select from keepwell.runs r join keepwell.playbooks p on p.id = r.playbook
             where r.playbook = $1 and (r.state = 'running'
                 or r.state = 'held' and r.approved_at is null
                    and (r.revision = p.revision or r.events_from is not null)))",
    )
    .bind(playbook)
    .fetch_one(tx)
    .await
}

/// An update of a run as long as it is its holder's; further parameters begin
/// with `$4`.
pub(in crate::store) fn of_holder(run: &Run, set: &str) -> Query<'static, Postgres, PgArguments> {
    let sql = format!("update keepwell.runs set {set} where playbook = $1 and slot = $2 and token = $3");
    // Safe: our own columns; values are bound.
    sqlx::query(AssertSqlSafe(sql)).bind(run.playbook.clone()).bind(run.slot).bind(run.token)
}

/// Claims the runs for which `which` holds, of playbooks that are not halted.
/// One in somebody's hands at this moment is left to them. `$1` is the lease
/// clock; what else `which` asks for is bound behind `$4`.
pub(in crate::store) fn claim(
    which: &str,
    lease_now: Instant,
    halted: &Halted,
) -> QueryAs<'static, Postgres, Run, PgArguments> {
    let sql = format!(
        "update keepwell.runs r set token = $2, lease_until = $3
         from (select playbook as of_playbook, slot as of_slot from keepwell.runs
               where {which} and playbook <> all($4) for update skip locked) free
         where r.playbook = of_playbook and r.slot = of_slot
         returning playbook, slot, kind, revision, verdict, ceiling, token, approved_at, at_once, ramp_batch, ramp_at, events_from"
    );
    // Safe: our own words; values are bound.
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(lease_now)
        .bind(random::token())
        .bind(lease_now + LEASE)
        .bind(halted.playbooks.clone())
}

/// Whether a run is its holder's, and keeps it so until the transaction ends:
/// whoever takes it over waits for that, and its holder may renew it.
pub(in crate::store) async fn is_ours(tx: &mut PgConnection, run: &Run) -> sqlx::Result<bool> {
    let ours =
        sqlx::query("select 1 from keepwell.runs where playbook = $1 and slot = $2 and token = $3 for key share")
            .bind(&run.playbook)
            .bind(run.slot)
            .bind(run.token)
            .fetch_optional(tx)
            .await?;
    Ok(ours.is_some())
}

/// Deletes those who wait in a run: nobody has entered, and no key is used.
pub(in crate::store) async fn delete_held(tx: &mut PgConnection, playbook: &str, slot: Instant) -> sqlx::Result<()> {
    sqlx::query("delete from keepwell.enrollments where playbook = $1 and run_slot = $2 and state = 'held'")
        .bind(playbook)
        .bind(slot)
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets what a run has looked at, so that another one finds its events: those of
/// everybody but whom it has let in. Whoever waits in it is deleted before.
async fn forget_looks(tx: &mut PgConnection, playbook: &str, slot: Instant) -> sqlx::Result<()> {
    sqlx::query(
        "with forgotten as (
             delete from keepwell.event_looks k where k.playbook = $1 and k.slot = $2
                 and not exists (select from keepwell.enrollments e
                     where e.account_id = k.account_id and e.contact_id = k.contact_id
                       and e.playbook = k.playbook and e.run_slot = k.slot)
             returning k.at)
         update keepwell.playbooks p
         set events_after = least(events_after,
             f.first + make_interval(secs => coalesce(on_after, 0)::float8) - interval '1 microsecond')
         from (select min(at) as first from forgotten) f
         where p.id = $1 and f.first is not null",
    )
    .bind(playbook)
    .bind(slot)
    .execute(tx)
    .await?;
    Ok(())
}
