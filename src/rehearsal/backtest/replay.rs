//! One subject's way through a playbook over a period of the past.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::necessary::Asked;
use super::{Period, ReplayedPlaybook};
use crate::clock::Instant;
use crate::config::Config;
use crate::enrollment::State;
use crate::facts::{AccountPast, Schema, SubjectId};
use crate::rehearsal::budget::CaseBudget;
use crate::rehearsal::course::{Course, Slots};
use crate::rehearsal::happened::What;
use crate::rehearsal::slot_set::SlotSet;
use crate::rehearsal::world::World;
use crate::rule::functions::fold::FoldError;

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
pub(super) fn present(past: &AccountPast, subject: &SubjectId, slots: &[Instant]) -> SlotSet {
    let (after, until) = past.presence(subject);
    let first = after.map_or(0, |after| slots.partition_point(|slot| *slot <= after));
    let end = until.map_or(slots.len(), |until| slots.partition_point(|slot| *slot <= until));
    let mut set = SlotSet::empty(slots.len());
    set.insert_range(first..end.max(first));
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
    config: &Config,
    schema: &Schema,
) -> Result<Replay, FoldError> {
    let slots = &playbook.slots;
    let asked = Asked { history: &past.history, subject, schema, slots };
    let chosen = playbook.necessary.holds(&asked, present(past, subject, slots))?;
    if chosen.is_empty() {
        return Ok(Replay::default());
    }
    let world = World::of_store(subject.clone(), past.history.clone(), past.csm.as_ref());
    let budget = CaseBudget::unlimited();
    let chosen = Slots::Chosen { list: slots, chosen: &chosen };
    let mut course = Course::new(&playbook.ready, &playbook.case, config, schema, world, chosen, &budget);
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

/// How long before a period the replay of a playbook begins, so that it knows at
/// the first slot what it would have known: for how long its condition has held,
/// and when somebody entered last.
pub(super) fn warm_up(playbook: &crate::catalog::ReadyPlaybook) -> TimeDelta {
    use crate::catalog::ReadyReentry;
    use crate::facts::{Arg, CellPath};
    use crate::playbook::Duration;
    let span = |duration: Option<Duration>| match duration {
        Some(Duration::Seconds(seconds)) => TimeDelta::try_seconds(seconds).unwrap_or_default(),
        // At most so many calendar days, with a week of holidays in each month.
        Some(Duration::BusinessDays(days)) => TimeDelta::try_days(i64::from(days) * 2 + 14).unwrap_or_default(),
        None => TimeDelta::zero(),
    };
    let holds_for = span(playbook.playbook.holds_for);
    let (gap, follows) = match &playbook.reentry {
        ReadyReentry::Never => (None, false),
        ReadyReentry::OnRematch { gap } => (*gap, true),
        ReadyReentry::Again { gap, .. } => (*gap, false),
    };
    let windows = playbook.when.cells().iter().filter_map(|cell| match cell.path.whenever() {
        CellPath::Call { args, .. } => args.iter().find_map(|arg| match arg {
            Arg::Int(days) => TimeDelta::try_days(*days),
            _ => None,
        }),
        _ => None,
    });
    let window = windows.max().filter(|_| follows || playbook.playbook.holds_for.is_some());
    let longest = [holds_for, span(gap), window.unwrap_or_default()].into_iter().max().unwrap_or_default();
    // The first slot of all knows nothing before it.
    if follows { longest.max(TimeDelta::days(1)) } else { longest }
}
