//! What all accounts of a backtest come to.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::constant::{ConstantCount, ConstantFact};
use super::figures::{AccountCounts, AccountFigures, Figures};
use super::necessary::{Necessary, SubjectSlots};
use super::outcome::{AccountOutcome, OutcomeDays};
use super::replay::{Replay, presence};
use super::{PastSum, Period};
use crate::clock::Instant;
use crate::enrollment::State;
use crate::facts::{AccountPast, Cell, Schema, Subject, SubjectId, Type};
use crate::rehearsal::slot_set::SlotSet;
use crate::rule::Predicate;
use crate::rule::functions::fold::FoldError;
use crate::rule::prefilter::predicate::{Comparison, Operand, Term};

/// How far apart two firings may be that fall together.
const TOGETHER: TimeDelta = TimeDelta::days(30);

/// A subject that entered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firing {
    pub slot: Instant,
    pub subject: SubjectId,
}

/// How often another playbook entered beside the one in question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Accounts that both fired for in the period.
    pub accounts: u64,
    /// Of these, those with two firings at most 30 days apart.
    pub together: u64,
}

/// A sum over accounts, which other sums can be added to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub accounts: u64,
    pub firings: Vec<Firing>,
    pub effects: BTreeMap<(&'static str, String), u64>,
    pub ends: BTreeMap<State, u64>,
    /// How many subjects could not be decided at some slot, by the reason.
    pub undecided: BTreeMap<String, u64>,
    pub overlaps: BTreeMap<String, Overlap>,
    pub(super) constant: ConstantCount,
    /// From a first firing to the outcome, of each hit.
    lead: Vec<TimeDelta>,
    misses: u64,
    /// First firings whose time is not over and whose outcome has not come.
    pending: u64,
    /// Of each slot, whose outcome had not come yet, and whose came in time.
    at_slots: Vec<(u32, u32)>,
    accounts_alike: AccountCounts,
    current: AccountFigures,
}

/// What firings are held against: the slots of a period and what became of the accounts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure<'a> {
    pub period: &'a Period,
    pub slots: &'a [Instant],
    pub outcome: &'a AccountOutcome,
}

/// The slots at which a subject is there and its account is one of those.
pub(super) fn eligible_slots(
    eligible: &Necessary,
    past: &AccountPast,
    subject: &SubjectId,
    slots: &[Instant],
    schema: &Schema,
) -> Result<SlotSet, FoldError> {
    let account = SubjectId { account: subject.account.clone(), contact: String::new() };
    let subject_slots = SubjectSlots { history: &past.history, subject: &account, schema, slots };
    eligible.holds(&subject_slots, presence(past, subject, slots))
}

/// What `statuses` and `stages` ask of an account.
pub(super) fn eligibility<'a>(statuses: impl Iterator<Item = &'a str>, stages: Option<&[String]>) -> Predicate {
    let is = |column: &str, word: &str| Predicate::Compare {
        left: Term { cell: Cell::column(Subject::Account, column), ty: Type::Text },
        comparison: Comparison::Equals,
        right: Operand::Text(word.to_owned()),
    };
    let stages = stages.map(|stages| Predicate::any(stages.iter().map(|stage| is("stage", stage))));
    Predicate::all(std::iter::once(Predicate::any(statuses.map(|status| is("status", status)))).chain(stages))
}

impl Tally {
    pub(super) fn begin_account(&mut self) {
        self.accounts += 1;
        self.current = AccountFigures::default();
    }

    pub(super) fn end_account(&mut self) {
        let current = std::mem::take(&mut self.current);
        if current != AccountFigures::default() {
            *self.accounts_alike.entry(current).or_default() += 1;
        }
    }

    /// Adds one subject of the current account.
    pub(super) fn add(
        &mut self,
        measure: Measure<'_>,
        subject: &SubjectId,
        replay: Replay,
        truth: &OutcomeDays,
        eligible: &SlotSet,
    ) {
        let Measure { period, slots, outcome } = measure;
        let within = outcome.within;
        if let Some(first) = replay.firings.first() {
            self.current.fired += 1;
            match truth.onset_within(*first, within) {
                Some(onset) => {
                    self.current.hits += 1;
                    self.lead.push(onset - *first);
                }
                None if outcome.looks_until().is_none_or(|last| last < *first + within) => self.pending += 1,
                None => {}
            }
        }
        let in_period = |onset: &&Instant| **onset > period.from && **onset <= period.to;
        for onset in truth.onsets.iter().filter(in_period) {
            let foreseen = |firing: &Instant| firing < onset && *onset - *firing <= within;
            self.misses += u64::from(!replay.firings.iter().any(foreseen));
        }
        self.at_slots.resize(self.at_slots.len().max(slots.len()), (0, 0));
        for place in eligible.iter().filter(|place| !outcome.is_true_at(truth, slots[*place])) {
            let came = truth.onset_within(slots[place], within).is_some();
            self.at_slots[place].0 += 1;
            self.at_slots[place].1 += u32::from(came);
            self.current.eligible += 1;
            self.current.came += u32::from(came);
        }
        let Replay { firings, effects, ends, undecided } = replay;
        self.firings.extend(firings.into_iter().map(|slot| Firing { slot, subject: subject.clone() }));
        add_all(&mut self.effects, effects);
        add_all(&mut self.ends, ends);
        if let Some(reason) = undecided {
            *self.undecided.entry(reason).or_default() += 1;
        }
    }

    pub(super) fn add_overlap(&mut self, other: &str, fired_at: &[Instant], its: &[Instant]) {
        if its.is_empty() {
            return;
        }
        let overlap = self.overlaps.entry(other.to_owned()).or_default();
        overlap.accounts += 1;
        let near = fired_at.iter().any(|one| its.iter().any(|its| (*one - *its).abs() <= TOGETHER));
        overlap.together += u64::from(near);
    }

    /// The facts that had to be held constant.
    pub fn constant_facts(&self) -> Vec<ConstantFact> {
        self.constant.facts()
    }

    /// How well the firings foresaw the outcome. The interval is the same for the
    /// same accounts in whatever order they came.
    pub fn figures(&self) -> Figures {
        Figures::new(&self.accounts_alike, &self.at_slots, self.lead.clone(), self.misses, self.pending)
    }
}

impl PastSum for Tally {
    fn accounts(&self) -> u64 {
        self.accounts
    }

    fn merge(&mut self, other: Tally) {
        self.accounts += other.accounts;
        self.firings.extend(other.firings);
        add_all(&mut self.effects, other.effects);
        add_all(&mut self.ends, other.ends);
        add_all(&mut self.undecided, other.undecided);
        for (playbook, overlap) in other.overlaps {
            let sum = self.overlaps.entry(playbook).or_default();
            sum.accounts += overlap.accounts;
            sum.together += overlap.together;
        }
        self.constant.merge(other.constant);
        self.lead.extend(other.lead);
        self.misses += other.misses;
        self.pending += other.pending;
        self.at_slots.resize(self.at_slots.len().max(other.at_slots.len()), (0, 0));
        for (sum, more) in self.at_slots.iter_mut().zip(other.at_slots) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        add_all(&mut self.accounts_alike, other.accounts_alike);
    }

    fn finish(&mut self) {
        self.firings.sort_unstable();
    }
}

fn add_all<K: Ord>(sums: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *sums.entry(key).or_default() += count;
    }
}
