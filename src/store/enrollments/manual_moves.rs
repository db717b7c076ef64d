//! What a person does with single enrollments: ends them, or takes them to
//! another revision. Each is one transaction about one account, with the deed.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::stored_enrollment::{StoredEnrollment, counted_json, select_stored};
use super::transitions::{Commit, close_open_work};
use crate::clock::Instant;
use crate::enrollment::move_revision::Say;
use crate::enrollment::{Enrollment, Phase, State};
use crate::ids::{Actor, Word};
use crate::message::channel::Channel;
use crate::store::Store;
use crate::store::messages::transitions::WAITING;
use crate::store::upkeep::audit::{record, record_word};

/// What became of a person's wish to end an enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Done,
    /// It is not active; its state.
    NotActive(String),
    Unknown,
}

/// How many stand at a step of a revision that is not the current one.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StepBehind {
    pub revision: String,
    pub published_at: Instant,
    pub step: String,
    pub count: i64,
}

impl Store {
    /// Ends an active enrollment by a person's word.
    pub async fn cancel_enrollment(&self, id: Uuid, word: Word<'_>) -> sqlx::Result<Cancelled> {
        let mut tx = self.pool().begin().await?;
        let reason = match word.because {
            Some(because) => format!("cancelled by {}: {because}", word.by.0),
            None => format!("cancelled by {}", word.by.0),
        };
        let found: Option<(String, String)> =
            sqlx::query_as("select account_id, state from keepwell.enrollments where id = $1")
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((account, state)) = found else { return Ok(Cancelled::Unknown) };
        let ended = sqlx::query(
            "update keepwell.enrollments
             set state = case when state = 'ghost' then state else 'cancelled' end,
                 outcome = case when state = 'ghost' then 'cancelled' end,
                 reason = $3, ended_at = $4, left_step = step, step = null, phase = 'begin', due_at = null,
                 look_at = null, version = version + 1
             where account_id = $1 and id = $2 and (state = 'active' or state = 'ghost' and ended_at is null)",
        )
        .bind(&account)
        .bind(id)
        .bind(&reason)
        .bind(word.at)
        .execute(&mut *tx)
        .await?;
        if ended.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Cancelled::NotActive(state));
        }
        close_open_work(&mut tx, &[(&account, id, &reason)], word.at).await?;
        record_word(&mut tx, "cancel", word, &json!({ "enrollment": id, "account": account })).await?;
        tx.commit().await?;
        Ok(Cancelled::Done)
    }

    /// How many are on their way through earlier revisions of a playbook, by
    /// revision and step.
    pub async fn behind(&self, playbook: &str) -> sqlx::Result<Vec<StepBehind>> {
        sqlx::query_as(
            "select e.revision, r.published_at, e.step, e.count
             from (select playbook, revision, step, count(*) as count from keepwell.enrollments
                   where playbook = $1 and step is not null and (state = 'active' or state = 'ghost' and ended_at is null)
                   group by playbook, revision, step) e
             join keepwell.playbooks p on p.id = e.playbook and p.revision <> e.revision
             join keepwell.revisions r on r.playbook = e.playbook and r.revision = e.revision
             order by r.published_at, e.revision, e.step",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }

    /// Those who are on their way through other revisions of a playbook than
    /// this one, after the given one in the order of account and id.
    pub async fn on_other_revisions(
        &self,
        playbook: &str,
        revision: &str,
        after: Option<&Enrollment>,
        limit: i64,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from keepwell.enrollments
             where playbook = $1 and revision <> $2 and step is not null
               and (state = 'active' or state = 'ghost' and ended_at is null)
               and ($3::text is null or (account_id, id) > ($3, $4))
             order by account_id, id limit $5"
        ))
        .persistent(false)
        .bind(playbook)
        .bind(revision)
        .bind(after.map(|one| one.account.as_str()))
        .bind(after.map(|one| one.id))
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// The steps of which each has done anything, or tried to.
    pub async fn acted_steps(&self, enrollments: &[Enrollment]) -> sqlx::Result<HashMap<Uuid, BTreeSet<String>>> {
        let accounts: Vec<&str> = enrollments.iter().map(|one| one.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|one| one.id).collect();
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "select w.id, d.step
             from unnest($1::text[], $2::uuid[]) as w (account_id, id)
             cross join lateral (
                 select step from keepwell.tasks where account_id = w.account_id and enrollment_id = w.id
                 union select step from keepwell.messages where account_id = w.account_id and enrollment_id = w.id
                 union select step from keepwell.referrals where account_id = w.account_id and enrollment_id = w.id
                 union select step from keepwell.labels where account_id = w.account_id and enrollment_id = w.id) d",
        )
        .persistent(false)
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        let mut acted: HashMap<Uuid, BTreeSet<String>> = HashMap::new();
        for one in enrollments {
            // What a ghost did without leaves no row.
            let counted = one.counted.values().flat_map(|steps| steps.keys().cloned());
            acted.insert(one.id, counted.collect());
        }
        for (id, step) in rows {
            acted.entry(id).or_default().insert(step);
        }
        Ok(acted)
    }

    /// Puts an enrollment where a person wants it, unless it is not any more
    /// as it was seen: `after` is what [`crate::enrollment::move_revision`] made of
    /// it. Its mail that has not left becomes that of the new revision.
    pub async fn move_enrollment(
        &self,
        before: &Enrollment,
        after: &Enrollment,
        word: Say<'_>,
    ) -> sqlx::Result<Commit> {
        let ends = after.state != State::Active;
        let mut tx = self.pool().begin().await?;
        let moved = sqlx::query(
            "update keepwell.enrollments
             set revision = $4, state = $5, outcome = $6, reason = $7, step = $8, phase = $9, step_at = $10, due_at = $11,
                 look_at = $12, ended_at = $13, counted = $14, moved = $15, version = version + 1
             where account_id = $1 and id = $2 and version = $3
               and (state = 'active' or state = 'ghost' and ended_at is null)",
        )
        .bind(&before.account)
        .bind(before.id)
        .bind(before.version)
        .bind(&after.revision)
        .bind(after.state_name())
        .bind(after.outcome_name())
        .bind(after.reason.as_deref())
        .bind(after.step.as_deref())
        .bind(after.phase.name())
        .bind(after.step_at)
        .bind(after.due_at)
        .bind(after.look_at)
        .bind(after.ended_at)
        .bind(counted_json(after))
        .bind(after.moved.as_ref().map(|moved| json!(moved)))
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Commit::Stale);
        }
        if ends {
            let reason = after.reason.as_deref().unwrap_or(after.state.name());
            close_open_work(&mut tx, &[(&before.account, before.id, reason)], word.at).await?;
        } else if after.phase == Phase::Sending {
            let follow = format!(
                "update keepwell.messages set revision = $4
                 where account_id = $1 and enrollment_id = $2 and step = $3 and state in {} and channel = '{}'",
                *WAITING,
                Channel::OF_CUSTOMERS
            );
            sqlx::query(AssertSqlSafe(follow))
                .bind(&before.account)
                .bind(before.id)
                .bind(after.step.as_deref())
                .bind(&after.revision)
                .execute(&mut *tx)
                .await?;
        }
        // Why stands with the enrollment: a person's words may name somebody.
        let deed = if ends { "cancel" } else { "move" };
        let about = json!({ "enrollment": before.id, "account": before.account, "playbook": before.playbook,
            "from": { "revision": before.revision, "step": before.step },
            "to": (!ends).then(|| json!({ "revision": after.revision, "step": after.step })) });
        record(&mut tx, deed, Actor(word.by), &about, word.at).await?;
        tx.commit().await?;
        Ok(Commit::Committed)
    }
}
