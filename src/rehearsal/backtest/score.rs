//! A score on the past of the accounts: at which slots of its schedule it, or one of
//! its factors, would have fallen below a threshold.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::constant::ConstantFacts;
use super::necessary::{Necessary, SubjectSlots, pieces};
use super::outcome::AccountOutcome;
use super::replay::{Replay, presence};
use super::tally::{Measure, Tally, eligibility, eligible_slots};
use super::{MOST_SLOTS, NoReplay, PastPlay, PastSum, Period, schema_of_past};
use crate::catalog::ReadyDocument;
use crate::catalog::documents::{ReadyBodyOfDocument, ReadyFactor, ReadyScore};
use crate::clock::Instant;
use crate::evaluation::score::{ScoreOutcome, evaluate};
use crate::facts::{AccountPast, Cell, Facts, Schema, Subject, SubjectId};
use crate::rule::functions::fold::{FoldError, fold_facts};
use crate::rule::population::{PopulationCells, PopulationFigures};

/// How far before a period its last slot before it is looked for.
const SLOT_BEFORE: TimeDelta = TimeDelta::days(400);

/// A score with the slots at which it is evaluated.
#[derive(Debug)]
pub struct ReplayedScore {
    ready: Arc<ReadyDocument>,
    below: f64,
    /// Those of the period, behind the last one before it, where there is one: who was
    /// below then does not fall in the period.
    slots: Vec<Instant>,
}

impl ReplayedScore {
    /// Prepares a score for a period. It fires for whom it falls below a threshold.
    ///
    /// # Errors
    /// When there is no slot, or there are too many.
    pub fn new(ready: Arc<ReadyDocument>, below: f64, period: &Period) -> Result<ReplayedScore, NoReplay> {
        // The first instant itself counts.
        let before = period.from - TimeDelta::microseconds(1);
        let since = before.checked_sub_signed(SLOT_BEFORE).unwrap_or(before);
        let of_period = ready.schedule.slots_between(before, period.to, MOST_SLOTS + 1);
        if of_period.len() > MOST_SLOTS {
            return Err(NoReplay::TooManySlots);
        }
        if of_period.is_empty() {
            return Err(NoReplay::NoSlot);
        }
        let slots = ready.schedule.latest_between(since, before).into_iter().chain(of_period).collect();
        Ok(ReplayedScore { ready, below, slots })
    }

    fn score(&self) -> Option<&ReadyScore> {
        match &self.ready.body {
            ReadyBodyOfDocument::Score(score) => Some(score),
            _ => None,
        }
    }

    fn subjects(&self, past: &AccountPast) -> Vec<SubjectId> {
        let of = |contact: &str| SubjectId { account: past.account.clone(), contact: contact.to_owned() };
        match Subject::from(self.ready.audience.subject) {
            Subject::Account => vec![of("")],
            Subject::Contact => past.history.contacts.iter().map(|contact| of(&contact.id)).collect(),
        }
    }
}

/// A score that is held against an outcome, and each of its factors beside it.
#[derive(Debug)]
pub struct ScoreBacktest {
    score: ReplayedScore,
    period: Period,
    outcome: AccountOutcome,
    schema: Schema,
    eligible: Necessary,
    constant: ConstantFacts,
}

/// What all accounts come to: the score, and its factors in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct ScoreTally {
    pub whole: Tally,
    pub factors: Vec<Tally>,
}

/// Whether a value was below the threshold when it was last known, and when it fell below.
#[derive(Clone, Debug, Default)]
struct Fall {
    is_below: bool,
    at: Vec<Instant>,
}

impl Fall {
    /// Takes the next value in; what is not known changes nothing.
    fn look(&mut self, value: Option<f64>, below: f64, slot: Instant) {
        let Some(value) = value else { return };
        let is_below = value < below;
        if is_below && !self.is_below {
            self.at.push(slot);
        }
        self.is_below = is_below;
    }

    /// The falls within a period.
    fn within(self, period: &Period) -> Vec<Instant> {
        self.at.into_iter().filter(|slot| *slot >= period.from).collect()
    }
}

impl ScoreBacktest {
    pub fn new(score: ReplayedScore, period: Period, outcome: AccountOutcome, schema: &Schema) -> ScoreBacktest {
        let audience = &score.ready.audience;
        let statuses = audience.statuses.iter().map(String::as_str);
        let eligible = Necessary::new(&eligibility(statuses, None), Subject::Account);
        let constant = ConstantFacts::new(score.ready.layout.cells().iter());
        ScoreBacktest { score, period, outcome, schema: schema_of_past(schema), eligible, constant }
    }

    pub fn outcome(&self) -> &AccountOutcome {
        &self.outcome
    }

    pub fn below(&self) -> f64 {
        self.score.below
    }

    pub fn factors(&self) -> &[ReadyFactor] {
        self.score.score().map_or(&[], |score| &score.factors)
    }

    /// The slots of the period.
    pub fn slots(&self) -> &[Instant] {
        let slots = &self.score.slots;
        &slots[slots.partition_point(|slot| *slot < self.period.from)..]
    }

    /// When the score and each of its factors fell for one subject.
    fn falls(
        &self,
        past: &AccountPast,
        subject: &SubjectId,
        figures: &PopulationFigures,
    ) -> Result<(Replay, Vec<Replay>), FoldError> {
        let (ready, slots, below) = (&self.score.ready, &self.score.slots, self.score.below);
        let eligible = eligible_slots(&self.eligible, past, subject, slots, &self.schema)?;
        let of = SubjectSlots { history: &past.history, subject, schema: &self.schema, slots };
        let (mut whole, mut factors) = (Fall::default(), vec![Fall::default(); self.factors().len()]);
        let mut undecided = None;
        let ranges = pieces(&ready.layout, &of).unwrap_or_else(|| (0..slots.len()).map(|at| at..at + 1).collect());
        for range in ranges {
            // Facts stay within a piece; only the time goes on.
            let mut facts = None;
            for place in range {
                if !eligible.contains(place) {
                    // Whom it is not made for is no longer below.
                    whole.is_below = false;
                    factors.iter_mut().for_each(|factor| factor.is_below = false);
                    continue;
                }
                let facts = match &mut facts {
                    Some(facts) => facts,
                    none => none.insert(self.facts(&of, place, figures)?),
                };
                facts.as_of = slots[place];
                let Some(score) = self.score.score() else { continue };
                match evaluate(score, &ready.sandbox, &Arc::new(facts.clone()), ready.zone) {
                    ScoreOutcome::Made(made) => {
                        whole.look(Some(made.value), below, slots[place]);
                        for (fall, factor) in factors.iter_mut().zip(&score.factors) {
                            fall.look(made.factors.get(&factor.id).copied(), below, slots[place]);
                        }
                    }
                    ScoreOutcome::Undecided { factor, why } if undecided.is_none() => {
                        undecided = Some(format!("the factor `{factor}`: {why}"));
                    }
                    ScoreOutcome::Undecided { .. } | ScoreOutcome::Empty => {}
                }
            }
        }
        let replay = |fall: Fall| Replay { firings: fall.within(&self.period), ..Replay::default() };
        Ok((Replay { undecided, ..replay(whole) }, factors.into_iter().map(replay).collect()))
    }

    fn facts(&self, of: &SubjectSlots<'_>, place: usize, figures: &PopulationFigures) -> Result<Facts, FoldError> {
        let layout = &self.score.ready.layout;
        let facts = fold_facts(of.history, of.subject, layout, of.schema, of.slots[place], None, None)?;
        Ok(match PopulationCells::of(layout) {
            Some(cells) => cells.fill(facts, figures),
            None => facts,
        })
    }
}

impl PastPlay for ScoreBacktest {
    type Sum = ScoreTally;

    fn period(&self) -> Period {
        self.period
    }

    fn cells(&self) -> BTreeSet<Cell> {
        let layouts = [&self.score.ready.layout, &self.outcome.condition.layout];
        layouts.into_iter().flat_map(|layout| layout.cells().iter().cloned()).collect()
    }

    fn reads_from(&self) -> Instant {
        self.score.slots.first().map_or(self.period.from, |slot| *slot.min(&self.period.from))
    }

    fn reads_until(&self) -> Instant {
        self.outcome.looks_until().map_or(self.period.to, |last| last.max(self.period.to))
    }

    fn needs_all(&self, past: &AccountPast) -> bool {
        if self.outcome.reads_calls() || Subject::from(self.score.ready.audience.subject) == Subject::Contact {
            return true;
        }
        let subject = SubjectId { account: past.account.clone(), contact: String::new() };
        let found = eligible_slots(&self.eligible, past, &subject, &self.score.slots, &self.schema);
        found.is_ok_and(|found| !found.is_empty())
    }

    fn play(&self, past: &AccountPast, figures: &PopulationFigures, sum: &mut ScoreTally) -> Result<(), FoldError> {
        sum.factors.resize_with(self.factors().len(), Tally::default);
        let measure = Measure { period: &self.period, slots: self.slots(), outcome: &self.outcome };
        let truth = self.outcome.of(past, &self.schema)?;
        let mut tallies: Vec<&mut Tally> = std::iter::once(&mut sum.whole).chain(&mut sum.factors).collect();
        tallies.iter_mut().for_each(|tally| tally.begin_account());
        for subject in self.score.subjects(past) {
            let there = presence(past, &subject, measure.slots);
            self.constant.count(past, measure.slots, &there, &mut tallies[0].constant);
            let eligible = eligible_slots(&self.eligible, past, &subject, measure.slots, &self.schema)?;
            let (whole, factors) = self.falls(past, &subject, figures)?;
            for (tally, replay) in tallies.iter_mut().zip(std::iter::once(whole).chain(factors)) {
                tally.add(measure, &subject, replay, &truth, &eligible);
            }
        }
        tallies.iter_mut().for_each(|tally| tally.end_account());
        Ok(())
    }
}

impl PastSum for ScoreTally {
    fn accounts(&self) -> u64 {
        self.whole.accounts
    }

    fn merge(&mut self, other: ScoreTally) {
        self.whole.merge(other.whole);
        self.factors.resize_with(self.factors.len().max(other.factors.len()), Tally::default);
        self.factors.iter_mut().zip(other.factors).for_each(|(sum, more)| sum.merge(more));
    }

    fn finish(&mut self) {
        self.whole.finish();
        self.factors.iter_mut().for_each(Tally::finish);
    }
}
