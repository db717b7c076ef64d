//! New enrollments: those of a run, and those of subjects that were named.

use serde_json::json;
use sqlx::PgConnection;

use super::stored_enrollment::new_rows;
use crate::enrollment::{Enrollment, State};
use crate::ids::Word;
use crate::store::Store;
use crate::store::lease::Lost;
use crate::store::runs::name_lock::holds_name;
use crate::store::runs::run::{Run, is_ours};
use crate::store::upkeep::audit::record_word;

impl Store {
    /// Writes enrollments of a run; those that exist already are left as they
    /// are. Returns how many are new, or that somebody else has the run.
    pub async fn enroll(&self, run: &Run, batch: &[Enrollment], state: State) -> sqlx::Result<Result<u64, Lost>> {
        let batch: Vec<Enrollment> = batch.iter().map(|enrollment| placed(enrollment, state)).collect();
        let insert = new_rows(batch.iter(), Some(run.slot)).insert("keepwell.enrollments", "on conflict do nothing")?;
        let mut tx = self.pool().begin().await?;
        if !is_ours(&mut tx, run).await? {
            tx.rollback().await?;
            return Ok(Err(Lost));
        }
        let new = insert.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(Ok(new))
    }

    /// Writes the enrollment of somebody who was named; false when it exists
    /// already, or another one is active.
    pub async fn enroll_named(&self, enrollment: &Enrollment, word: Word<'_>) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let new = insert_one(&mut tx, enrollment).await?;
        if new {
            let contact = Some(&enrollment.contact).filter(|contact| !contact.is_empty());
            let about = json!({ "playbook": enrollment.playbook, "account": enrollment.account, "contact": contact });
            record_word(&mut tx, "enroll", word, &about).await?;
        }
        tx.commit().await?;
        Ok(new)
    }
}

/// An enrollment in the state it is written in; one that is held is not looked at.
fn placed(enrollment: &Enrollment, state: State) -> Enrollment {
    let waits = state == State::Held;
    let look_at = enrollment.look_at.filter(|_| !waits);
    // Nobody is drawn before a person has let them in.
    let arm = enrollment.arm.filter(|_| !waits);
    Enrollment { state, look_at, arm, ..enrollment.clone() }
}

/// Whether an enrollment's subject is active in its playbook already.
pub(super) async fn is_active(tx: &mut PgConnection, of: &Enrollment) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select 1 from keepwell.enrollments
         where account_id = $1 and contact_id = $2 and playbook = $3
           and (state = 'active' or state = 'ghost' and ended_at is null))",
    )
    .bind(&of.account)
    .bind(&of.contact)
    .bind(&of.playbook)
    .fetch_one(tx)
    .await
}

/// Writes one enrollment that no run brought about; false when it is there
/// already, another one is active, or its playbook has another name meanwhile.
pub(super) async fn insert_one(tx: &mut PgConnection, enrollment: &Enrollment) -> sqlx::Result<bool> {
    if !holds_name(tx, &enrollment.playbook).await? {
        return Ok(false);
    }
    let insert =
        new_rows(std::iter::once(enrollment), None).insert("keepwell.enrollments", "on conflict do nothing")?;
    Ok(insert.execute(tx).await?.rows_affected() > 0)
}
