//! Decisions about many enrollments, written together: a fixed number of
//! statements in one transaction, whatever their number. Rows meet by account
//! and id only.

use std::collections::HashSet;

use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::planned_effect::PlannedEffect;
use super::stored_enrollment::{counted_json, new_rows};
use crate::clock::Instant;
use crate::effect::{EffectBody, LabelDraft, MessageDraft, TaskDraft};
use crate::enrollment::{Enrollment, Transition};
use crate::store::Store;
use crate::store::documents::reports::{self, ReportOrigin};
use crate::store::lease::Lost;
use crate::store::messages::message_ids::Naming;
use crate::store::runs::run::{Run, is_ours};
use crate::store::sql::bulk_rows::Rows;
use crate::value_report::ValueReport;

/// What became of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Committed,
    /// Somebody else moved the enrollment meanwhile.
    Stale,
}

impl Store {
    /// Commits a transition with all its effects, or nothing.
    pub async fn commit(&self, transition: &Transition, priority: i32, now: Instant) -> sqlx::Result<Commit> {
        let done = self.commit_all(std::slice::from_ref(transition), priority, now).await?;
        Ok(done.first().copied().unwrap_or(Commit::Stale))
    }

    /// Commits transitions of different enrollments, each with all its effects.
    /// What is stale is left out and does not keep the others; an error means
    /// that none of them was written. The answers are in the order given.
    pub async fn commit_all(
        &self,
        transitions: &[Transition],
        priority: i32,
        now: Instant,
    ) -> sqlx::Result<Vec<Commit>> {
        if transitions.is_empty() {
            return Ok(Vec::new());
        }
        let next = || transitions.iter().map(|transition| &transition.enrollment);
        let rows = Rows::default()
            .column("account_id", next().map(|one| one.account.as_str()))
            .column("id", next().map(|one| one.id))
            .column("version", next().map(|one| one.version))
            .column("state", next().map(Enrollment::state_name))
            .column("outcome", next().map(Enrollment::outcome_name))
            .column("counted", next().map(counted_json))
            .column("reason", next().map(|one| one.reason.as_deref()))
            .column("step", next().map(|one| one.step.as_deref()))
            .column("phase", next().map(|one| one.phase.name()))
            .column("step_at", next().map(|one| one.step_at))
            .column("due_at", next().map(|one| one.due_at))
            .column("look_at", next().map(|one| one.look_at))
            .column("ended_at", next().map(|one| one.ended_at))
            .column("goal_at", next().map(|one| one.goal_at))
            .column("goal_until", next().map(|one| one.goal_until));
        let update = format!(
            "update keepwell.enrollments e
             set state = n.state, outcome = n.outcome, counted = n.counted, reason = n.reason, step = n.step, phase = n.phase, step_at = n.step_at,
                 due_at = n.due_at, look_at = n.look_at, ended_at = n.ended_at, goal_at = n.goal_at,
                 goal_until = n.goal_until, version = n.version + 1,
                 left_step = case when n.ended_at is not null then e.step end
             from {}
             where e.account_id = n.account_id and e.id = n.id and e.version = n.version
               and (e.state = 'active' or e.state = 'ghost' and e.ended_at is null)
             returning e.id",
            rows.relation("n")
        );
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let moved = ids(rows.query(update)?.fetch_all(&mut *tx).await?)?;
        if moved.is_empty() {
            tx.rollback().await?;
            return Ok(vec![Commit::Stale; transitions.len()]);
        }
        Store::follow(&mut tx, transitions, &moved, priority, naming, now).await?;
        tx.commit().await?;
        let became = |one: &Enrollment| if moved.contains(&one.id) { Commit::Committed } else { Commit::Stale };
        Ok(next().map(became).collect())
    }

    /// Writes new enrollments of a run as far as their first look, at its slot,
    /// has taken them, each with all its effects. Those that exist already are
    /// left as they are, without effects; an error means that none was written.
    /// Returns how many are new, or that somebody else has the run.
    pub async fn enter(
        &self,
        run: &Run,
        transitions: &[Transition],
        priority: i32,
    ) -> sqlx::Result<Result<usize, Lost>> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        if !is_ours(&mut tx, run).await? {
            tx.rollback().await?;
            return Ok(Err(Lost));
        }
        let slot = run.slot;
        let rows = new_rows(transitions.iter().map(|transition| &transition.enrollment), Some(slot));
        let insert = rows.insert("keepwell.enrollments", "on conflict do nothing returning id")?;
        let new = ids(insert.fetch_all(&mut *tx).await?)?;
        Store::follow(&mut tx, transitions, &new, priority, naming, slot).await?;
        tx.commit().await?;
        Ok(Ok(new.len()))
    }

    /// Writes what follows from those of the transitions that were `moved`.
    async fn follow(
        tx: &mut PgConnection,
        transitions: &[Transition],
        moved: &HashSet<Uuid>,
        priority: i32,
        naming: Naming<'_>,
        now: Instant,
    ) -> sqlx::Result<()> {
        let (mut tasks, mut messages, mut referrals) = (Vec::new(), Vec::new(), Vec::new());
        let (mut labels, mut plans, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
        let mut made: Vec<&ValueReport> = Vec::new();
        for transition in transitions.iter().filter(|transition| moved.contains(&transition.enrollment.id)) {
            let enrollment = &transition.enrollment;
            for effect in &transition.effects {
                match &effect.body {
                    EffectBody::Task(draft) => tasks.push(PlannedEffect::<TaskDraft> { enrollment, effect, draft }),
                    EffectBody::Referral { playbook } => {
                        referrals.push(PlannedEffect::<String> { enrollment, effect, draft: playbook });
                    }
                    EffectBody::Label(draft) => labels.push(PlannedEffect::<LabelDraft> { enrollment, effect, draft }),
                    EffectBody::Plan { plan } => {
                        plans.push(PlannedEffect::<String> { enrollment, effect, draft: plan });
                    }
                    // Of accounts that are held out none is made.
                    EffectBody::Report(_) if enrollment.is_ghost() => {}
                    EffectBody::Report(report) => made.push(report),
                    EffectBody::Message(draft) => {
                        messages.push(PlannedEffect::<MessageDraft> { enrollment, effect, draft })
                    }
                }
            }
            if transition.stopped {
                let reason = enrollment.reason.as_deref().unwrap_or(enrollment.state.name());
                stopped.push((enrollment.account.as_str(), enrollment.id, reason));
            }
        }
        crate::store::tasks::insert::insert(tx, &tasks, now).await?;
        crate::store::messages::insert::insert(tx, &messages, priority, naming, now).await?;
        super::enroll_requests::insert(tx, &referrals, now).await?;
        super::labels::insert(tx, &labels, now).await?;
        super::plans::insert(tx, &plans, now).await?;
        reports::insert(tx, &made, ReportOrigin::Step).await?;
        close_open_work(tx, &stopped, now).await
    }
}

fn ids(rows: Vec<sqlx::postgres::PgRow>) -> sqlx::Result<HashSet<Uuid>> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Closes what stopped enrollments leave open: their tasks unless they are
/// kept, and mail that has not left. Mail under way is left to its own gate.
/// Each is an account, an enrollment and the reason.
pub(crate) async fn close_open_work(
    tx: &mut PgConnection,
    stopped: &[(&str, Uuid, &str)],
    now: Instant,
) -> sqlx::Result<()> {
    if stopped.is_empty() {
        return Ok(());
    }
    let rows = Rows::default()
        .column("account_id", stopped.iter().map(|(account, ..)| *account))
        .column("enrollment_id", stopped.iter().map(|(_, id, _)| *id))
        .column("reason", stopped.iter().map(|(.., reason)| *reason))
        .column("ended_at", stopped.iter().map(|_| now));
    let close = format!(
        "update keepwell.tasks t set state = 'closed', reason = s.reason, ended_at = s.ended_at, look_at = null
         from {}
         where t.account_id = s.account_id and t.enrollment_id = s.enrollment_id and t.state = 'open' and not t.keep",
        rows.relation("s")
    );
    rows.query(close)?.execute(&mut *tx).await?;
    crate::store::messages::transitions::cancel_mail(tx, stopped, now).await
}
