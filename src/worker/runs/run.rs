//! Carrying out runs: those that were opened, those of daemons that went away, and
//! those that a person approved.

use std::sync::Arc;

use super::breaker;
use super::deciding::Deciding;
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::event_watch;
use super::releaser;
use super::scan_share::Share;
use crate::clock::Instant;
use crate::postgres::describe_error;
use crate::store::lease::Lost;
use crate::store::runs::{Run, Tally};
use crate::worker::shared::Shared;

/// Finishes runs of daemons that went away, and releases approved ones.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let mut handled = 0;
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    for run in shared.store.take_over_runs(&halted).await? {
        tracing::warn!(playbook = %run.playbook, slot = %run.slot, "taking over a run");
        handled += 1;
        if let Err(error) = carry_out(shared, &run, now).await {
            tracing::error!(playbook = %run.playbook, "the run failed: {}", describe_error(error.as_ref()));
        }
    }
    for run in shared.store.claim_approved_runs(&halted, now).await? {
        handled += usize::from(release(shared, &run, now, now).await?);
    }
    Ok(handled)
}

/// Releases one approved run, if its next batch is due, by the facts of its slot:
/// what a person has approved who saw what would happen there.
pub async fn release_as_of_slot(
    shared: &Arc<Shared>,
    playbook: &str,
    slot: Instant,
    now: Instant,
) -> anyhow::Result<()> {
    let Some(halted) = shared.halted().await? else { return Ok(()) };
    if let Some(run) = shared.store.claim_approved_run(playbook, slot, &halted, now).await? {
        release(shared, &run, slot, now).await?;
    }
    Ok(())
}

/// Releases a claimed run by the facts of `as_of`; a release that fails is tried
/// again later, and is `false`.
async fn release(shared: &Arc<Shared>, run: &Run, as_of: Instant, now: Instant) -> anyhow::Result<bool> {
    match unless_lost(run, releaser::release(shared, run, as_of, now).await) {
        Ok(()) => Ok(true),
        Err(error) => {
            tracing::error!(playbook = %run.playbook, "the release failed: {}", describe_error(error.as_ref()));
            shared.store.leave_release(run).await?;
            Ok(false)
        }
    }
}

/// Carries out a run that this process holds. Facts are as of the slot. A store
/// that has changed under it fails the run, visibly, and not this process.
pub async fn carry_out(shared: &Arc<Shared>, run: &Run, now: Instant) -> anyhow::Result<()> {
    let budget = EvaluationBudget::of(shared.config.limits.run);
    carry_out_on(shared, run, &budget, None, now).await
}

/// The same at the cost of a budget, and on its share of a walk that several
/// runs make together; without one it walks alone.
pub(crate) async fn carry_out_on(
    shared: &Arc<Shared>,
    run: &Run,
    budget: &Arc<EvaluationBudget>,
    share: Option<Share>,
    now: Instant,
) -> anyhow::Result<()> {
    let done = match attempt(shared, run, budget, share, now).await {
        Err(error) if crate::store::is_schema_mismatch(&error) => {
            let why = format!(
                "the customer store is not what it was when Keepwell started: {}",
                describe_error(error.as_ref())
            );
            tracing::error!(playbook = %run.playbook, slot = %run.slot, "{why}");
            fail(shared, run, &why, now).await
        }
        done => done,
    };
    unless_lost(run, done)
}

/// Whoever has lost a run has nothing more to do for it, which is no error.
fn unless_lost(run: &Run, done: anyhow::Result<()>) -> anyhow::Result<()> {
    match done {
        Err(error) if error.is::<Lost>() => {
            tracing::warn!(playbook = %run.playbook, slot = %run.slot, "somebody else has the run");
            Ok(())
        }
        done => done,
    }
}

/// Ends a run as failed, visibly.
async fn fail(shared: &Shared, run: &Run, why: &str, now: Instant) -> anyhow::Result<()> {
    let store = &shared.store;
    // Who has entered counts for what later runs may do.
    let entered = store.count_enrolled(&run.playbook, run.slot).await?;
    let tally = Tally { entered, ..Tally::default() };
    Ok(store.end_run(run, "failed", Some(why), &tally, None, now).await??)
}

async fn attempt(
    shared: &Arc<Shared>,
    run: &Run,
    budget: &Arc<EvaluationBudget>,
    share: Option<Share>,
    now: Instant,
) -> anyhow::Result<()> {
    let store = &shared.store;
    let loaded = match shared.loaded(&run.playbook, &run.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => return fail(shared, run, &why, now).await,
    };
    let limit = breaker::limit(shared, &loaded, run.slot, None).await?;
    store.keep_subjects(&run.playbook, run.slot, limit.subjects).await?;
    let arrivals = event_watch::arrivals_of(shared, &loaded.ready, run).await?;
    let mut deciding = Deciding::new(shared, &loaded, run, budget, limit, arrivals);
    let decided = deciding.carry_out(share, now).await;
    // Also after an error: wait for the batch that is being written before the
    // run is ended.
    let written = deciding.finish_writing().await;
    match decided {
        Err(error) if error.is::<BudgetSpent>() => {
            written?;
            deciding.break_off(&error.to_string(), now).await
        }
        decided => decided.and(written),
    }
}
