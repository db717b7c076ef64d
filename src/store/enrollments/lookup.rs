//! Finding enrollments: those that are due, those of a held run, and by id.

use uuid::Uuid;

use super::stored_enrollment::{StoredEnrollment, select_stored};
use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::store::Store;
use crate::store::upkeep::stopped::Halted;

impl Store {
    /// Active enrollments whose look is due, earliest first, where
    /// nothing is halted; without `rechecks` only those whose step is due.
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
