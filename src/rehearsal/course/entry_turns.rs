//! Which slots a course leaves out: those before which nothing can have changed for
//! a condition that was false.
//!
//! Invariant: a course decides the same as if it played every slot; a test compares
//! the two.

use super::turns::Turns;
use super::{Course, Slots};
use crate::clock::Instant;
use crate::rule::Rule;

/// When a condition that was false can turn.
#[derive(Clone, Debug)]
pub(super) enum EntryTurns {
    AtEverySlot,
    /// Only behind these, and behind what the course itself does.
    Behind(Turns),
}

/// What a run says of the slots that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunOutcome {
    /// The condition was false: until it turns, nothing else comes of a run.
    Unmatched,
    /// Each slot has to be looked at.
    Other,
}

impl Course<'_> {
    /// Whether nothing comes of a run: the subject is inside, and nothing follows its condition.
    pub(super) fn ignores_slots(&self) -> bool {
        self.current().is_some() && !self.playbook.follows_edges() && self.playbook.on.is_none()
    }

    /// The next slot after a run.
    pub(super) fn slot_after(&mut self, outcome: RunOutcome, now: Instant, until: Instant) -> Option<Instant> {
        if outcome == RunOutcome::Unmatched && matches!(self.slots, Slots::All(_)) {
            let turns = self.entry_turns.take().unwrap_or_else(|| self.find_entry_turns(now, until));
            let turn = match &turns {
                EntryTurns::AtEverySlot => Some(now),
                EntryTurns::Behind(turns) => turns.next_from(now),
            };
            self.entry_turns = Some(turns);
            return turn.and_then(|turn| self.slots.next_after(turn, false));
        }
        self.slots.next_after(now, self.matched_since.is_some())
    }

    /// The next slot after something was done: one that was left out may count again.
    pub(super) fn slot_again(&mut self, slot: Option<Instant>, after: Instant) -> Option<Instant> {
        self.entry_turns = None;
        // What an event calls leaves none out.
        if self.playbook.on.is_some() {
            return slot;
        }
        let next = self.slots.next_after(after, self.matched_since.is_some());
        slot.into_iter().chain(next).min()
    }

    /// Those of `suppress` count as well: with one that asks all accounts together,
    /// every slot is played, and a test compares.
    fn find_entry_turns(&self, now: Instant, until: Instant) -> EntryTurns {
        let rules: Vec<&Rule> = std::iter::once(&self.playbook.when).chain(&self.playbook.suppress).collect();
        let turns = Turns::of(&rules, self.playbook, &self.world.history, (now, until));
        turns.map_or(EntryTurns::AtEverySlot, EntryTurns::Behind)
    }
}
