//! The course of a case: slots, changes and looks in the order of time,
//! exactly as a daemon that is always on time would take them.
//!
//! At one instant the changes come first, then tasks whose problem is gone are
//! closed, then the run, then everything that is due, until nothing is due any
//! more. A mail is delivered at the instant at which it was decided, after the
//! last look at what may stop it, unless the case gives a budget or quiet hours.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::budget::CaseBudget;
use super::fixture::Reader;
use super::happened::{Note, Occurrence, What};
use super::population::Population;
use super::world::World;
use super::{Failure, Happening, wording};
use crate::action::staff::Staff;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::config::Config;
use crate::enrollment::{Enrollment, MatchedSince, MessageEnd, Passage, State};
use crate::facts::{Facts, Layout, OwnActs, Progress, Schema, Subject, Value};
use crate::message::budget::Use;
use crate::playbook::calendar::Calendar;
use crate::playbook::case::{Case, Change};
use crate::rule::Context;
use crate::rule::functions::count_own_acts;
use crate::rule::functions::fold::{FoldError, fold_facts};

mod answer;
mod consequences;
mod entry;
mod entry_turns;
mod event_slots;
mod looks;
mod mails;
mod rechecks;
mod slots;
mod tasks;
mod turns;
mod whole;

use consequences::OpenTask;
use entry_turns::EntryTurns;
use event_slots::EventSlots;
use mails::{Planned, Sent};
use rechecks::{RecheckedPlace, Rechecks};
pub(super) use slots::Slots;

/// Instants with something to do, at most; a playbook that runs every minute
/// for 30 days has 43,200.
const MAX_INSTANTS: usize = 400_000;
/// Mails, tasks, notices and endings of one case, at most.
const MAX_OCCURRENCES: usize = 4_000;

/// One case while it is played.
pub(super) struct Course<'a> {
    playbook: &'a ReadyPlaybook,
    case: &'a Case,
    config: &'a Config,
    schema: &'a Schema,
    calendar: Calendar,
    start: Instant,
    /// The first slot at which the playbook looked, where contacts wait for their turn;
    /// `None` of a case, whose turn is when it says.
    pub began: Option<Instant>,
    slots: Slots<'a>,
    event_slots: EventSlots,
    rechecks: Rechecks,
    /// What they are about.
    rechecked: RecheckedPlace,
    /// When the condition can turn; `None` where it has to be found anew.
    entry_turns: Option<EntryTurns>,
    /// When something was done last.
    touched: Option<Instant>,
    world: World,
    population: Population<'a>,
    played: Vec<PlayedEnrollment>,
    tasks: Vec<OpenTask>,
    /// The colleagues of the world as it is, who have nothing to do yet.
    idle_staff: OnceCell<Staff>,
    matched_since: Option<MatchedSince>,
    /// Mails that have not left yet.
    planned: Vec<Planned>,
    /// What used the attention budget.
    uses: Vec<Use>,
    /// The mails that left.
    sent: Vec<Sent>,
    /// What the case may expect, in order.
    pub occurrences: Vec<Occurrence>,
    pub happened: Vec<Happening>,
    /// Why something did not happen.
    pub notes: Vec<Note>,
    pub failures: Vec<Failure>,
    /// Why the subject did not enter at the last slot.
    pub outside: Option<String>,
    /// The facts for which the condition was false, where that is why.
    unmatched: Option<Arc<Facts>>,
    /// How many of what happened say only that: nothing was done.
    remarks: usize,
    /// What cannot be decided at the moment, and why.
    undecided: BTreeMap<String, String>,
    /// The facts on which it was decided who enters.
    pub looks: Vec<Arc<Facts>>,
    /// What was seen when it was decided whether an enrollment ends.
    pub end_looks: Vec<Context>,
    /// What was seen when it was decided whether a goal came true after the end.
    pub late_looks: Vec<Context>,
    /// The steps that were passed.
    pub passages: BTreeSet<Passage>,
    budget: &'a CaseBudget,
}

/// An enrollment with what the store would keep beside it.
struct PlayedEnrollment {
    enrollment: Enrollment,
    done: BTreeSet<String>,
    outcomes: BTreeMap<String, String>,
    sent: BTreeSet<String>,
    answers: BTreeMap<String, Value>,
    messages: Vec<MessageEnd>,
    /// Its row in the account's own history.
    record: usize,
    /// Why nothing could be decided at the last look.
    last_reason: Option<String>,
    /// What it did itself at its latest instant, and when that was.
    acts: OwnActs,
    acts_at: Option<Instant>,
}

impl PlayedEnrollment {
    /// What it did itself at that instant so far.
    fn acts_at(&mut self, now: Instant) -> &mut OwnActs {
        if self.acts_at != Some(now) {
            (self.acts, self.acts_at) = (OwnActs::default(), Some(now));
        }
        &mut self.acts
    }
}

impl<'a> Course<'a> {
    pub fn new(
        playbook: &'a ReadyPlaybook,
        case: &'a Case,
        config: &'a Config,
        schema: &'a Schema,
        (world, population): (World, Population<'a>),
        slots: Slots<'a>,
        budget: &'a CaseBudget,
    ) -> Course<'a> {
        Course {
            playbook,
            case,
            config,
            schema,
            calendar: Calendar { holidays: config.holidays.clone() },
            start: case.at.to_utc(),
            began: None,
            rechecks: Rechecks::Never,
            rechecked: RecheckedPlace::default(),
            entry_turns: None,
            touched: None,
            slots,
            event_slots: EventSlots::default(),
            world,
            population,
            played: Vec::new(),
            tasks: Vec::new(),
            idle_staff: OnceCell::new(),
            matched_since: None,
            planned: Vec::new(),
            uses: Vec::new(),
            sent: Vec::new(),
            occurrences: Vec::new(),
            happened: Vec::new(),
            notes: Vec::new(),
            failures: Vec::new(),
            outside: None,
            unmatched: None,
            remarks: 0,
            undecided: BTreeMap::new(),
            looks: Vec::new(),
            end_looks: Vec::new(),
            late_looks: Vec::new(),
            passages: BTreeSet::new(),
            budget,
        }
    }

    /// What the playbook enrolls, in words.
    pub fn noun(&self) -> &'static str {
        match self.playbook.portfolio {
            Some(_) => "portfolio",
            None => Subject::from(self.playbook.playbook.subject).name(),
        }
    }

    /// Whether the subject ever entered.
    pub fn entered(&self) -> bool {
        !self.played.is_empty()
    }

    /// Plays everything up to and including `until`.
    pub fn play(&mut self, until: Instant) {
        if let Err(error) = self.instants(until) {
            let message = match error {
                FoldError::MissingColumn { subject, name } => format!(
                    "the playbook reads the column `{name}`, which every {whose} has and this case does not give: \
                     add `{whose}: {{ {name}: … }}`",
                    whose = subject.name()
                ),
                FoldError::Unknown(error) => error.to_string(),
            };
            self.failures.push(Failure { place: self.case.place, message });
        }
    }

    fn instants(&mut self, until: Instant) -> Result<(), FoldError> {
        self.forget_people();
        let mut slot = self.slots.first(self.start);
        let mut changes = self.case.then.iter().peekable();
        let mut now = self.start;
        for _ in 0..MAX_INSTANTS {
            if self.occurrences.len() > MAX_OCCURRENCES {
                break;
            }
            if self.budget.is_spent() {
                let message = format!(
                    "the case takes too long: {} the {} s were used up that all cases of a playbook have together \
                     (`limits: {{ cases: … }}` in the configuration); expect less, or make the rules cheaper",
                    wording::after(self.offset(now)),
                    self.budget.seconds()
                );
                self.failures.push(Failure { place: self.case.place, message });
                return Ok(());
            }
            if let (Slots::All(schedule), Some(on)) = (self.slots, &self.playbook.on) {
                slot = self.event_slots.next((on, schedule), self.trigger_events(), self.start);
            }
            let change = changes.peek().map(|change| self.instant_of(change));
            let recheck = self.next_recheck(now);
            let closing = recheck.filter(|_| !self.tasks.is_empty());
            let late =
                |played: &PlayedEnrollment| played.enrollment.goal_until.is_some_and(|until| Some(until) >= recheck);
            let hindsight = recheck.filter(|_| self.played.iter().any(late));
            let look = self.current().and_then(|played| self.played[played].enrollment.look_at);
            let mail = self.planned.iter().map(|mail| mail.next_at).min();
            let ignores_slots = self.ignores_slots();
            let run = slot.filter(|_| !ignores_slots);
            let Some(next) = [run, change, closing, look, mail, hindsight].into_iter().flatten().min() else {
                return Ok(());
            };
            if next > until {
                return Ok(());
            }
            now = next;
            let standing = self.standing();
            while let Some(change) = changes.next_if(|change| self.instant_of(change) <= now) {
                self.change(change, now);
                self.look_soon(now, until);
                slot = self.slot_again(slot, now - TimeDelta::microseconds(1));
            }
            if closing == Some(now) {
                self.close_tasks(now)?;
                self.hand_over(now);
            }
            if slot == Some(now) && !ignores_slots {
                let outcome = self.run(now)?;
                slot = self.slot_after(outcome, now, until);
            }
            self.look(now)?;
            while self.deliver(now)? {
                self.look(now)?;
            }
            if hindsight == Some(now) {
                self.look_back(now)?;
            }
            if self.standing() != standing {
                self.touch(now, until);
                slot = self.slot_again(slot, now);
            }
            if slot.is_some_and(|slot| slot <= now) {
                slot = self.slots.next_after(now, self.matched_since.is_some());
            }
            self.postpone(now);
        }
        let message = format!(
            "the case is too long: it was played {} and stopped there; expect less, or test a rarer schedule",
            wording::after(self.offset(now))
        );
        self.failures.push(Failure { place: self.case.place, message });
        Ok(())
    }

    /// When the subject had the events that may call the playbook.
    pub(super) fn trigger_events(&self) -> impl Iterator<Item = Instant> + use<'_> {
        let (event, contact) = (self.playbook.on.as_ref().map(|on| on.event.as_str()), self.world.enrolled());
        let events = self.world.history.events.iter().filter(move |event_record| Some(&*event_record.name) == event);
        let whose = self.world.subject.contact.is_empty();
        events.filter(move |one| whose || one.contact == contact).map(|event| event.at)
    }

    fn instant_of(&self, change: &Change) -> Instant {
        self.start + TimeDelta::seconds(change.after)
    }

    fn offset(&self, at: Instant) -> i64 {
        (at - self.start).num_seconds()
    }

    fn happen(&mut self, at: Instant, what: String) {
        let after = self.offset(at);
        self.happened.push(Happening { after, what });
    }

    fn note(&mut self, at: Instant, step: Option<&str>, what: String, failed: bool) {
        self.happen(at, what.clone());
        let after = self.offset(at);
        self.notes.push(Note { after, step: step.map(str::to_owned), what, failed });
    }

    /// Keeps whether something can be decided: `why` is why not. Each time that
    /// it cannot be any more, or for another reason, counts once.
    fn keep_undecided(&mut self, about: &str, why: Option<String>, now: Instant) {
        match why {
            None => drop(self.undecided.remove(about)),
            Some(reason) => {
                if self.undecided.insert(about.to_owned(), reason.clone()).as_ref() != Some(&reason) {
                    self.occur(now, What::Undecided { reason });
                }
            }
        }
    }

    /// Every enrollment, in order.
    pub fn enrollments(&self) -> impl Iterator<Item = &Enrollment> {
        self.played.iter().map(|played| &played.enrollment)
    }

    /// The active enrollment; at most one at a time.
    fn current(&self) -> Option<usize> {
        let last = self.played.len().checked_sub(1)?;
        (self.played[last].enrollment.state == State::Active).then_some(last)
    }

    fn change(&mut self, change: &Change, now: Instant) {
        // Its mistakes were reported before the play began.
        let mut reader = Reader::new(self.playbook, self.case);
        self.world.change(&change.fixtures, self.schema, now, &mut reader);
        self.world.apply_kpis(&change.kpis, now, &mut reader);
        self.forget_people();
        self.idle_staff.take();
        for answer in &change.answers {
            self.answer(answer, now);
        }
        self.check_outcomes(change);
        for step in change.done.iter().chain(change.outcomes.iter().map(|(step, _)| step)) {
            let open = self.tasks.iter().position(|task| task.step == *step);
            let outcome = change.outcomes.iter().find(|(of, _)| of == step).map(|(_, outcome)| outcome.clone());
            match open {
                Some(open) => {
                    let OpenTask { played, record, .. } = self.tasks.remove(open);
                    // Just before this instant, as all of the change.
                    let before = now - TimeDelta::microseconds(1);
                    self.end_record(record, before, true);
                    if record.is_some() {
                        let what = format!("the task {}/{step}", self.playbook.playbook.id);
                        self.uses.push(Use {
                            contact: self.played[played].enrollment.contact.clone(),
                            at: before,
                            what,
                        });
                    }
                    self.played[played].done.insert(step.clone());
                    self.happen(now, format!("the task `{step}` was completed"));
                    if let Some(outcome) = outcome {
                        self.played[played].outcomes.insert(step.clone(), outcome);
                    }
                }
                // Named under `done` as well: completed a moment ago.
                None if self.played.last().is_some_and(|played| played.done.contains(step)) && outcome.is_some() => {
                    if let (Some(played), Some(outcome)) = (self.played.last_mut(), outcome) {
                        played.outcomes.insert(step.clone(), outcome);
                    }
                }
                None => self.happen(now, format!("nobody could complete the task `{step}`: it was not open")),
            }
        }
    }

    fn facts(&self, layout: &Arc<Layout>, played: Option<&PlayedEnrollment>, now: Instant) -> Result<Facts, FoldError> {
        if let Some(portfolio) = &self.playbook.portfolio {
            return self.facts_of_portfolio(portfolio, layout, now);
        }
        let entered = played.map(|played| played.enrollment.started_at);
        let step_at = played.map(|played| played.enrollment.step_at);
        let facts = fold_facts(&self.world.history, &self.world.subject, layout, self.schema, now, entered, step_at)?;
        self.population.fill(&self.world, facts, self.schema)
    }

    /// What decisions about an enrollment see now.
    fn context(&self, played: &PlayedEnrollment, now: Instant) -> Result<Context, FoldError> {
        let facts = self.facts(&self.playbook.step_layout, Some(played), now)?;
        let mut context = self.context_of(played, facts);
        if played.acts_at == Some(now) {
            context.facts = count_own_acts(&context.facts, &played.acts);
        }
        Ok(context)
    }

    fn context_of(&self, played: &PlayedEnrollment, facts: Facts) -> Context {
        let progress = Progress {
            entered_at: played.enrollment.started_at,
            step_at: played.enrollment.step_at,
            entry: played.enrollment.entry.clone(),
            done: played.done.clone(),
            outcomes: played.outcomes.clone(),
            sent: played.sent.clone(),
            answers: played.answers.clone(),
        };
        Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: self.playbook.zone }
    }

    fn alerts_to(&self) -> Option<&'a str> {
        self.playbook.playbook.alerts_to.as_deref().or(self.config.alerts_to.as_deref())
    }
}
