//! What a backtest is held against: an outcome of an account, such as that it
//! left, looked at once a day.

use std::sync::Arc;

use chrono::{Days, TimeDelta};

use super::necessary::{Necessary, SubjectSlots};
use crate::catalog::Condition;
use crate::clock::Instant;
use crate::facts::{AccountPast, CellPath, Schema, Subject, SubjectId};
use crate::rehearsal::slot_set::SlotSet;
use crate::rule::functions::fold::{FoldError, fold_facts};
use crate::rule::{Context, Predicate, Verdict};

use super::replay::presence;

/// An outcome and the instants at which it is looked at.
#[derive(Debug)]
pub struct AccountOutcome {
    pub condition: Condition,
    /// How long after a firing it still counts as foreseen.
    pub within: TimeDelta,
    necessary: Necessary,
    /// Each midnight of UTC.
    days: Vec<Instant>,
}

/// When an account's outcome was true.
#[derive(Clone, Debug)]
pub(super) struct OutcomeDays {
    days: SlotSet,
    /// When it became true, in order.
    pub onsets: Vec<Instant>,
}

impl AccountOutcome {
    /// Looks from the midnight before `from` until `within` after `to`, but not
    /// later than `now`.
    pub fn new(condition: Condition, within: TimeDelta, from: Instant, to: Instant, now: Instant) -> AccountOutcome {
        let kept = condition.rule.prefilter().map_or(Predicate::Always, |prefilter| prefilter.predicate.clone());
        let necessary = Necessary::new(&kept, Subject::Account);
        let last = to.checked_add_signed(within).unwrap_or(now).min(now);
        let first = from.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        let days = std::iter::successors(Some(first), |day| day.checked_add_days(Days::new(1)));
        let days = days.take_while(|day| *day <= last).collect();
        AccountOutcome { condition, within, necessary, days }
    }

    /// Whether it asks for more than columns.
    pub(super) fn reads_calls(&self) -> bool {
        let cells = self.condition.layout.cells();
        cells.iter().any(|cell| matches!(cell.path.whenever(), CellPath::Call { .. }))
    }

    /// The last instant at which it is looked at.
    pub fn looks_until(&self) -> Option<Instant> {
        self.days.last().copied()
    }

    /// # Errors
    /// When a fact cannot be answered from a history.
    pub(super) fn of(&self, past: &AccountPast, schema: &Schema) -> Result<OutcomeDays, FoldError> {
        let subject = SubjectId { account: past.account.clone(), contact: String::new() };
        let subject_slots = SubjectSlots { history: &past.history, subject: &subject, schema, slots: &self.days };
        let there = presence(past, &subject, &self.days);
        let candidates = self.necessary.holds(&subject_slots, there.clone())?;
        let mut days = SlotSet::empty(self.days.len());
        for day in candidates.iter() {
            let condition = &self.condition;
            let facts = fold_facts(&past.history, &subject, &condition.layout, schema, self.days[day], None, None)?;
            let context = Context { facts: Arc::new(facts), progress: None, zone: condition.zone };
            if condition.rule.verdict(&condition.sandbox, &context) == Verdict::True {
                days.insert(day);
            }
        }
        // Where it is true on the first day, nobody knows since when.
        let turned = |day: &usize| *day > 0 && there.contains(day - 1) && !days.contains(day - 1);
        let onsets = days.iter().filter(turned).map(|day| self.days[day]).collect();
        Ok(OutcomeDays { days, onsets })
    }

    /// Whether it was true at the last look up to an instant.
    pub(super) fn is_true_at(&self, truth: &OutcomeDays, at: Instant) -> bool {
        let looks = self.days.partition_point(|day| *day <= at);
        looks.checked_sub(1).is_some_and(|day| truth.days.contains(day))
    }
}

impl OutcomeDays {
    /// The first time that it became true after an instant, within a span.
    pub fn onset_within(&self, after: Instant, span: TimeDelta) -> Option<Instant> {
        let first = self.onsets.partition_point(|onset| *onset <= after);
        self.onsets.get(first).copied().filter(|onset| *onset - after <= span)
    }
}
