//! Due slots to runs. No leader: whoever inserts the run's row carries it out.

use std::sync::Arc;

use super::{Shared, advancer, closer, enroller};
use crate::clock::Instant;
use crate::playbook::Mode;
use crate::store::playbooks::Published;

/// More missed slots than this are not written down one by one.
const MOST_MISSED: usize = 10_000;

/// Opens and carries out what is due; records what was missed or stopped.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let stopped = shared.store.stopped().await?;
    let mut handled = 0;
    for playbook in shared.store.published().await? {
        if !playbook.present {
            continue;
        }
        match due(shared, &playbook, now, stopped.covers(&playbook.id)).await {
            Ok(done) => handled += done,
            // One playbook's trouble is not another's.
            Err(error) => tracing::error!(playbook = %playbook.id, "scheduling failed: {error:#}"),
        }
    }
    Ok(handled)
}

async fn due(shared: &Arc<Shared>, playbook: &Published, now: Instant, stopped: bool) -> super::Result<usize> {
    let loaded = match shared.loaded(&playbook.id, &playbook.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            tracing::error!(playbook = %playbook.id, revision = %playbook.revision, "cannot be used: {why}");
            return Ok(0);
        }
    };
    let schedule = &loaded.ready.schedule;
    let Some(latest) = schedule.latest_between(playbook.slots_after, now) else {
        return Ok(0);
    };
    let store = &shared.store;
    let mut missed = schedule.slots_between(playbook.slots_after, latest, MOST_MISSED);
    missed.retain(|slot| *slot < latest);
    let too_late = now - latest > shared.config.catch_up;
    let paused = loaded.ready.playbook.mode == Mode::Paused;
    let reason = match (stopped, paused) {
        (true, _) => "stopped",
        (_, true) => "paused",
        _ => "missed",
    };
    let skipped = stopped || paused || too_late;
    if skipped {
        missed.push(latest);
    }
    if !missed.is_empty() {
        store.skip_slots(&playbook.id, &playbook.revision, &missed, "scheduled", reason, now).await?;
    }
    let mut handled = missed.len();
    if !skipped {
        advancer::until(shared, latest).await?;
        let opened = store.open_run(&playbook.id, &playbook.revision, latest, "scheduled", now).await?;
        if let Some(run) = opened {
            enroller::carry_out(shared, &run, now).await?;
            handled += 1;
        }
    }
    // Only now: whoever dies before this looks at the same slots again, and
    // finds their rows.
    store.settle_slots(&playbook.id, latest).await?;
    Ok(handled)
}

/// One manual run of every playbook at an instant, which is its slot.
pub async fn manual(shared: &Arc<Shared>, slot: Instant) -> super::Result<usize> {
    let store = &shared.store;
    let stopped = store.stopped().await?;
    let mut handled = 0;
    advancer::until(shared, slot).await?;
    // As in a pass: a task whose problem is gone closes before a run would
    // refresh it.
    while closer::tick(shared, slot).await? > 0 {}
    for playbook in store.published().await? {
        if !playbook.present {
            continue;
        }
        let reason = match stopped.covers(&playbook.id) {
            true => Some("stopped"),
            false => shared.is_paused(&playbook).await?.then_some("paused"),
        };
        if let Some(reason) = reason {
            // Not opened at all: a held run that waits must not be superseded
            // by one that decides nothing.
            handled +=
                store.skip_slots(&playbook.id, &playbook.revision, &[slot], "manual", reason, slot).await? as usize;
            continue;
        }
        let opened = store.open_run(&playbook.id, &playbook.revision, slot, "manual", slot).await?;
        let Some(run) = opened else { continue };
        handled += 1;
        if let Err(error) = enroller::carry_out(shared, &run, slot).await {
            tracing::error!(playbook = %playbook.id, "the run failed: {error:#}");
        }
    }
    Ok(handled)
}
