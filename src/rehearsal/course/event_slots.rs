//! The slots of a playbook that an event calls, as far as something happens at them:
//! the first one, and then those at which an event of the subject became due.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DurationRound, TimeDelta};

use crate::catalog::ReadyTrigger;
use crate::clock::Instant;
use crate::playbook::schedule::Schedule;

/// How long somebody is looked at again whom something kept out that may have ended, until
/// the slot behind it.
const AGAIN: TimeDelta = TimeDelta::days(1);

/// What was looked at so far.
#[derive(Clone, Debug, Default)]
pub(super) struct EventSlots {
    last: Option<Instant>,
    looked_at: BTreeSet<Instant>,
    /// When the events were due that are looked at again, by when they happened.
    again: BTreeMap<Instant, Instant>,
}

impl EventSlots {
    /// The next slot, in a course that begins at `start`.
    pub fn next(
        &self,
        (on, schedule): (&ReadyTrigger, &Schedule),
        events: impl Iterator<Item = Instant>,
        start: Instant,
    ) -> Option<Instant> {
        let Some(last) = self.last else { return Some(start) };
        let new = events.filter(|at| !self.looked_at.contains(at)).filter_map(|at| {
            let due = on.due_at(at)?.max(last + TimeDelta::microseconds(1));
            schedule.next_after(due - TimeDelta::microseconds(1))
        });
        let minute = TimeDelta::minutes(1);
        let hour = TimeDelta::hours(1);
        // The next slot that looks at somebody again, and the one before it.
        let later = match on.every_minute {
            true => last.duration_trunc(hour).ok().map(|whole| (whole + hour, whole + hour - minute)),
            false => schedule.next_after(last).map(|slot| (slot, last)),
        };
        let again = self.again.values().filter_map(|due| later.filter(|(_, before)| *before - *due < AGAIN));
        let again = again.map(|(slot, _)| slot);
        new.chain(again).min()
    }

    /// Keeps that a slot has looked at the events; `again` says that something kept the
    /// subject out which may end.
    pub fn look(&mut self, on: &ReadyTrigger, events: impl Iterator<Item = Instant>, slot: Instant, again: bool) {
        for (at, due) in events.filter_map(|at| Some((at, on.due_at(at)?))).filter(|(_, due)| *due <= slot) {
            let is_new = self.looked_at.insert(at);
            match again {
                true if is_new => drop(self.again.insert(at, due)),
                true => {}
                false => drop(self.again.remove(&at)),
            }
        }
        self.last = Some(slot);
    }
}
