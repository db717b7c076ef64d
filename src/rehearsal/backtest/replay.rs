//! One subject's way through a playbook over a period of the past.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::necessary::SubjectSlots;
use super::{Period, ReplayedPlaybook};
use crate::catalog::ReadyTrigger;
use crate::clock::Instant;
use crate::config::Config;
use crate::enrollment::State;
use crate::facts::{AccountPast, Schema, SubjectId};
use crate::rehearsal::budget::CaseBudget;
use crate::rehearsal::course::{Course, Slots};
use crate::rehearsal::happened::What;
use crate::rehearsal::population::Population;
use crate::rehearsal::slot_set::SlotSet;
use crate::rehearsal::world::World;
use crate::rule::functions::fold::FoldError;
use crate::rule::population::PopulationFigures;

/// What became of one subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// The slots of the period at which it entered.
    pub firings: Vec<Instant>,
    /// How often each step acted, by the kind of its effect.
    pub effects: BTreeMap<(&'static str, String), u64>,
    /// How its ways ended.
    pub ends: BTreeMap<State, u64>,
    /// What could not be decided first, if anything.
    pub undecided: Option<String>,
}

/// The slots at which a subject is there.
pub(super) fn presence(past: &AccountPast, subject: &SubjectId, slots: &[Instant]) -> SlotSet {
    let (after, until) = past.presence(subject);
    let first = after.map_or(0, |after| slots.partition_point(|slot| *slot <= after));
    let end = until.map_or(slots.len(), |until| slots.partition_point(|slot| *slot <= until));
    let mut set = SlotSet::empty(slots.len());
    set.insert_range(first..end.max(first));
    set
}

/// The slots at which an event of a subject became due.
fn due_slots(on: &ReadyTrigger, past: &AccountPast, subject: &SubjectId, slots: &[Instant]) -> SlotSet {
    let mut set = SlotSet::empty(slots.len());
    let is_whose = |contact: Option<&str>| subject.contact.is_empty() || contact == Some(subject.contact.as_str());
    let events = past.history.events.named(&on.event).iter().filter(|event| is_whose(event.contact.as_deref()));
    for due in events.filter_map(|event| on.due_at(event.at)) {
        let place = slots.partition_point(|slot| *slot < due);
        // What was due before the first slot is no part of it.
        if slots.first().is_some_and(|first| due > *first - TimeDelta::hours(1)) {
            set.insert(place);
        }
    }
    set
}

/// Plays one subject of an account.
///
/// # Errors
/// When a fact cannot be answered from a history.
pub(super) fn replay(
    playbook: &ReplayedPlaybook,
    period: &Period,
    past: &AccountPast,
    subject: &SubjectId,
    figures: &PopulationFigures,
    (config, schema): (&Config, &Schema),
) -> Result<Replay, FoldError> {
    let slots = &playbook.slots;
    let subject_slots = SubjectSlots { history: &past.history, subject, schema, slots };
    let mut there = presence(past, subject, slots);
    if let Some(on) = &playbook.ready.on {
        there.intersect(&due_slots(on, past, subject, slots));
    }
    let chosen = playbook.necessary.holds(&subject_slots, there)?;
    if chosen.is_empty() {
        return Ok(Replay::default());
    }
    let world = World::of_store(subject.clone(), past.history.clone(), past.csm.as_ref());
    let budget = CaseBudget::unlimited();
    let chosen = Slots::Chosen { list: slots, chosen: &chosen };
    let population = Population::Held(figures);
    let mut course = Course::new(&playbook.ready, &playbook.case, config, schema, (world, population), chosen, &budget);
    course.began = slots.first().copied();
    course.play(period.to.min(past.deleted_at.unwrap_or(period.to)));
    let from = (period.from - playbook.case.at.to_utc()).num_seconds();
    let mut replay = Replay::default();
    for enrollment in course.enrollments().filter(|enrollment| enrollment.started_at >= period.from) {
        replay.firings.push(enrollment.started_at);
        if enrollment.state != State::Active {
            *replay.ends.entry(enrollment.state).or_default() += 1;
        }
    }
    for occurrence in course.occurrences.iter().filter(|occurrence| occurrence.after >= from) {
        match &occurrence.what {
            What::Effect(consequence) => {
                *replay.effects.entry((consequence.effect, consequence.step.clone())).or_default() += 1;
            }
            What::Undecided { reason } if replay.undecided.is_none() => replay.undecided = Some(reason.clone()),
            What::Undecided { .. } | What::End { .. } => {}
        }
    }
    if let Some(failure) = course.failures.first() {
        replay.undecided = Some(failure.message.clone());
    }
    Ok(replay)
}
