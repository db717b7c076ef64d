//! Finding enrollments: those that are due, those of a held run, and by id.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::stored_enrollment::{StoredEnrollment, select_stored};
use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::store::Store;
use crate::store::upkeep::stopped::Halted;

impl Store {
    /// Active enrollments whose look is due, earliest first, where
    /// nothing is halted and no person may still undo what they did; without
    /// `rechecks` only those whose step is due.
    pub async fn due_enrollments(
        &self,
        now: Instant,
        halted: &Halted,
        limit: i64,
        rechecks: bool,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from keepwell.enrollments
             where state in ('active', 'ghost') and look_at <= $1 and playbook <> all($2) and account_id <> all($5)
               and ($4 or phase = 'begin' or due_at <= $1)
               and (undo_until is null or undo_until <= $1) and stop_reason is null
             order by look_at, account_id, id
             limit $3"
        ))
        .bind(now)
        .bind(&halted.playbooks)
        .bind(limit)
        .bind(rechecks)
        .bind(&halted.accounts)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Those who are on their way through a playbook, ghosts included, after the
    /// given one in the order of account and id.
    pub async fn enrollments_under_way(
        &self,
        playbook: &str,
        after: Option<&Enrollment>,
        limit: i64,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let (account, id) = after.map_or(("", Uuid::nil()), |after| (after.account.as_str(), after.id));
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from keepwell.enrollments
             where playbook = $1 and (state = 'active' or state = 'ghost' and ended_at is null)
               and (account_id, id) > ($2, $3)
             order by account_id, id limit $4"
        ))
        .bind(playbook)
        .bind(account)
        .bind(id)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// How many are on their way through a playbook.
    pub async fn count_active(&self, playbook: &str) -> sqlx::Result<u64> {
        let count: i64 =
            sqlx::query_scalar("select count(*) from keepwell.enrollments where playbook = $1 and state = 'active'")
                .bind(playbook)
                .fetch_one(self.pool())
                .await?;
        Ok(count.unsigned_abs())
    }

    /// Brings the next look of all who are on their way through some playbooks
    /// forward to an instant; those that are due earlier stay so.
    pub async fn look_no_later_than(&self, playbooks: &[&str], at: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.enrollments set look_at = $2
             where playbook = any($1) and state in ('active', 'ghost') and look_at > $2",
        )
        .bind(playbooks)
        .bind(at)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// In which playbooks accounts are on their way, but for one; shadows and
    /// ghosts do not count.
    pub async fn other_playbooks_of(
        &self,
        accounts: &[&str],
        but: &str,
    ) -> sqlx::Result<BTreeMap<String, BTreeSet<String>>> {
        let found: Vec<(String, String)> = sqlx::query_as(
            // By the keys of each account, whatever the statistics say: see the docs of `store::enrollments`.
            "select w.account_id, e.playbook
             from (select distinct unnest($1::text[]) as account_id) w
             cross join lateral (
                 select distinct e.playbook from keepwell.enrollments e
                 where e.account_id = w.account_id and e.playbook <> $2 and e.state = 'active' and not e.shadow) e",
        )
        .persistent(false)
        .bind(accounts)
        .bind(but)
        .fetch_all(self.pool())
        .await?;
        let mut playbooks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (account, playbook) in found {
            playbooks.entry(account).or_default().insert(playbook);
        }
        Ok(playbooks)
    }

    /// Enrollments by account and id, in any state and in no order.
    pub async fn enrollments_by_id(&self, wanted: &[(String, Uuid)]) -> sqlx::Result<Vec<Enrollment>> {
        let (accounts, ids): (Vec<&str>, Vec<Uuid>) =
            wanted.iter().map(|(account, id)| (account.as_str(), *id)).unzip();
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from (select distinct * from unnest($1::text[], $2::uuid[]) as u (of_account, of_id)) as w
             join keepwell.enrollments on account_id = of_account and id = of_id"
        ))
        .persistent(false)
        .bind(accounts)
        .bind(ids)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Held enrollments of a run.
    pub async fn held_enrollments(&self, playbook: &str, slot: Instant) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held' order by account_id, id"
        ))
        .bind(playbook)
        .bind(slot)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// At most `limit` of those who wait in a held run, those of these accounts first.
    pub async fn some_held_enrollments(
        &self,
        playbook: &str,
        slot: Instant,
        accounts: &[String],
        limit: i64,
    ) -> sqlx::Result<Vec<Enrollment>> {
        let rows: Vec<StoredEnrollment> = sqlx::query_as(select_stored!(
            "from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held'
             order by account_id = any($3) desc, account_id, id limit $4"
        ))
        .bind(playbook)
        .bind(slot)
        .bind(accounts)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| row.into_enrollment(self.schema())).collect())
    }

    /// Some of those who wait in a held run: the account, the contact (empty
    /// for account playbooks) and what the condition read.
    pub async fn held_ids(
        &self,
        playbook: &str,
        slot: Instant,
        limit: i64,
    ) -> sqlx::Result<Vec<(String, String, serde_json::Value)>> {
        sqlx::query_as(
            "select account_id, contact_id, evidence from keepwell.enrollments
             where playbook = $1 and run_slot = $2 and state = 'held' order by account_id, contact_id limit $3",
        )
        .bind(playbook)
        .bind(slot)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }
}
