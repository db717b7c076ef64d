//! What the database knows of one subject of a playbook at an instant, also of
//! one that has passed.

use serde_json::{Map, Value as Json, json};
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::facts::{Standing, SubjectId};
use crate::store::upkeep::stopped::{Stop, StopTarget};
use crate::store::{Relation, Store};

/// One of a subject's enrollments in a playbook, whatever became of it.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct SubjectEnrollment {
    pub id: Uuid,
    pub entry_key: String,
    pub state: String,
    pub reason: Option<String>,
    pub step: Option<String>,
    pub started_at: Instant,
    /// `None` while it is on its way or waits.
    pub ended_at: Option<Instant>,
    /// The slot of its run; `None` where a step or a person asked for it.
    pub run_slot: Option<Instant>,
    pub shadow: bool,
    /// What the condition read when it entered.
    pub evidence: Json,
    /// Why its run waits, of one that is held.
    pub held_because: Option<String>,
    /// Whether a person has approved its run.
    pub is_approved: bool,
}

/// The run of a playbook at exactly one slot.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct RunAtSlot {
    pub revision: String,
    pub state: String,
    pub reason: Option<String>,
    /// Reason to number.
    pub skipped: Json,
    /// Subjects that could not be decided, with why; of many only some.
    pub details: Json,
}

/// The revision of a playbook that was in force at an instant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RevisionAt {
    pub revision: String,
    /// When it was published first.
    pub published_at: Instant,
}

impl Store {
    /// All enrollments of a subject in a playbook, the earliest first.
    pub async fn subject_enrollments(
        &self,
        playbook: &str,
        subject: &SubjectId,
    ) -> sqlx::Result<Vec<SubjectEnrollment>> {
        sqlx::query_as(
            // By the keys of the subject, whatever the statistics say: see the docs of `store::enrollments`.
            "select e.id, e.entry_key, e.state, e.reason, e.step, e.started_at, e.ended_at, e.run_slot, e.shadow,
                    e.evidence,
                    case when e.state = 'held' then (select r.reason from keepwell.runs r
                        where r.playbook = e.playbook and r.slot = e.run_slot) end as held_because,
                    exists (select 1 from keepwell.runs r where r.playbook = e.playbook
                        and r.slot = e.run_slot and r.approved_at is not null) as is_approved
             from keepwell.enrollments e
             where e.account_id = $1 and e.contact_id = $2 and (e.playbook = $3) is true
             order by e.started_at, e.id",
        )
        .persistent(false)
        .bind(&subject.account)
        .bind(&subject.contact)
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }

    /// The run of a playbook at a slot, if there is one.
    pub async fn run_at_slot(&self, playbook: &str, slot: Instant) -> sqlx::Result<Option<RunAtSlot>> {
        sqlx::query_as(
            "select revision, state, reason, skipped, details from keepwell.runs where playbook = $1 and slot = $2",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_optional(self.pool())
        .await
    }

    /// The revision that was in force at an instant: the latest that was
    /// published or ran by then. `None` before the first publication. When an
    /// earlier revision was published again is known only from its runs.
    pub async fn revision_at(&self, playbook: &str, at: Instant) -> sqlx::Result<Option<RevisionAt>> {
        sqlx::query_as(
            "select w.revision, coalesce((select r.published_at from keepwell.revisions r
                 where r.playbook = $1 and r.revision = w.revision), w.since) as published_at
             from (
                 select revision, published_at as since, false as ran from keepwell.revisions
                 where playbook = $1 and published_at <= $2
                 union all
                 (select revision, slot, true from keepwell.runs where playbook = $1 and slot <= $2
                  order by slot desc limit 1)) w
             order by w.since desc, w.ran desc limit 1",
        )
        .bind(playbook)
        .bind(at)
        .fetch_optional(self.pool())
        .await
    }

    /// An account's row as the latest change before an instant left it, as a
    /// JSON object; `None` without a record from before then. A value that
    /// cannot be read is null; where there was no stage or tier it is what a document
    /// had found.
    pub async fn account_as_it_was(&self, account: &str, at: Instant) -> sqlx::Result<Option<Json>> {
        let sql = format!(
            "with latest as (
                 select h.became from {} h where h.account_id = {} and h.at < $2 order by h.at desc, h.id desc limit 1)
             select each.of_traits, each.key, each.value::text
             from latest cross join lateral (
                 select false as of_traits, key, value from jsonb_each(latest.became)
                 union all
                 select true, key, value from jsonb_each(
                     case when jsonb_typeof(latest.became -> 'traits') = 'object' then latest.became -> 'traits' end)) each",
            self.relation(Relation::Changes),
            self.key().of_text("$1::text")
        );
        let rows: Vec<(bool, String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(account).bind(at).fetch_all(&mut *self.read().await?).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let (mut row, mut traits) = (Map::new(), Map::new());
        for (of_traits, key, value) in rows {
            // A number like 1e400 is one that no reader can hold.
            let value = serde_json::from_str(&value).unwrap_or(Json::Null);
            if of_traits {
                traits.insert(key, value)
            } else {
                row.insert(key, value)
            };
        }
        if row.contains_key("traits") {
            row.insert("traits".to_owned(), traits.into());
        }
        for standing in Standing::ALL.into_iter().filter(|standing| self.schema().takes(*standing)) {
            let name = standing.name();
            if row.get(name).is_some_and(Json::is_null) {
                let found = self.moves_of(standing, account, at, 1).await?.pop().and_then(|latest| latest.value);
                row.insert(name.to_owned(), json!(found));
            }
        }
        Ok(Some(row.into()))
    }

    /// What stopped everything, a playbook or an account at an instant that has
    /// passed. Of a stop that the machine made and a person has lifted since
    /// nothing is known.
    pub async fn stops_at(&self, playbook: &str, account: &str, at: Instant) -> sqlx::Result<Vec<Stop>> {
        let targets =
            [StopTarget::All, StopTarget::Playbook(playbook.to_owned()), StopTarget::Account(account.to_owned())];
        let scopes = ["all".to_owned(), format!("playbook:{playbook}"), format!("account:{account}")];
        let about = [json!({ "all": true }), json!({ "playbook": playbook }), json!({ "account": account })];
        let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
            "select array_position($1::text[], scope)::bigint, by, reason from keepwell.control
             where scope = any($1) and at <= $3
             union all
             select place, by, null from (
                 select distinct on (w.place) w.place, d.deed, d.by
                 from unnest($2::jsonb[]) with ordinality as w (about, place)
                 join keepwell.audit d on d.about = w.about and d.deed in ('stop', 'resume') and d.at <= $3
                 order by w.place, d.n desc) latest
             where deed = 'stop'
             order by 1",
        )
        .bind(scopes.as_slice())
        .bind(about.as_slice())
        .bind(at)
        .fetch_all(self.pool())
        .await?;
        let mut stops: Vec<Stop> = Vec::new();
        for (place, by, reason) in rows {
            let target = usize::try_from(place - 1).ok().and_then(|place| targets.get(place));
            if let Some(target) = target.filter(|target| stops.iter().all(|stop| stop.target != **target)) {
                stops.push(Stop { target: target.clone(), by, reason });
            }
        }
        Ok(stops)
    }
}
