//! Which slots a course plays.

use crate::clock::Instant;
use crate::playbook::schedule::Schedule;
use crate::rehearsal::slot_set::SlotSet;

/// The slots of a course, in order.
#[derive(Clone, Copy, Debug)]
pub(in crate::rehearsal) enum Slots<'a> {
    /// All from the beginning on.
    All(&'a Schedule),
    /// Those at which the condition may be true; and while it is known to have
    /// been true, all of the list, so that its fall is seen.
    Chosen { list: &'a [Instant], chosen: &'a SlotSet },
}

impl Slots<'_> {
    /// The first, in a course that begins at an instant.
    pub fn first(&self, start: Instant) -> Option<Instant> {
        match self {
            Slots::All(_) => Some(start),
            Slots::Chosen { list, chosen } => chosen.next_from(0).and_then(|place| list.get(place).copied()),
        }
    }

    /// The next after an instant.
    pub fn next_after(&self, now: Instant, is_matching: bool) -> Option<Instant> {
        match self {
            Slots::All(schedule) => schedule.next_after(now),
            Slots::Chosen { list, chosen } => {
                let next = list.partition_point(|slot| *slot <= now);
                let place = if is_matching { Some(next) } else { chosen.next_from(next) };
                place.and_then(|place| list.get(place).copied())
            }
        }
    }
}
