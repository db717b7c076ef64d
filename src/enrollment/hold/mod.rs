//! The breaker: whether the enrollments of a run go ahead, or wait for a person.
//!
//! Either nobody enters without a person's approval, however few: then one of
//! the causes of [`limit`] applies, looked at in the order of [`HoldCause`]. Or
//! some may, up to a number. `reason` has the causes and their words.

use chrono::TimeDelta;

use crate::facts::inventory::MissingName;
use crate::playbook::HoldAbove;
use crate::playbook::guardrails::{FirstRun, Fresh, Limits};

mod reason;
#[cfg(test)]
mod tests;

pub use reason::{DayUse, HoldCause, HoldReason};

/// So many earlier runs, or days, tell what is usual.
pub const EARLIER_RUNS: i64 = 7;
/// Of a playbook that events call, all that enter within so long count together.
pub const RECENT: TimeDelta = TimeDelta::hours(24);
/// Fewer tell nothing.
const FEWEST_RUNS: usize = 3;

/// What was seen of the store and of the playbook's runs before a run.
#[derive(Clone, Debug)]
pub struct BeforeRun {
    /// The playbook without a file whose text this one has, where nothing says
    /// whether it is that one under another name.
    pub twin: Option<String>,
    /// A relation that has no row of the while within which one is expected.
    pub stale: Option<Fresh>,
    /// What the condition reads and the customer store was never seen to hold.
    pub unseen: Vec<MissingName>,
    /// Whether a person has approved a run of this revision.
    pub is_approved: bool,
    pub revision: RevisionBefore,
    /// How many subjects of its statuses there are.
    pub subjects: i64,
    /// How many there were at the latest finished run; `None` where there was
    /// none, or where the number was not kept.
    pub subjects_before: Option<i64>,
    /// How many each of the latest finished runs enrolled, at most
    /// [`EARLIER_RUNS`]; of a playbook that events call, how many each of the days
    /// before the latest 24 hours.
    pub sizes: Vec<i64>,
    /// How many earlier runs of this revision have let in, where that matters: it has
    /// not finished a run, or no person has approved one.
    pub entered: u64,
    /// Of a playbook that events call, which runs as often as they come: how many its
    /// runs have let in within the 24 hours before, since a person approved one. `None`
    /// of others, whose runs count each for itself.
    pub recent: Option<u64>,
}

/// The revision of the latest finished run, compared with this run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionBefore {
    /// There was no run.
    NoRun,
    Same,
    Other(ReentryBefore),
}

/// How the revision before writes `reentry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReentryBefore {
    Same,
    Different,
    /// It cannot be read any more.
    Unreadable,
}

/// How many may enter without a person's approval.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldLimit {
    /// `None` is any number.
    most: Option<u64>,
    cause: HoldCause,
    /// Where the limit is about 24 hours, what of it is used up.
    day: Option<DayUse>,
}

/// Whether a run goes ahead.
#[derive(Clone, Debug, PartialEq)]
pub enum HoldAnswer {
    Go,
    Hold(HoldReason),
}

/// The limit of a run: the first cause that applies.
pub fn limit(limits: &Limits, before: &BeforeRun) -> HoldLimit {
    if let Some(cause) = cause_to_hold_all(limits, before) {
        return HoldLimit { most: Some(0), cause, day: None };
    }
    let by_count = limit_by_count(limits, before);
    if limits.first_run != FirstRun::Canary || !before.is_first_run() {
        return by_count;
    }
    let room = limits.ramp.unwrap_or_default().first.saturating_sub(before.entered);
    let most = by_count.most.map_or(room, |most| most.min(room));
    let cause = match before.recent {
        Some(_) if before.entered > 0 => HoldCause::Unapproved { entered: before.entered },
        _ => HoldCause::FirstRun,
    };
    HoldLimit { most: Some(most), cause, day: None }
}

impl BeforeRun {
    /// Whether the revision has not finished a run. One run of a playbook that events
    /// call may be about nobody or about one: there the first run lasts until a person
    /// has approved the revision.
    fn is_first_run(&self) -> bool {
        match self.recent {
            Some(_) => !self.is_approved,
            None => !matches!(self.revision, RevisionBefore::Same),
        }
    }
}

impl HoldLimit {
    /// How many may enter; `None` is any number.
    pub fn most(&self) -> Option<u64> {
        self.most
    }

    /// Why no more may.
    pub fn cause(&self) -> &HoldCause {
        &self.cause
    }

    /// How many enter although the rest of the run is held.
    pub fn canary(&self) -> u64 {
        match (&self.cause, self.most) {
            (HoldCause::FirstRun | HoldCause::Unapproved { .. }, Some(most)) => most,
            _ => 0,
        }
    }

    /// Whether a run that would enroll so many goes ahead.
    pub fn answer(&self, would_enter: u64) -> HoldAnswer {
        match self.most {
            Some(most) if would_enter > most => {
                HoldAnswer::Hold(HoldReason { cause: self.cause.clone(), would_enter, most, day: self.day })
            }
            _ => HoldAnswer::Go,
        }
    }
}

/// Why nobody may enter without a person's approval, if so.
fn cause_to_hold_all(limits: &Limits, before: &BeforeRun) -> Option<HoldCause> {
    if let Some(twin) = before.twin.as_ref().filter(|_| !before.is_approved) {
        return Some(HoldCause::Twin(twin.clone()));
    }
    if let Some(stale) = before.stale {
        return Some(HoldCause::Stale(stale));
    }
    if limits.hold_unseen && !before.is_approved && !before.unseen.is_empty() {
        return Some(HoldCause::Unseen(before.unseen.clone()));
    }
    match before.revision {
        RevisionBefore::Other(ReentryBefore::Different) => return Some(HoldCause::ReentryChanged),
        RevisionBefore::Other(ReentryBefore::Unreadable) => return Some(HoldCause::ReentryUnreadable),
        RevisionBefore::NoRun | RevisionBefore::Same | RevisionBefore::Other(ReentryBefore::Same) => {}
    }
    if limits.first_run == FirstRun::Hold && before.is_first_run() {
        return Some(HoldCause::FirstRun);
    }
    let (change, subjects) = (limits.store_change.as_ref()?, before.subjects_before?);
    let moved = before.subjects.abs_diff(subjects);
    let is_much = moved > change.least && moved as f64 > change.share * subjects as f64;
    is_much.then_some(HoldCause::StoreChanged { before: subjects, now: before.subjects })
}

/// The smaller of what `hold_above` and `unusual` say, without those who have entered
/// within the 24 hours that it is about.
fn limit_by_count(limits: &Limits, before: &BeforeRun) -> HoldLimit {
    let of = |most: u64, cause| {
        let day = before.recent.map(|entered| DayUse { entered, most });
        let left = most.saturating_sub(before.recent.unwrap_or(0));
        HoldLimit { most: Some(left), cause, day }
    };
    let (HoldAbove::Above { count, .. }, Some(most)) = (limits.hold_above, limits.hold_above.limit(before.subjects))
    else {
        return HoldLimit { most: None, cause: HoldCause::Count, day: None };
    };
    if let (Some(times), Some(median)) = (limits.unusual, median(&before.sizes)) {
        let usual = count.max((times * median).floor() as u64);
        if usual < most {
            return of(usual, HoldCause::Unusual { times, median });
        }
    }
    of(most, HoldCause::Count)
}

/// The middle of what earlier runs enrolled; `None` when there are too few.
fn median(sizes: &[i64]) -> Option<f64> {
    if sizes.len() < FEWEST_RUNS {
        return None;
    }
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let middle = sizes.len() / 2;
    Some(match sizes.len() % 2 {
        0 => (sizes[middle - 1] + sizes[middle]) as f64 / 2.0,
        _ => sizes[middle] as f64,
    })
}
