//! Letting go what a person approved: one held enrollment at a time, each only
//! as long as its run is the holder's.

use super::runs::Run;
use super::{Store, enrollments};
use crate::enrollment::Enrollment;

/// What became of a held enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    Entered,
    /// It is gone: it does not enter, or has entered already.
    Dropped,
    /// Somebody else has the run.
    Lost,
}

impl Store {
    /// Releases a held enrollment as long as its run is ours: it starts now, as
    /// `admitted` says; without that it no longer enters, is deleted and has
    /// used up nothing.
    pub async fn release(&self, run: &Run, held: &Enrollment, admitted: Option<&Enrollment>) -> sqlx::Result<Released> {
        let mut tx = self.pool().begin().await?;
        // Whoever takes the run over waits for this, and then counts it.
        let ours =
            sqlx::query("select 1 from keepwell.runs where playbook = $1 and slot = $2 and token = $3 for share")
                .bind(&run.playbook)
                .bind(run.slot)
                .bind(run.token)
                .fetch_optional(&mut *tx)
                .await?;
        if ours.is_none() {
            tx.rollback().await?;
            return Ok(Released::Lost);
        }
        sqlx::query("delete from keepwell.enrollments where account_id = $1 and id = $2 and state = 'held'")
            .bind(&held.account)
            .bind(held.id)
            .execute(&mut *tx)
            .await?;
        let mut entered = 0;
        if let Some(admitted) = admitted {
            let insert = enrollments::rows(std::iter::once(admitted), Some(run.slot));
            let insert = insert.insert("keepwell.enrollments", "on conflict do nothing")?;
            entered = insert.execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(if entered > 0 { Released::Entered } else { Released::Dropped })
    }
}
