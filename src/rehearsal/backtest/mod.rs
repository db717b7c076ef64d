//! What playbooks would have done over a period of the past, or how low a score would have
//! been, and whether that came before an outcome or not. Pure: the past is handed in, account by account.
//!
//! The same decisions as in a run: the rule's necessary part says at which slots
//! somebody is a candidate, and a course plays these, with `admit` and `advance`.
//! Nobody does anything that is not on record: no task is completed, no survey
//! answered, and each mail is taken. Holds, canaries, holdouts and `max_per_day`
//! do not apply, as in test cases.
//!
//! - `necessary` finds the slots at which somebody can be a candidate;
//! - `warm_up` is how long before the period a replay begins;
//! - `replay` plays them for one subject;
//! - `score` plays a score in place of a playbook: who is below a threshold;
//! - `outcome` looks at what became of the account;
//! - `constant` says which facts have no past, and how much depends on them;
//! - `tally` adds all up, in memory that grows with the firings and not with the accounts;
//! - `figures` are precision, recall, lead time and lift.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DurationRound, TimeDelta};

use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::config::Config;
use crate::diagnostic::Position;
use crate::facts::{AccountPast, Cell, Column, Schema, Subject, SubjectId};
use crate::playbook::case::{Case, Fixtures};
use crate::rule::functions::fold::FoldError;
use crate::rule::population::PopulationFigures;

mod constant;
mod figures;
pub mod necessary;
mod outcome;
mod replay;
mod score;
mod tally;
mod warm_up;

use constant::ConstantFacts;
use necessary::{Necessary, SubjectSlots};
use replay::{presence, replay};
use tally::{Measure, eligibility, eligible_slots};
use warm_up::warm_up;

pub use constant::ConstantFact;
pub use figures::{Figures, Interval, Quartiles};
pub use outcome::AccountOutcome;
pub use replay::Replay;
pub use score::{ReplayedScore, ScoreBacktest, ScoreTally};
pub use tally::{Firing, Overlap, Tally};

/// The most slots that one backtest plays.
pub const MOST_SLOTS: usize = 50_000;

/// The period in question, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub from: Instant,
    pub to: Instant,
}

/// The store's columns, of which each may be missing in the past.
fn schema_of_past(schema: &Schema) -> Schema {
    let maybe = |columns: &[Column]| columns.iter().map(|one| Column { nullable: true, ..one.clone() }).collect();
    Schema { account: maybe(&schema.account), contact: maybe(&schema.contact), ..schema.clone() }
}

/// What is played on the past of one account after the other.
pub trait PastPlay: Send + Sync + 'static {
    /// What all accounts come to.
    type Sum: PastSum;

    fn period(&self) -> Period;

    /// Every fact that is read of the past.
    fn cells(&self) -> BTreeSet<Cell>;

    /// The earliest instant as of which a fact is read.
    fn reads_from(&self) -> Instant;

    /// The latest, and so what happened later is not read.
    fn reads_until(&self) -> Instant;

    /// Whether more than an account's columns is needed to play it: where they do not
    /// rule it out at every slot, and where the outcome asks for more.
    fn needs_all(&self, past: &AccountPast) -> bool;

    /// Plays one account and adds it to a sum. The figures are those of what it
    /// asks about all accounts together, held constant.
    ///
    /// # Errors
    /// When a fact cannot be answered from a history.
    fn play(&self, past: &AccountPast, figures: &PopulationFigures, sum: &mut Self::Sum) -> Result<(), FoldError>;
}

/// A sum over accounts, which other sums can be added to.
pub trait PastSum: Default + Send + 'static {
    /// Of how many accounts it is.
    fn accounts(&self) -> u64;

    /// Adds what other accounts came to.
    fn merge(&mut self, other: Self);

    /// Puts in order what came in any.
    fn finish(&mut self);
}

/// A playbook with the slots that are played.
#[derive(Debug)]
pub struct ReplayedPlaybook {
    ready: Arc<ReadyPlaybook>,
    /// From the warm-up on.
    slots: Vec<Instant>,
    necessary: Necessary,
    /// What of it columns decide.
    by_columns: Necessary,
    /// A case of which nothing is said: the past says it.
    case: Case,
}

/// Why a playbook cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReplay {
    #[error("it is about all accounts together, and a backtest plays one after the other")]
    Portfolio,
    #[error("its schedule has no slot in the period")]
    NoSlot,
    #[error(
        "its schedule has more than {MOST_SLOTS} slots in the period and the time before that its rule needs; choose a \
         shorter period"
    )]
    TooManySlots,
}

/// The full hours of a time: what is looked at each minute in life is looked at each
/// hour here, so that long periods can be played.
fn hours_between(after_exclusive: Instant, until_inclusive: Instant) -> Vec<Instant> {
    let hour = TimeDelta::hours(1);
    let first = after_exclusive.duration_trunc(hour).unwrap_or(after_exclusive) + hour;
    std::iter::successors(Some(first), |slot| Some(*slot + hour))
        .take_while(|slot| *slot <= until_inclusive)
        .take(MOST_SLOTS + 1)
        .collect()
}

impl ReplayedPlaybook {
    /// Prepares a playbook for a period.
    ///
    /// # Errors
    /// When there is no slot, or there are too many.
    pub fn new(ready: Arc<ReadyPlaybook>, period: &Period, config: &Config) -> Result<ReplayedPlaybook, NoReplay> {
        let begin = period.from.checked_sub_signed(warm_up(&ready)).unwrap_or(period.from);
        ReplayedPlaybook::beginning_at(ready, begin, period, config)
    }

    /// The same, of which nothing is known before an instant.
    ///
    /// # Errors
    /// As above.
    pub fn beginning_at(
        ready: Arc<ReadyPlaybook>,
        begin: Instant,
        period: &Period,
        config: &Config,
    ) -> Result<ReplayedPlaybook, NoReplay> {
        if ready.portfolio.is_some() {
            return Err(NoReplay::Portfolio);
        }
        // The instant itself counts.
        let before = begin - TimeDelta::microseconds(1);
        let slots = match &ready.on {
            Some(on) if on.every_minute => hours_between(before, period.to),
            _ => ready.schedule.slots_between(before, period.to, MOST_SLOTS + 1),
        };
        if slots.len() > MOST_SLOTS {
            return Err(NoReplay::TooManySlots);
        }
        let first = slots.first().ok_or(NoReplay::NoSlot)?;
        if slots.last().is_none_or(|last| *last < period.from) {
            return Err(NoReplay::NoSlot);
        }
        let case = Case {
            name: "the past".to_owned(),
            place: Position { line: 1, column: 1 },
            at: first.fixed_offset(),
            fixtures: Fixtures::default(),
            population: Vec::new(),
            kpis: Vec::new(),
            budget: config.budget.clone(),
            quiet_hours: config.quiet_hours.clone(),
            then: Vec::new(),
            variants: BTreeMap::new(),
            expect: Vec::new(),
        };
        let kept = ready.necessary();
        let subject = Subject::from(ready.playbook.subject);
        let (necessary, by_columns) = (Necessary::new(&kept, subject), Necessary::new(&kept.without_calls(), subject));
        Ok(ReplayedPlaybook { ready, slots, necessary, by_columns, case })
    }

    pub fn id(&self) -> &str {
        &self.ready.playbook.id
    }

    /// The slots of a period.
    fn slots_in(&self, period: &Period) -> &[Instant] {
        &self.slots[self.slots.partition_point(|slot| *slot < period.from)..]
    }

    fn subjects(&self, past: &AccountPast) -> Vec<SubjectId> {
        let of = |contact: &str| SubjectId { account: past.account.clone(), contact: contact.to_owned() };
        match Subject::from(self.ready.playbook.subject) {
            Subject::Account => vec![of("")],
            Subject::Contact => past.history.contacts.iter().map(|contact| of(&contact.id)).collect(),
        }
    }
}

/// Playbooks that are replayed on one past: the one in question, and others that
/// are compared with it.
#[derive(Debug)]
pub struct Backtest {
    playbook: ReplayedPlaybook,
    others: Vec<ReplayedPlaybook>,
    period: Period,
    outcome: AccountOutcome,
    config: Config,
    /// The store's columns; each may be missing in the past.
    schema: Schema,
    eligible: Necessary,
    constant: ConstantFacts,
}

impl Backtest {
    pub fn new(
        playbook: ReplayedPlaybook,
        others: Vec<ReplayedPlaybook>,
        period: Period,
        outcome: AccountOutcome,
        config: &Config,
        schema: &Schema,
    ) -> Backtest {
        let (schema, ready) = (schema_of_past(schema), &playbook.ready);
        let statuses = ready.playbook.statuses.iter().map(String::as_str);
        let eligible = Necessary::new(&eligibility(statuses, ready.playbook.stages.as_deref()), Subject::Account);
        let rules = [&ready.when].into_iter().chain(&ready.goal).chain(&ready.exit).chain(&ready.suppress);
        let constant = ConstantFacts::new(rules.flat_map(|rule| rule.cells()));
        Backtest { playbook, others, period, outcome, config: config.clone(), schema, eligible, constant }
    }

    /// The slots of the period.
    pub fn slots(&self) -> &[Instant] {
        self.playbook.slots_in(&self.period)
    }

    pub fn outcome(&self) -> &AccountOutcome {
        &self.outcome
    }
}

impl PastPlay for Backtest {
    type Sum = Tally;

    fn period(&self) -> Period {
        self.period
    }

    fn cells(&self) -> BTreeSet<Cell> {
        let playbooks = std::iter::once(&self.playbook).chain(&self.others);
        let layouts = playbooks.flat_map(|one| [&one.ready.entry_layout, &one.ready.step_layout]);
        layouts.chain([&self.outcome.condition.layout]).flat_map(|layout| layout.cells().iter().cloned()).collect()
    }

    fn reads_from(&self) -> Instant {
        let playbooks = std::iter::once(&self.playbook).chain(&self.others);
        playbooks
            .filter_map(|one| one.slots.first())
            .min()
            .map_or(self.period.from, |slot| *slot.min(&self.period.from))
    }

    fn reads_until(&self) -> Instant {
        self.outcome.looks_until().map_or(self.period.to, |last| last.max(self.period.to))
    }

    fn needs_all(&self, past: &AccountPast) -> bool {
        if self.outcome.reads_calls() || Subject::from(self.playbook.ready.playbook.subject) == Subject::Contact {
            return true;
        }
        let (subject, slots) = (self.playbook.subjects(past).remove(0), &self.playbook.slots);
        let of = SubjectSlots { history: &past.history, subject: &subject, schema: &self.schema, slots };
        let found = self.playbook.by_columns.holds(&of, presence(past, &subject, slots));
        found.is_ok_and(|found| !found.is_empty())
    }

    fn play(&self, past: &AccountPast, figures: &PopulationFigures, tally: &mut Tally) -> Result<(), FoldError> {
        let play = |one: &ReplayedPlaybook, subject: &SubjectId| {
            replay(one, &self.period, past, subject, figures, (&self.config, &self.schema))
        };
        let measure = Measure { period: &self.period, slots: self.slots(), outcome: &self.outcome };
        let truth = self.outcome.of(past, &self.schema)?;
        let mut fired_at = Vec::new();
        tally.begin_account();
        for subject in self.playbook.subjects(past) {
            let there = presence(past, &subject, &self.playbook.slots);
            self.constant.count(past, &self.playbook.slots, &there, &mut tally.constant);
            let replay = play(&self.playbook, &subject)?;
            fired_at.extend(replay.firings.iter().copied());
            let eligible = eligible_slots(&self.eligible, past, &subject, measure.slots, &self.schema)?;
            tally.add(measure, &subject, replay, &truth, &eligible);
        }
        if !fired_at.is_empty() {
            for other in &self.others {
                let mut its = Vec::new();
                for subject in other.subjects(past) {
                    its.extend(play(other, &subject)?.firings);
                }
                tally.add_overlap(other.id(), &fired_at, &its);
            }
        }
        tally.end_account();
        Ok(())
    }
}
