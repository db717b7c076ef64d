//! Playbooks that an event calls: who had it, at a slot.
//!
//! One look at the customer store serves all of them. A run is opened only where
//! somebody has come; it is about the events that became due after those that were
//! looked at before, up to its slot, and that no run has looked at yet. While a run
//! of a playbook is under way, or waits for a person, what comes waits with it.
//!
//! Events come late into a store: each look goes back some minutes beyond the one before,
//! and a day at each full hour and where a schedule says when. Then those are looked at
//! again, too, whom something kept out that may have ended.

use std::sync::Arc;

use chrono::{DurationRound, TimeDelta};

use crate::catalog::{ReadyPlaybook, ReadyTrigger};
use crate::clock::Instant;
use crate::facts::Subject;
use crate::store::customers::arrivals::{Arrival, EventWatch};
use crate::store::runs::Run;
use crate::store::runs::playbooks::Published;
use crate::worker::shared::Shared;

/// How long after it was due an event may come into the store and still count.
pub(crate) const LATE: TimeDelta = TimeDelta::days(1);
/// How far back beyond the look before each look goes.
const RECENT: TimeDelta = TimeDelta::minutes(10);

/// A slot at which a playbook looks for its events.
pub(super) struct Watching {
    pub published: Published,
    pub slot: Instant,
    /// It is about those that became due after this.
    pub from: Instant,
    watch: EventWatch,
}

/// The whole minute of an instant.
pub(super) fn minute(now: Instant) -> Instant {
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

/// Since when a published playbook watches for its event, and up to when it has
/// looked; `None` where it only begins to.
pub(super) async fn watched(
    shared: &Shared,
    published: &Published,
    on: &ReadyTrigger,
) -> anyhow::Result<Option<(Instant, Instant)>> {
    let (event, after) = (on.event.as_str(), on.after.num_seconds());
    if (published.on_event.as_deref(), published.on_after) != (Some(event), Some(after)) {
        shared.store.begin_watch(&published.id, event, after).await?;
        return Ok(None);
    }
    Ok(published.events_since.zip(published.events_after))
}

/// The look of a published playbook at a slot.
pub(super) fn watch(
    published: &Published,
    (ready, on): (&ReadyPlaybook, &ReadyTrigger),
    (since, after): (Instant, Instant),
    slot: Instant,
) -> Watching {
    let hour = slot.duration_trunc(TimeDelta::hours(1)).unwrap_or(slot);
    // It lies ahead of the slot where `after` got longer.
    let after = after.min(slot);
    let back = if !on.every_minute || slot == hour || after < hour { LATE } else { RECENT };
    let from = (after - back).max(since);
    let watch = watch_of(ready, on, from, slot, None);
    Watching { published: published.clone(), slot, from, watch }
}

/// The events that became due after `from`, up to a slot; `own` is the run that
/// looks, which may have begun before.
fn watch_of(
    ready: &ReadyPlaybook,
    on: &ReadyTrigger,
    from: Instant,
    slot: Instant,
    own: Option<Instant>,
) -> EventWatch {
    let hour = TimeDelta::hours(1);
    let is_hour = slot.duration_trunc(hour).is_ok_and(|whole| whole == slot);
    EventWatch {
        playbook: ready.playbook.id.clone(),
        event: on.event.clone(),
        subject: Subject::from(ready.playbook.subject),
        after: from.checked_sub_signed(on.delay()).unwrap_or(from),
        until: slot.checked_sub_signed(on.delay()).unwrap_or(slot),
        slot: own,
        again: !on.every_minute || is_hour || slot - from >= hour,
    }
}

/// Of those that look, those for which somebody has come. Of the others it is kept
/// that nobody has.
pub(super) async fn called(shared: &Arc<Shared>, mut watching: Vec<Watching>) -> anyhow::Result<Vec<Watching>> {
    if watching.is_empty() {
        return Ok(watching);
    }
    let store = &shared.store;
    let busy = store.busy_playbooks().await?;
    watching.retain(|one| !busy.contains(&one.published.id));
    let watches: Vec<EventWatch> = watching.iter().map(|one| one.watch.clone()).collect();
    let mut is_called = store.have_arrivals(&watches).await?.into_iter();
    let (called, mut idle): (Vec<_>, Vec<_>) = watching.into_iter().partition(|_| is_called.next() == Some(true));
    idle.sort_by_key(|one| one.slot);
    for same in idle.chunk_by(|one, other| one.slot == other.slot) {
        let ids: Vec<String> = same.iter().map(|one| one.published.id.clone()).collect();
        store.settle_watches(&ids, same[0].slot).await?;
    }
    Ok(called)
}

/// The events that a run is about; `None` of one that no event has called.
pub(super) async fn arrivals_of(
    shared: &Shared,
    ready: &ReadyPlaybook,
    run: &Run,
) -> anyhow::Result<Option<Vec<Arrival>>> {
    let (Some(from), Some(on)) = (run.events_from, &ready.on) else { return Ok(None) };
    let watch = watch_of(ready, on, from, run.slot, Some(run.slot));
    Ok(Some(shared.store.arrivals(&[watch]).await?.pop().unwrap_or_default()))
}
