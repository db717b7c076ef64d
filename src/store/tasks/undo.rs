//! Undoing what a person did with tasks, as long as nothing came of it, and
//! carrying out what cannot be undone any more.

use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;

use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::enrollments::transitions::close_open_work;
use crate::store::tasks::manual_changes::TaskDeed;
use crate::store::upkeep::audit::record;

/// Which columns of a task each kind of act writes.
const WRITTEN: [(&[&str], &[&str]); 3] = [
    (&TaskDeed::ENDING, &["state", "reason", "outcome", "look_at", "ended_at"]),
    (&["snooze"], &["snoozed_until", "escalate_at"]),
    (&["reassign"], &["assignee", "pool", "reason", "handed_from", "handed_at", "told_at"]),
];

/// What became of the wish to undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// So many tasks are as they were.
    Done(usize),
    /// Its time is over.
    TooLate,
    /// Something happened since that builds on it.
    Overtaken,
    Unknown,
}

/// What a person did a moment ago.
#[derive(Clone, Debug, FromRow)]
pub struct RecentAct {
    pub kind: String,
    /// How many tasks it changed.
    pub tasks: i64,
    /// The title of one of them.
    pub title: String,
    pub undo_until: Instant,
    /// `None` while it holds.
    pub undone_at: Option<Instant>,
    /// Until when that one is put off.
    pub snoozed_until: Option<Instant>,
    /// Who has it.
    pub assignee: Option<String>,
}

/// A task of an act.
#[derive(FromRow)]
struct ActRow {
    task_id: Uuid,
    kind: String,
    undo_until: Instant,
    undone_at: Option<Instant>,
    /// Whether the task is as the act left it.
    stands: bool,
    /// Whether its enrollment is where it was; there is none, or it was over.
    stays: bool,
}

impl Store {
    /// Takes an act back, with all its tasks or not at all: they and their
    /// enrollments are as they were before.
    pub async fn undo_task_act(&self, act: Uuid, by: Actor<'_>, now: Instant) -> sqlx::Result<Undone> {
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "select 1 from keepwell.enrollments e
             where (e.account_id, e.id) in (
                 select t.account_id, t.enrollment_id from keepwell.task_acts a
                 join keepwell.tasks t on t.account_id = a.account_id and t.id = a.task_id where a.act = $1)
             order by e.account_id, e.id for update",
        )
        .bind(act)
        .execute(&mut *tx)
        .await?;
        let rows: Vec<ActRow> = sqlx::query_as(
            "select a.task_id, a.kind, a.undo_until, a.undone_at,
                 case when a.kind = 'complete' then t.state = 'done' when a.kind in ('dismiss', 'stop') then t.state = 'dismissed'
                      else t.state = 'open' end
                 -- Of one enrollment the latest is undone first: each knows what was before it.
                 and not exists (select from keepwell.task_acts l
                     join keepwell.tasks o on o.account_id = l.account_id and o.id = l.task_id
                     where l.account_id = a.account_id and l.act <> a.act and l.at >= a.at and l.undone_at is null
                       and (l.task_id = a.task_id or o.enrollment_id = t.enrollment_id
                            and a.kind = any($2) and l.kind = any($2))) as stands,
                 a.before->'enrollment' = 'null'::jsonb or coalesce(e.state = 'active'
                     and e.step is not distinct from a.before->'enrollment'->>'step'
                     and e.phase = a.before->'enrollment'->>'phase'
                     and e.step_at = (a.before->'enrollment'->>'step_at')::timestamptz, false) as stays
             from keepwell.task_acts a
             join keepwell.tasks t on t.account_id = a.account_id and t.id = a.task_id
             left join keepwell.enrollments e on e.account_id = t.account_id and e.id = t.enrollment_id
             where a.act = $1 order by a.account_id, a.task_id for update of a, t",
        )
        .bind(act)
        .bind(TaskDeed::ENDING)
        .fetch_all(&mut *tx)
        .await?;
        let refused = match rows.as_slice() {
            [] => Some(Undone::Unknown),
            rows if rows.iter().any(|row| row.undone_at.is_some() || !row.stands || !row.stays) => {
                Some(Undone::Overtaken)
            }
            rows if rows.iter().any(|row| row.undo_until <= now) => Some(Undone::TooLate),
            _ => None,
        };
        if let Some(refused) = refused {
            tx.rollback().await?;
            return Ok(refused);
        }
        match restore(&mut tx, act, now).await {
            Ok(()) => {}
            // The same task is open once more: its playbook has made another one.
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
                tx.rollback().await?;
                return Ok(Undone::Overtaken);
            }
            Err(error) => return Err(error),
        }
        let tasks: Vec<Uuid> = rows.iter().map(|row| row.task_id).collect();
        record(&mut tx, "undo", by, &json!({ "tasks": tasks, "kind": rows[0].kind }), now).await?;
        tx.commit().await?;
        Ok(Undone::Done(rows.len()))
    }

    /// What an act did; `None` where there is none.
    pub async fn recent_act(&self, act: Uuid) -> sqlx::Result<Option<RecentAct>> {
        sqlx::query_as(
            "select min(a.kind) as kind, count(*) as tasks, min(t.title) as title, min(a.undo_until) as undo_until,
                 max(a.undone_at) as undone_at, min(t.snoozed_until) as snoozed_until, min(t.assignee) as assignee
             from keepwell.task_acts a
             join keepwell.tasks t on t.account_id = a.account_id and t.id = a.task_id
             where a.act = $1 having count(*) > 0",
        )
        .bind(act)
        .fetch_optional(self.pool())
        .await
    }

    /// The latest act on a task that holds.
    pub async fn latest_act(&self, task: Uuid) -> sqlx::Result<Option<Uuid>> {
        sqlx::query_scalar(
            "select a.act from keepwell.tasks t
             join keepwell.task_acts a on a.account_id = t.account_id and a.task_id = t.id
             where t.id = $1 and a.undone_at is null order by a.at desc limit 1",
        )
        .bind(task)
        .fetch_optional(self.pool())
        .await
    }

    /// Ends the enrollments that people ended with a task, once that cannot be
    /// undone any more; returns how many.
    pub async fn end_stopped(&self, now: Instant) -> sqlx::Result<usize> {
        let mut tx = self.pool().begin().await?;
        let ended: Vec<(String, Uuid, String)> = sqlx::query_as(
            "update keepwell.enrollments e
             set state = 'cancelled', reason = e.stop_reason, stop_reason = null, ended_at = $1, left_step = e.step, step = null,
                 phase = 'begin', due_at = null, look_at = null, version = version + 1
             from (select account_id, id from keepwell.enrollments
                   where stop_reason is not null and (undo_until is null or undo_until <= $1) and state = 'active'
                   order by account_id, id limit 500 for update skip locked) s
             where e.account_id = s.account_id and e.id = s.id
             returning e.account_id, e.id, e.reason",
        )
        .bind(now)
        .fetch_all(&mut *tx)
        .await?;
        let stopped: Vec<(&str, Uuid, &str)> =
            ended.iter().map(|(account, id, reason)| (account.as_str(), *id, reason.as_str())).collect();
        close_open_work(&mut tx, &stopped, now).await?;
        tx.commit().await?;
        Ok(ended.len())
    }
}

async fn restore(tx: &mut PgConnection, act: Uuid, now: Instant) -> sqlx::Result<()> {
    // Only what the act wrote: the rest may have changed since.
    for (kinds, columns) in WRITTEN {
        let columns: Vec<String> = columns.iter().map(|column| format!("{column} = b.{column}")).collect();
        let sql = format!(
            "update keepwell.tasks t set {}
             from keepwell.task_acts a, jsonb_populate_record(null::keepwell.tasks, a.before->'row') b
             where a.act = $1 and a.kind = any($2) and t.account_id = a.account_id and t.id = a.task_id",
            columns.join(", ")
        );
        sqlx::query(AssertSqlSafe(sql)).bind(act).bind(kinds).execute(&mut *tx).await?;
    }
    sqlx::query("update keepwell.task_acts set undone_at = $2 where act = $1")
        .bind(act)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    // Another act on the same enrollment may still be undone, and keeps it.
    sqlx::query(
        "update keepwell.enrollments e
         set undo_until = o.until, look_at = least(e.look_at, coalesce(o.until, (b.before->>'look_at')::timestamptz)),
             stop_reason = case when o.is_stopped then e.stop_reason else b.before->>'stop_reason' end, version = version + 1
         from (select distinct on (t.account_id, t.enrollment_id)
                   t.account_id, t.enrollment_id, a.before->'enrollment' as before
               from keepwell.task_acts a
               join keepwell.tasks t on t.account_id = a.account_id and t.id = a.task_id
               where a.act = $1 and a.before->'enrollment' <> 'null'::jsonb
               order by t.account_id, t.enrollment_id, t.id) b
         cross join lateral (
             -- By what stands, and not by whose clock wrote it: a stop of somebody else holds.
             select max(a.undo_until) filter (where a.undo_until > $2) as until,
                 coalesce(bool_or(a.kind = 'stop'), false) as is_stopped
             from keepwell.tasks t
             join keepwell.task_acts a on a.account_id = t.account_id and a.task_id = t.id
             where t.account_id = b.account_id and t.enrollment_id = b.enrollment_id
               and a.undone_at is null and a.kind = any($3)) o
         where e.account_id = b.account_id and e.id = b.enrollment_id",
    )
    .bind(act)
    .bind(now)
    .bind(TaskDeed::ENDING)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
