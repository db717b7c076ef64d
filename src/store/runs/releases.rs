//! A person's word on a held run, and letting go what was approved: one held
//! enrollment at a time, each only as long as its run is the holder's.

use std::collections::BTreeMap;

use serde_json::json;

use super::run::{Run, claim, delete_held, is_ours, of_holder};
use super::tally::Entered;
use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::ids::Word;
use crate::store::Store;
use crate::store::enrollments::stored_enrollment::new_rows;
use crate::store::lease::{Lost, unless_lost};
use crate::store::upkeep::audit::record_word;
use crate::store::upkeep::stopped::Halted;

/// What became of a person's word on a held run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseAnswer {
    Taken,
    /// It was said before, and holds.
    Already,
    /// It was approved before, and those who wait enter at another pace.
    OtherPace,
    /// There is no such run.
    Unknown,
    /// It is not held.
    NotHeld,
    /// It is being released at this moment.
    UnderWay,
    /// The playbook has changed since; the next run decides anew.
    Outdated,
}

/// How those whom a person lets in enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasePace {
    /// In the batches of the playbook's ramp, where it has one.
    Ramp,
    /// All of them, as far as `max_per_day` has room.
    AtOnce,
}

/// What became of a held enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is active, as it was decided now.
    Entered,
    /// It is gone: it does not enter, or has entered already.
    Dropped,
}

/// What is left of an approved run once a batch of it is out.
#[derive(Clone, Debug)]
pub struct ReleaseRest {
    pub waiting: i64,
    /// When it goes on, and why not at once.
    pub at: Instant,
    pub reason: String,
    /// How many batches of its ramp are out.
    pub ramp_batch: i32,
}

/// Whether the next batch of an approved run may go, and nobody has it. `$1` is
/// the lease clock, `$5` now.
const RELEASE_IS_DUE: &str = "state = 'held' and approved_at is not null
    and (lease_until is null or lease_until < $1) and (ramp_at is null or ramp_at <= $5)";

impl Store {
    /// Records a person's approval of a held run. It is bound to the run's
    /// revision and to the number that was held.
    pub async fn approve_run(
        &self,
        playbook: &str,
        slot: Instant,
        pace: ReleasePace,
        word: Word<'_>,
    ) -> sqlx::Result<ReleaseAnswer> {
        let mut tx = self.pool().begin().await?;
        let found: Option<(String, String, Option<String>, Option<bool>)> = sqlx::query_as(
            "select r.state, r.revision, p.revision, case when r.approved_at is not null then r.at_once end from keepwell.runs r
             left join keepwell.playbooks p on p.id = r.playbook where r.playbook = $1 and r.slot = $2
             for update of r",
        )
        .bind(playbook)
        .bind(slot)
        .fetch_optional(&mut *tx)
        .await?;
        let at_once = pace == ReleasePace::AtOnce;
        let answer = match found {
            None => ReleaseAnswer::Unknown,
            Some((state, ..)) if state != "held" => ReleaseAnswer::NotHeld,
            Some((_, revision, current, _)) if current.as_deref() != Some(&revision) => ReleaseAnswer::Outdated,
            Some((.., Some(before))) if before != at_once => ReleaseAnswer::OtherPace,
            Some((.., Some(_))) => ReleaseAnswer::Already,
            Some(_) => {
                sqlx::query(
                    "update keepwell.runs set approved_at = $3, approved_by = $4, at_once = $5
                     where playbook = $1 and slot = $2",
                )
                .bind(playbook)
                .bind(slot)
                .bind(word.at)
                .bind(word.by.0)
                .bind(at_once)
                .execute(&mut *tx)
                .await?;
                let mut about = json!({ "playbook": playbook, "slot": slot });
                if at_once {
                    about["at_once"] = true.into();
                }
                record_word(&mut tx, "approve", word, &about).await?;
                ReleaseAnswer::Taken
            }
        };
        tx.commit().await?;
        Ok(answer)
    }

    /// Deletes what a held run would have enrolled; it uses up no entry.
    /// Whoever was releasing it and has gone away finds it gone.
    pub async fn discard_run(&self, playbook: &str, slot: Instant, word: Word<'_>) -> sqlx::Result<ReleaseAnswer> {
        let lease_now = self.lease_clock().await?;
        let mut tx = self.pool().begin().await?;
        let found: Option<(String, bool)> = sqlx::query_as(
            "select state, token is not null and lease_until >= $3 from keepwell.runs
             where playbook = $1 and slot = $2 for update",
        )
        .bind(playbook)
        .bind(slot)
        .bind(lease_now)
        .fetch_optional(&mut *tx)
        .await?;
        let answer = match found {
            None => ReleaseAnswer::Unknown,
            Some((state, _)) if state != "held" => ReleaseAnswer::NotHeld,
            Some((_, true)) => ReleaseAnswer::UnderWay,
            Some((_, false)) => {
                sqlx::query(
                    "update keepwell.runs set state = 'skipped', reason = 'discarded', approved_by = $4, ended_at = $3,
                         token = null, lease_until = null
                     where playbook = $1 and slot = $2",
                )
                .bind(playbook)
                .bind(slot)
                .bind(word.at)
                .bind(word.by.0)
                .execute(&mut *tx)
                .await?;
                delete_held(&mut tx, playbook, slot).await?;
                record_word(&mut tx, "discard", word, &json!({ "playbook": playbook, "slot": slot })).await?;
                ReleaseAnswer::Taken
            }
        };
        tx.commit().await?;
        Ok(answer)
    }

    /// Claims approved runs of which enrollments are to be released now.
    pub async fn claim_approved_runs(&self, halted: &Halted, now: Instant) -> sqlx::Result<Vec<Run>> {
        let lease_now = self.lease_clock().await?;
        claim(RELEASE_IS_DUE, lease_now, halted).bind(now).fetch_all(self.pool()).await
    }

    /// The same for one run.
    pub async fn claim_approved_run(
        &self,
        playbook: &str,
        slot: Instant,
        halted: &Halted,
        now: Instant,
    ) -> sqlx::Result<Option<Run>> {
        let lease_now = self.lease_clock().await?;
        let which = format!("{RELEASE_IS_DUE} and playbook = $6 and slot = $7");
        let claimed = claim(&which, lease_now, halted).bind(now).bind(playbook.to_owned()).bind(slot);
        claimed.fetch_optional(self.pool()).await
    }

    /// Releases a held enrollment as long as its run is ours: it starts now, as
    /// `admitted` says; without that it no longer enters, is deleted and has
    /// used up nothing.
    pub async fn release(
        &self,
        run: &Run,
        held: &Enrollment,
        admitted: Option<&Enrollment>,
    ) -> sqlx::Result<Result<Released, Lost>> {
        let mut tx = self.pool().begin().await?;
        // Whoever takes the run over waits for this, and then counts it.
        if !is_ours(&mut tx, run).await? {
            tx.rollback().await?;
            return Ok(Err(Lost));
        }
        let waited =
            sqlx::query("delete from keepwell.enrollments where account_id = $1 and id = $2 and state = 'held'")
                .bind(&held.account)
                .bind(held.id)
                .execute(&mut *tx)
                .await?
                .rows_affected();
        let mut entered = 0;
        // Somebody may have been erased since they were looked at.
        if let Some(admitted) = admitted.filter(|_| waited > 0) {
            let insert = new_rows(std::iter::once(admitted), Some(run.slot));
            let insert = insert.insert("keepwell.enrollments", "on conflict do nothing")?;
            entered = insert.execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(Ok(if entered > 0 { Released::Entered } else { Released::Dropped }))
    }

    /// Writes what came of a release: how many have entered, why others did
    /// not, and what is left. Without a rest the run is done.
    pub(crate) async fn settle_release(
        &self,
        run: &Run,
        entered: Entered,
        dropped: &BTreeMap<String, i64>,
        rest: Option<&ReleaseRest>,
        now: Instant,
    ) -> sqlx::Result<Result<(), Lost>> {
        let mut counted = dropped.clone();
        if let Some(rest) = rest {
            counted.insert("held".to_owned(), rest.waiting);
        }
        let settled = of_holder(
            run,
            "state = $8, reason = $9, enrolled = $4, ghosts = $5, ended_at = $7, ramp_at = $10, ramp_batch = $11,
             skipped = (select coalesce(jsonb_object_agg(key, total), '{}')
                        from (select key, sum(value::bigint) as total
                              from (select * from jsonb_each_text(skipped - 'held')
                                    union all select * from jsonb_each_text($6)) counted group by key) summed),
             token = null, lease_until = null",
        )
        .bind(entered.all)
        .bind(entered.ghosts)
        .bind(json!(counted))
        .bind(rest.is_none().then_some(now))
        .bind(if rest.is_some() { "held" } else { "done" })
        .bind(rest.map(|rest| rest.reason.clone()))
        .bind(rest.map(|rest| rest.at))
        .bind(rest.map_or(run.ramp_batch, |rest| rest.ramp_batch))
        .execute(self.pool())
        .await?;
        Ok(unless_lost(settled.rows_affected()))
    }

    /// Lets go of a run whose release has failed: it is tried again when the
    /// lease is over, and until then a person may discard it.
    pub(crate) async fn leave_release(&self, run: &Run) -> sqlx::Result<()> {
        of_holder(run, "token = null").execute(self.pool()).await?;
        Ok(())
    }

    /// Takes back an approval that was not carried out in time.
    pub(crate) async fn expire_approval(&self, run: &Run, reason: &str) -> sqlx::Result<Result<(), Lost>> {
        let expired = of_holder(
            run,
            "approved_at = null, approved_by = null, at_once = false, reason = $4, ramp_at = null, token = null, lease_until = null",
        );
        let expired = expired.bind(reason.to_owned()).execute(self.pool()).await?;
        Ok(unless_lost(expired.rows_affected()))
    }
}
