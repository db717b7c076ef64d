//! Due slots to runs. No leader: whoever inserts the run's row carries it out,
//! of several daemons as of several lanes of one. A playbook of which a run is
//! under way in this process waits for it; its other slots are then missed, and
//! nobody else's.

use crate::ids::{PlaybookId, RevisionId};
use crate::postgres::describe_error;
use crate::store::runs::RunKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::event_watch::{self, Watching};
use super::run_capacity::PlaybookClaim;
use super::shared_scan::{self, OpenedRun};
use crate::clock::{Deadline, Instant};
use crate::playbook::Mode;
use crate::store::runs::playbooks::Published;
use crate::worker::documents::scheduler as documents;
use crate::worker::enrollments::advancer;
use crate::worker::shared::Shared;
use crate::worker::tasks::closer;

/// More missed slots than this are not written down one by one.
const MOST_MISSED: usize = 10_000;

/// What was found due this long ago is looked at again before it is done: it may
/// have been stopped, or done by somebody else.
const FRESH: Duration = Duration::from_secs(60);

/// Opens and carries out what is due; records what was missed or stopped.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let stopped = shared.store.stopped().await?;
    // Before the playbooks, which see what is found.
    let documents = documents::settle(shared, &stopped, now).await?;
    let (mut handled, mut slots) = (documents.handled, DueSlots::new());
    let mut watching = Vec::new();
    let fresh = Deadline::after(FRESH);
    let superseded = shared.store.supersede_outdated_event_runs(|playbook| stopped.covers(playbook), now).await;
    superseded.inspect_err(|error| tracing::error!("superseding runs failed: {}", describe_error(error))).ok();
    for playbook in shared.store.published().await? {
        if !playbook.present || shared.runs.is_claimed(&playbook.id) {
            continue;
        }
        match due(shared, &playbook, now, stopped.covers(&playbook.id)).await {
            Ok((done, due)) => {
                handled += done;
                match due {
                    Due::Slot(slot) if !documents.hold(slot, now) => {
                        slots.entry(slot).or_default().push(DueRun { published: playbook, events_from: None });
                    }
                    Due::Watch(one) if !documents.hold(one.slot, now) => watching.push(*one),
                    Due::Slot(_) | Due::Watch(_) | Due::Nothing => {}
                }
            }
            // One playbook's trouble is not another's.
            Err(error) => {
                tracing::error!(playbook = %playbook.id, "scheduling failed: {}", describe_error(error.as_ref()))
            }
        }
    }
    if !run_slots(shared, slots, fresh, now, &mut handled).await {
        return Ok(handled.max(1));
    }
    // Behind the others: who looks for events is no reason that a slot waits.
    let called = match event_watch::called(shared, watching).await {
        Ok(called) => called,
        Err(error) => {
            tracing::error!("looking for events failed: {}", describe_error(error.as_ref()));
            return Ok(handled);
        }
    };
    let mut slots = DueSlots::new();
    for Watching { published, slot, from, .. } in called {
        slots.entry(slot).or_default().push(DueRun { published, events_from: Some(from) });
    }
    match run_slots(shared, slots, fresh, now, &mut handled).await {
        true => Ok(handled),
        false => Ok(handled.max(1)),
    }
}

/// Carries out the runs of slots, the earliest first, and counts what was done. False
/// when the rest waits for another look, which is to begin at once.
async fn run_slots(shared: &Arc<Shared>, slots: DueSlots, fresh: Deadline, now: Instant, handled: &mut usize) -> bool {
    for (slot, playbooks) in slots {
        if fresh.has_passed() {
            return false;
        }
        match run_slot(shared, &playbooks, slot, now).await {
            Ok(done) => *handled += done,
            Err(error) => tracing::error!(%slot, "scheduling failed: {}", describe_error(error.as_ref())),
        }
    }
    true
}

/// What is due, by slot.
type DueSlots = BTreeMap<Instant, Vec<DueRun>>;

/// A playbook that is due.
struct DueRun {
    published: Published,
    /// The run is about the events that became due after this.
    events_from: Option<Instant>,
}

/// What a playbook is due for.
enum Due {
    Nothing,
    Slot(Instant),
    Watch(Box<Watching>),
}

/// Carries out the runs of one slot, and moves their playbooks beyond it.
async fn run_slot(shared: &Arc<Shared>, playbooks: &[DueRun], slot: Instant, now: Instant) -> anyhow::Result<usize> {
    let store = &shared.store;
    // Of those of which somebody else here has begun a run, they take care.
    let claimed: Vec<(&DueRun, PlaybookClaim)> =
        playbooks.iter().filter_map(|due| Some((due, shared.runs.claim(&due.published.id)?))).collect();
    if claimed.is_empty() {
        return Ok(0);
    }
    advancer::until(shared, slot).await?;
    let (mut opened, mut playbooks) = (Vec::new(), Vec::new());
    for (DueRun { published: playbook, events_from }, claim) in claimed {
        let (id, revision) = (PlaybookId(&playbook.id), RevisionId(&playbook.revision));
        let run = match events_from {
            None => store.open_run(id, revision, slot, RunKind::Scheduled, now).await?,
            Some(from) => store.open_event_run(id, revision, slot, *from, now).await?,
        };
        // Whoever has the run of an event keeps what it has looked at.
        if events_from.is_none() || run.is_some() {
            playbooks.push(playbook);
        }
        opened.extend(run.map(|run| OpenedRun { run, claim: Some(claim) }));
    }
    let (mut handled, mut failed) = (0, Vec::new());
    for (run, ended) in shared_scan::carry_out(shared, opened, now).await {
        match ended {
            Ok(()) => handled += 1,
            Err(error) => {
                tracing::error!(playbook = %run.playbook, "the run failed: {}", describe_error(error.as_ref()));
                failed.push(run.playbook);
            }
        }
    }
    for playbook in playbooks.into_iter().filter(|playbook| !failed.contains(&playbook.id)) {
        // Only now: whoever dies before this looks at the same slots again, and
        // finds their rows.
        store.settle_slots(&playbook.id, slot).await?;
    }
    Ok(handled)
}

/// Records the slots that will not run; gives their number, and what is to be done.
async fn due(shared: &Arc<Shared>, playbook: &Published, now: Instant, stopped: bool) -> anyhow::Result<(usize, Due)> {
    let loaded = match shared.loaded(&playbook.id, &playbook.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            tracing::error!(playbook = %playbook.id, revision = %playbook.revision, "cannot be used: {why}");
            return Ok((0, Due::Nothing));
        }
    };
    let (store, schedule) = (&shared.store, &loaded.ready.schedule);
    let paused = loaded.ready.playbook.mode == Mode::Paused;
    let on = loaded.ready.on.as_ref();
    let watched = match on {
        Some(on) => match event_watch::watched(shared, playbook, on).await? {
            Some(watched) => Some((on, watched)),
            None => return Ok((0, Due::Nothing)),
        },
        None => None,
    };
    let due_at = |slot| match watched {
        None => Due::Slot(slot),
        Some((on, watched)) => Due::Watch(Box::new(event_watch::watch(playbook, (&loaded.ready, on), watched, slot))),
    };
    if on.is_some_and(|on| on.every_minute) {
        // No minute is missed: each look begins where the one before has ended.
        let slot = event_watch::minute(now);
        if slot <= playbook.slots_after {
            return Ok((0, Due::Nothing));
        }
        if stopped || paused {
            store.forget_watch(&playbook.id, slot).await?;
            return Ok((0, Due::Nothing));
        }
        return Ok((0, due_at(slot)));
    }
    let Some(latest) = schedule.latest_between(playbook.slots_after, now) else {
        return Ok((0, Due::Nothing));
    };
    let mut missed = schedule.slots_between(playbook.slots_after, latest, MOST_MISSED);
    missed.retain(|slot| *slot < latest);
    let too_late = now - latest > shared.config.catch_up;
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
        store
            .skip_slots(
                PlaybookId(&playbook.id),
                RevisionId(&playbook.revision),
                &missed,
                RunKind::Scheduled,
                reason,
                now,
            )
            .await?;
    }
    if skipped {
        store.settle_slots(&playbook.id, latest).await?;
        if on.is_some() && (stopped || paused) {
            store.forget_watch(&playbook.id, latest).await?;
        }
        return Ok((missed.len(), Due::Nothing));
    }
    Ok((missed.len(), due_at(latest)))
}

/// One evaluation of every document and then one manual run of every playbook at an
/// instant, which is their slot.
pub async fn manual(shared: &Arc<Shared>, slot: Instant) -> anyhow::Result<usize> {
    at(shared, slot, true, |_| true).await
}

/// One manual run of some playbooks, by their ids.
pub async fn manual_of(shared: &Arc<Shared>, slot: Instant, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<usize> {
    at(shared, slot, false, is_wanted).await
}

async fn at(
    shared: &Arc<Shared>,
    slot: Instant,
    with_documents: bool,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<usize> {
    let store = &shared.store;
    let stopped = store.stopped().await?;
    let (mut handled, mut opened) = (0, Vec::new());
    if with_documents {
        handled += documents::manual(shared, &stopped, slot).await?;
    }
    advancer::until(shared, slot).await?;
    // As in a pass: a task whose problem is gone closes before a run would
    // refresh it.
    while closer::tick(shared, slot).await? > 0 {}
    for playbook in store.published().await? {
        if !playbook.present || !is_wanted(&playbook.id) {
            continue;
        }
        let reason = match stopped.covers(&playbook.id) {
            true => Some("stopped"),
            false => shared.is_paused(&playbook).await?.then_some("paused"),
        };
        if let Some(reason) = reason {
            // Not opened at all: a held run that waits must not be superseded
            // by one that decides nothing.
            handled += store
                .skip_slots(
                    PlaybookId(&playbook.id),
                    RevisionId(&playbook.revision),
                    &[slot],
                    RunKind::Manual,
                    reason,
                    slot,
                )
                .await? as usize;
            continue;
        }
        let run = store
            .open_run(PlaybookId(&playbook.id), RevisionId(&playbook.revision), slot, RunKind::Manual, slot)
            .await?;
        opened.extend(run.map(|run| OpenedRun { run, claim: None }));
    }
    handled += opened.len();
    for (run, ended) in shared_scan::carry_out(shared, opened, slot).await {
        if let Err(error) = ended {
            tracing::error!(playbook = %run.playbook, "the run failed: {}", describe_error(error.as_ref()));
        }
    }
    Ok(handled)
}
