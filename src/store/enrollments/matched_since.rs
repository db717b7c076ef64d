//! Since when conditions have been true. A run reads the state from before its
//! slot and may change rows that no later run has changed.

use std::collections::HashMap;

use crate::clock::Instant;
use crate::enrollment::{History, MatchChange, MatchedSince};
use crate::facts::{Subject, SubjectId};
use crate::store::Store;

/// A subject of a playbook whose condition has become true or false.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectChange {
    pub subject: SubjectId,
    pub match_change: MatchChange,
}

impl Store {
    /// Adds to the histories of these subjects since when their condition has
    /// been true: as it was before the run at `slot`, or without a slot as it is.
    pub async fn load_matched_since(
        &self,
        playbook: &str,
        slot: Option<Instant>,
        subjects: &[SubjectId],
        histories: &mut HashMap<SubjectId, History>,
    ) -> sqlx::Result<()> {
        let (accounts, contacts): (Vec<&str>, Vec<&str>) =
            subjects.iter().map(|subject| (subject.account.as_str(), subject.contact.as_str())).unzip();
        let rows: Vec<(String, String, Option<Instant>, bool, bool)> = sqlx::query_as(
            // By the keys of each subject, whatever the statistics say: see the docs of this room.
            "select w.account_id, w.contact_id, e.since, e.existing, e.overtaken
             from unnest($2::text[], $4::text[]) as w (account_id, contact_id)
             cross join lateral (
                 select case when last_slot = $3 then was_since else true_since end as since,
                        case when last_slot = $3 then was_existing else existing end as existing,
                        coalesce(last_slot > $3, false) as overtaken
                 from keepwell.edges e
                 where e.account_id = w.account_id and e.contact_id = w.contact_id and (e.playbook = $1) is true
                 offset 0) e",
        )
        .persistent(false)
        .bind(playbook)
        .bind(accounts)
        .bind(slot)
        .bind(contacts)
        .fetch_all(self.pool())
        .await?;
        for (account, contact, since, existing, overtaken) in rows {
            let history = histories.entry(SubjectId { account, contact }).or_default();
            history.matched_since = since.map(|since| MatchedSince { since, existing });
            history.overtaken = overtaken;
        }
        Ok(())
    }

    /// Subjects of that kind whose condition was true at its latest verdict.
    pub async fn matching_subjects(&self, playbook: &str, kind: Subject) -> sqlx::Result<Vec<SubjectId>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select account_id, contact_id from keepwell.edges
             where playbook = $1 and true_since is not null and (contact_id = '') = $2",
        )
        .bind(playbook)
        .bind(kind == Subject::Account)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|(account, contact)| SubjectId { account, contact }).collect())
    }

    /// Writes which conditions have changed at a slot. Rows that this slot or a later one has
    /// written already stay as they are.
    pub async fn record_match_changes(
        &self,
        playbook: &str,
        slot: Instant,
        changed: &[SubjectChange],
    ) -> sqlx::Result<()> {
        let row = |changed: &SubjectChange| {
            let matched = match changed.match_change {
                MatchChange::Unchanged => return None,
                MatchChange::Rose(matched) => Some(matched),
                MatchChange::Fell => None,
            };
            Some(serde_json::json!({
                "account_id": changed.subject.account,
                "contact_id": changed.subject.contact,
                "true_since": matched.map(|matched| matched.since),
                "existing": matched.is_some_and(|matched| matched.existing),
            }))
        };
        let rows: Vec<serde_json::Value> = changed.iter().filter_map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into keepwell.edges as e (account_id, contact_id, playbook, true_since, existing, last_slot)
             select account_id, contact_id, $1, true_since, existing, $2
             from jsonb_to_recordset($3)
                  as r(account_id text, contact_id text, true_since timestamptz, existing boolean)
             on conflict (account_id, contact_id, playbook) do update
             set true_since = excluded.true_since, existing = excluded.existing, last_slot = excluded.last_slot,
                 was_since = e.true_since, was_existing = e.existing
             where e.last_slot < excluded.last_slot",
        )
        .bind(playbook)
        .bind(slot)
        .bind(serde_json::Value::Array(rows))
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Forgets what fell before `slot`, once no earlier run can ask any more.
    pub async fn forget_fallen(&self, playbook: &str, slot: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "delete from keepwell.edges where playbook = $1 and true_since is null and last_slot < $2
             and not exists (select 1 from keepwell.runs r
                             where r.playbook = $1 and r.slot < $2 and r.state = 'running')",
        )
        .bind(playbook)
        .bind(slot)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Forgets all of a playbook that does not need to know any more.
    pub async fn forget_matched_since(&self, playbook: &str) -> sqlx::Result<()> {
        sqlx::query("delete from keepwell.edges where playbook = $1").bind(playbook).execute(self.pool()).await?;
        Ok(())
    }

    /// Whether no run of an earlier slot has looked at every subject.
    pub async fn is_first_run(&self, playbook: &str, slot: Instant) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select not exists (select 1 from keepwell.runs where playbook = $1 and slot < $2
                 and (state in ('done', 'held') or state = 'skipped' and reason in ('superseded', 'discarded')))",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_one(self.pool())
        .await
    }
}
