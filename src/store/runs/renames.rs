//! Playbooks that were renamed: the whole history goes on under the new name.
//!
//! Invariant: nothing is written under a name of before once its rename is
//! committed. Whoever opens a run or enrolls somebody who was named holds the
//! playbook's row ([`holds_name`](super::name_lock::holds_name)), and the rename takes that row away first;
//! a run loses its row by it, and a transition its version.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sqlx::PgConnection;

use super::run::delete_held;
use crate::clock::Instant;
use crate::playbook::renaming;
use crate::store::Store;

/// A playbook that has got another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    pub was: String,
    pub playbook: String,
}

/// Why a playbook cannot have the name, or the names of before, that it claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameConflict {
    /// Its id is an earlier name of another playbook, which has its history.
    #[error("the playbook `{id}` was renamed to `{now}`, which has its customers")]
    Taken { id: String, now: String },
    /// Somebody is on the way in both, and can be so in one of them only.
    #[error("`was` names `{was}`, and {subjects} subjects are on their way both there and in `{id}`")]
    BothUnderWay { id: String, was: String, subjects: i64 },
}

impl NameConflict {
    /// The playbook whose file claims it.
    pub fn playbook(&self) -> &str {
        match self {
            NameConflict::Taken { id, .. } | NameConflict::BothUnderWay { id, .. } => id,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            NameConflict::Taken { id, now } => {
                format!("to call it `{id}` again, write `was: {now}`; a new playbook needs an id of its own")
            }
            NameConflict::BothUnderWay { id, was, .. } => {
                format!(
                    "cancel one of each two first: `keepwell enrollments --playbook {was} --state active`, and the same of `{id}`"
                )
            }
        }
    }
}

/// What is only written for another playbook: its tables, with the old name and
/// the new one bound in this order. Rows of which both have one stay the new
/// one's.
const MOVES: [&str; 18] = [
    "insert into keepwell.revisions (playbook, revision, file, text, scripts, surveys, published_at)
     select $2::text, revision, file, text, scripts, surveys, published_at from keepwell.revisions where playbook = $1::text
     on conflict (playbook, revision) do nothing",
    "update keepwell.publications set playbook = $2::text where playbook = $1::text",
    "update keepwell.edges e set playbook = $2::text where e.playbook = $1::text and not exists (
         select from keepwell.edges n
         where n.account_id = e.account_id and n.contact_id = e.contact_id and n.playbook = $2::text)",
    "delete from keepwell.edges where playbook = $1::text and $2::text is not null",
    "insert into keepwell.event_looks (account_id, contact_id, playbook, at, slot, again)
     select account_id, contact_id, $2::text, at, slot, again from keepwell.event_looks where playbook = $1::text
     on conflict (account_id, playbook, contact_id, at) do nothing",
    "update keepwell.tasks set playbook = $2::text where playbook = $1::text",
    "update keepwell.labels set playbook = $2::text where playbook = $1::text",
    "update keepwell.referrals set playbook = case when playbook = $1::text then $2::text else playbook end,
         target = case when target = $1::text then $2::text else target end
     where playbook = $1::text or target = $1::text",
    "update keepwell.messages set playbook = $2::text where playbook = $1::text",
    "update keepwell.answers set playbook = $2::text where playbook = $1::text",
    "update keepwell.messages set survey = $2::text where survey = $1::text",
    "update keepwell.answers set score = case when score = survey then $2::text else score end, survey = $2::text
     where survey = $1::text",
    "insert into keepwell.mail_guard as g (account_id, address_hash, playbook, step, fingerprint, message, at)
     select account_id, address_hash, $2::text, step, fingerprint, message, at from keepwell.mail_guard where playbook = $1::text
     on conflict (account_id, address_hash, playbook, step, fingerprint) do update
     set message = excluded.message, at = excluded.at where g.at < excluded.at",
    "insert into keepwell.address_guard as g (address_hash, playbook, step, message, at)
     select address_hash, $2::text, step, message, at from keepwell.address_guard where playbook = $1::text
     on conflict (address_hash, playbook, step) do update
     set message = excluded.message, at = excluded.at where g.at < excluded.at",
    "insert into keepwell.trips (playbook, at, reason)
     select $2::text, at, reason from keepwell.trips where playbook = $1::text on conflict (playbook, at) do nothing",
    "insert into keepwell.control (scope, at, by, reason)
     select 'playbook:' || $2::text, at, by, reason from keepwell.control where scope = 'playbook:' || $1::text
     on conflict (scope) do nothing",
    "delete from keepwell.control where scope = 'playbook:' || $1::text and $2::text is not null",
    "update keepwell.renames set playbook = $2::text where playbook = $1::text",
];

/// A playbook that is to have another name, and what it is published as.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewName<'a> {
    pub was: &'a str,
    /// The revision in force under the name of before.
    pub was_revision: &'a str,
    pub playbook: &'a str,
    pub revision: &'a str,
    pub text: &'a str,
    pub scripts: &'a BTreeMap<String, String>,
    pub surveys: &'a BTreeMap<String, String>,
}

impl NewName<'_> {
    /// The revision in force before, where this one says the same but for the
    /// name.
    async fn same_as(&self, tx: &mut PgConnection) -> sqlx::Result<Option<&str>> {
        let before: Option<(String, Json, Json)> = sqlx::query_as(
            "select text, scripts, surveys from keepwell.revisions where playbook = $1 and revision = $2",
        )
        .bind(self.was)
        .bind(self.was_revision)
        .fetch_optional(tx)
        .await?;
        let is_same = before.is_some_and(|(text, scripts, surveys)| {
            json!(self.scripts) == scripts
                && json!(self.surveys) == surveys
                && renaming::rules(self.text) == renaming::rules(&text)
        });
        Ok(is_same.then_some(self.was_revision))
    }
}

/// Carries the history of a playbook over to another name, in the transaction of
/// the publication.
pub(super) async fn rename(tx: &mut PgConnection, name: &NewName<'_>, now: Instant) -> sqlx::Result<Renamed> {
    let (was, id) = (name.was, name.playbook);
    // A long history takes its time.
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await?;
    let same = name.same_as(tx).await?;
    // First of all, so that nobody begins anything under the old name any more.
    let taken = sqlx::query(
        "update keepwell.playbooks set id = $2
         where id = $1 and not exists (select from keepwell.playbooks where id = $2)",
    )
    .bind(was)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() == 0 {
        sqlx::query("delete from keepwell.playbooks where id = $1").bind(was).execute(&mut *tx).await?;
    }
    move_runs(tx, name, same, now).await?;
    move_enrollments(tx, name, same).await?;
    close_second_tasks(tx, was, id, now).await?;
    for sql in MOVES {
        sqlx::query(sql).bind(was).bind(id).execute(&mut *tx).await?;
    }
    for table in ["keepwell.event_looks", "keepwell.mail_guard", "keepwell.address_guard", "keepwell.trips"] {
        let sql = format!("delete from {table} where playbook = $1");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(was).execute(&mut *tx).await?;
    }
    // Back to a name that it had is no rename of that name.
    sqlx::query("delete from keepwell.renames where was = $1").bind(id).execute(&mut *tx).await?;
    sqlx::query("insert into keepwell.renames (was, playbook, at) values ($1, $2, $3)")
        .bind(was)
        .bind(id)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(Renamed { was: was.to_owned(), playbook: id.to_owned() })
}

/// Moves the runs. Where only the name is new they count as runs of the new
/// revision, so that it is no first run and an approval holds. Of two runs of
/// one slot the old one keeps its name, and nobody enters by it any more.
async fn move_runs(tx: &mut PgConnection, name: &NewName<'_>, same: Option<&str>, now: Instant) -> sqlx::Result<()> {
    // Who waits in a run of the new name was decided without the history.
    let superseded: Vec<Instant> = sqlx::query_scalar(
        "update keepwell.runs set state = 'skipped', reason = 'superseded', ended_at = $2
         where playbook = $1 and state = 'held' and approved_at is null returning slot",
    )
    .bind(name.playbook)
    .bind(now)
    .fetch_all(&mut *tx)
    .await?;
    for slot in superseded {
        delete_held(tx, name.playbook, slot).await?;
    }
    sqlx::query(
        "update keepwell.runs r set playbook = $2, revision = case when r.revision = $3::text then $4::text else r.revision end
         where r.playbook = $1
           and not exists (select from keepwell.runs n where n.playbook = $2 and n.slot = r.slot)",
    )
    .bind(name.was)
    .bind(name.playbook)
    .bind(same)
    .bind(name.revision)
    .execute(&mut *tx)
    .await?;
    let left: Vec<Instant> = sqlx::query_scalar(
        "update keepwell.runs set state = 'skipped', reason = 'superseded', ended_at = $2, token = null,
             lease_until = null
         where playbook = $1 and state in ('held', 'running') returning slot",
    )
    .bind(name.was)
    .bind(now)
    .fetch_all(&mut *tx)
    .await?;
    for slot in left {
        delete_held(tx, name.was, slot).await?;
    }
    Ok(())
}

/// Moves the enrollments. Those of a subject who has entered both with one key
/// keep both keys used.
async fn move_enrollments(tx: &mut PgConnection, name: &NewName<'_>, same: Option<&str>) -> sqlx::Result<()> {
    // Whoever waits on one side and has entered on the other does not enter again.
    for (waits, entered) in [(name.playbook, name.was), (name.was, name.playbook)] {
        sqlx::query(
            "delete from keepwell.enrollments h using keepwell.enrollments e
             where h.playbook = $1 and h.state = 'held' and e.playbook = $2
               and e.account_id = h.account_id and e.contact_id = h.contact_id
               and (e.entry_key = h.entry_key or e.state = 'active' or e.state = 'ghost' and e.ended_at is null)",
        )
        .bind(waits)
        .bind(entered)
        .execute(&mut *tx)
        .await?;
    }
    // The version: what was decided about the old name is stale.
    sqlx::query(
        "update keepwell.enrollments e set playbook = $2, version = e.version + 1,
             revision = case when e.revision = $3::text then $4::text else e.revision end,
             entry_key = case when exists (
                 select from keepwell.enrollments n
                 where n.account_id = e.account_id and n.contact_id = e.contact_id and n.playbook = $2
                   and n.entry_key = e.entry_key) then e.entry_key || ' (' || $1::text || ', ' || e.id || ')' else e.entry_key end
         where e.playbook = $1",
    )
    .bind(name.was)
    .bind(name.playbook)
    .bind(same)
    .bind(name.revision)
    .execute(tx)
    .await?;
    Ok(())
}

/// Closes open tasks of the old name where the same one is open under the new.
async fn close_second_tasks(tx: &mut PgConnection, was: &str, id: &str, now: Instant) -> sqlx::Result<()> {
    sqlx::query(
        "update keepwell.tasks t set state = 'closed', reason = 'the same task is open in `' || $2::text || '`',
             ended_at = $3, look_at = null, escalate_at = null
         where t.playbook = $1 and t.state = 'open' and exists (
             select from keepwell.tasks n
             where n.account_id = t.account_id and n.contact_id = t.contact_id and n.playbook = $2
               and n.step = t.step and n.ordinal = t.ordinal and n.state = 'open')",
    )
    .bind(was)
    .bind(id)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Which of these playbooks, each with its names of before, cannot have the
    /// name or the history that it claims.
    pub async fn name_conflicts(&self, names: &[(&str, Vec<&str>)]) -> sqlx::Result<Vec<NameConflict>> {
        let earlier = self.earlier_names().await?;
        let mut conflicts = Vec::new();
        for (id, was) in names {
            match earlier.get(*id) {
                Some(now) if !was.contains(&now.as_str()) => {
                    conflicts.push(NameConflict::Taken { id: (*id).to_owned(), now: now.clone() });
                }
                _ => {}
            }
            for was in was {
                let subjects: i64 = sqlx::query_scalar(
                    "select count(*) from keepwell.enrollments e join keepwell.enrollments n
                         on n.account_id = e.account_id and n.contact_id = e.contact_id and n.playbook = $2
                     where e.playbook = $1 and (e.state = 'active' or e.state = 'ghost' and e.ended_at is null)
                       and (n.state = 'active' or n.state = 'ghost' and n.ended_at is null)",
                )
                .bind(was)
                .bind(id)
                .fetch_one(self.pool())
                .await?;
                if subjects > 0 {
                    let (id, was) = ((*id).to_owned(), (*was).to_owned());
                    conflicts.push(NameConflict::BothUnderWay { id, was, subjects });
                }
            }
        }
        Ok(conflicts)
    }

    /// Every name that a playbook had before, with its name of now.
    pub async fn earlier_names(&self) -> sqlx::Result<BTreeMap<String, String>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select was, playbook from keepwell.renames").fetch_all(self.pool()).await?;
        Ok(rows.into_iter().collect())
    }

    /// What the playbook of this name is called now.
    pub async fn name_of_now(&self, playbook: &str) -> sqlx::Result<String> {
        let now: Option<String> = sqlx::query_scalar("select playbook from keepwell.renames where was = $1")
            .bind(playbook)
            .fetch_optional(self.pool())
            .await?;
        Ok(now.unwrap_or_else(|| playbook.to_owned()))
    }
}
