//! Referrals: what the step `enroll` asked for, decided after its transition.
//!
//! Invariant: a referral is settled once, together with the enrollment that
//! came of it.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::insert::{insert_one, is_active};
use super::planned_effect::PlannedEffect;
use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::upkeep::stopped::Halted;

/// A referral that is not decided yet.
#[derive(Clone, Debug, FromRow)]
pub struct Referral {
    pub account_id: String,
    /// Empty where the subject is the account.
    pub contact_id: String,
    pub id: Uuid,
    /// The playbook and the step that ask.
    pub playbook: String,
    pub step: String,
    /// The playbook to enter, by its name of now.
    pub target: String,
    /// The instant it is decided at.
    pub at: Instant,
}

/// Writes referrals inside the transaction of the transitions that ask for them.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    referrals: &[PlannedEffect<'_, String>],
    now: Instant,
) -> sqlx::Result<()> {
    if referrals.is_empty() {
        return Ok(());
    }
    let each = || referrals.iter();
    let state = |one: &PlannedEffect<String>| if one.enrollment.shadow { "shadow" } else { "planned" };
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.enrollment.account.as_str()))
        .column("contact_id", each().map(|one| one.enrollment.contact.as_str()))
        .column("id", each().map(|one| one.effect.id))
        .column("enrollment_id", each().map(|one| one.enrollment.id))
        .column("playbook", each().map(|one| one.enrollment.playbook.as_str()))
        .column("step", each().map(|one| one.effect.step.as_str()))
        .column("target", each().map(|one| one.draft.as_str()))
        .column("at", each().map(|_| now))
        .column("state", each().map(state));
    rows.insert("keepwell.referrals", "on conflict (account_id, id) do nothing")?.execute(tx).await?;
    Ok(())
}

impl Store {
    /// Referrals to decide, earliest first, of what is not halted.
    pub async fn open_referrals(&self, now: Instant, halted: &Halted, limit: i64) -> sqlx::Result<Vec<Referral>> {
        sqlx::query_as(
            "select account_id, contact_id, id, playbook, step, at,
                    coalesce((select r.playbook from keepwell.renames r where r.was = target), target) as target
             from keepwell.referrals
             where state = 'planned' and at <= $1 and (look_at is null or look_at <= $1) and playbook <> all($2) and account_id <> all($3)
             order by at, account_id, id limit $4",
        )
        .bind(now)
        .bind(&halted.playbooks)
        .bind(&halted.accounts)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// Looks at referrals again then: they could not be decided.
    pub(crate) async fn look_at_referrals_again(&self, referrals: &[Referral], at: Instant) -> sqlx::Result<()> {
        let each = || referrals.iter();
        let rows = Rows::default()
            .column("account_id", each().map(|one| one.account_id.as_str()))
            .column("id", each().map(|one| one.id))
            .column("look_at", each().map(|_| at));
        let update = format!(
            "update keepwell.referrals r set look_at = n.look_at from {}
             where r.account_id = n.account_id and r.id = n.id and r.state = 'planned'",
            rows.relation("n")
        );
        rows.query(update)?.execute(self.pool()).await?;
        Ok(())
    }

    /// Settles a referral: with the enrollment that comes of it, or with the
    /// reason why there is none. Nothing happens when somebody else has
    /// settled it meanwhile.
    pub async fn settle_referral(
        &self,
        referral: &Referral,
        decided: Result<&Enrollment, &str>,
        now: Instant,
    ) -> sqlx::Result<()> {
        let mut tx = self.pool().begin().await?;
        let entered = match decided {
            Ok(enrollment) => match insert_one(&mut tx, enrollment).await? {
                true => Ok(enrollment),
                // Somebody was faster since it was decided.
                false if is_active(&mut tx, enrollment).await? => Err("active"),
                false => Err("reentry"),
            },
            Err(reason) => Err(reason),
        };
        let (state, reason, enrolled) = match entered {
            Ok(enrollment) => ("enrolled", enrollment.is_ghost().then_some("held out"), Some(enrollment.id)),
            Err(reason) => ("skipped", Some(reason), None),
        };
        let settled = sqlx::query(
            "update keepwell.referrals set state = $3, reason = $4, enrolled_id = $5, decided_at = $6
             where account_id = $1 and id = $2 and state = 'planned'",
        )
        .bind(&referral.account_id)
        .bind(referral.id)
        .bind(state)
        .bind(reason)
        .bind(enrolled)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        if settled.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(());
        }
        tx.commit().await
    }
}
