//! The course of a case: slots, changes and looks in the order of time,
//! exactly as a daemon that is always on time would take them.
//!
//! At one instant the changes come first, then tasks whose problem is gone are
//! closed, then the run, then everything that is due, until nothing is due any
//! more. A mail is delivered at the instant at which it was decided, after the
//! last look at what may stop it, unless the case gives a budget or quiet hours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::deed::{Deed, Note, What};
use super::fixture::Reader;
use super::world::World;
use super::{Failure, Happening, wording};
use crate::action::task::CloseWhen;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::config::Config;
use crate::enrollment::budget::Use;
use crate::enrollment::holdout::Drawn;
use crate::enrollment::{
    Admission, Decision, Edge, Enrollment, History, Look, MessageEnd, Skip, State, Turn, admit, advance, hindsight,
    next_quarter, stops,
};
use crate::facts::history::EnrollmentRecord;
use crate::facts::{Facts, Layout, Progress, Schema, Subject, Value};
use crate::playbook::calendar::Calendar;
use crate::playbook::case::{Case, Change};
use crate::rule::functions::{FoldError, fold_facts};
use crate::rule::{Context, Verdict};

mod answer;
mod consequences;
mod outbox;

use consequences::OpenTask;
use outbox::Planned;

/// Instants with something to do, at most; a playbook that runs every minute
/// for 30 days has 43,200.
const MAX_INSTANTS: usize = 400_000;
/// Mails, tasks, notices and endings of one case, at most.
const MAX_DEEDS: usize = 4_000;

/// One case while it is played.
pub(super) struct Course<'a> {
    playbook: &'a ReadyPlaybook,
    case: &'a Case,
    config: &'a Config,
    schema: &'a Schema,
    calendar: Calendar,
    start: Instant,
    world: World,
    trips: Vec<Trip>,
    tasks: Vec<OpenTask>,
    edge: Option<Edge>,
    /// Mails that have not left yet.
    planned: Vec<Planned>,
    /// What used the attention budget.
    uses: Vec<Use>,
    /// Step, address in lower case and instant of each mail that left.
    sent: Vec<(String, String, Instant)>,
    /// What the case may expect, in order.
    pub deeds: Vec<Deed>,
    pub happened: Vec<Happening>,
    /// Why something did not happen.
    pub notes: Vec<Note>,
    pub failures: Vec<Failure>,
    /// Why the subject did not enter at the last slot.
    pub outside: Option<String>,
}

/// An enrollment with what the store would keep beside it.
struct Trip {
    enrollment: Enrollment,
    done: BTreeSet<String>,
    outcomes: BTreeMap<String, String>,
    sent: BTreeSet<String>,
    answers: BTreeMap<String, Value>,
    messages: Vec<MessageEnd>,
    /// Its row in the account's own history.
    record: usize,
    told: Option<String>,
}

impl<'a> Course<'a> {
    pub fn new(
        playbook: &'a ReadyPlaybook,
        case: &'a Case,
        config: &'a Config,
        schema: &'a Schema,
        world: World,
    ) -> Course<'a> {
        Course {
            playbook,
            case,
            config,
            schema,
            calendar: Calendar { holidays: config.holidays.clone() },
            start: case.at.to_utc(),
            world,
            trips: Vec::new(),
            tasks: Vec::new(),
            edge: None,
            planned: Vec::new(),
            uses: Vec::new(),
            sent: Vec::new(),
            deeds: Vec::new(),
            happened: Vec::new(),
            notes: Vec::new(),
            failures: Vec::new(),
            outside: None,
        }
    }

    /// What the playbook enrolls, in words.
    pub fn noun(&self) -> &'static str {
        Subject::from(self.playbook.playbook.subject).name()
    }

    /// Whether the subject ever entered.
    pub fn entered(&self) -> bool {
        !self.trips.is_empty()
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
        let mut slot = Some(self.start);
        let mut changes = self.case.then.iter().peekable();
        let mut now = self.start;
        for _ in 0..MAX_INSTANTS {
            if self.deeds.len() > MAX_DEEDS {
                break;
            }
            let change = changes.peek().map(|change| self.instant_of(change));
            let quarter = next_quarter(now, self.config.recheck);
            let closing = (!self.tasks.is_empty()).then_some(quarter);
            let hindsight =
                self.trips.iter().any(|trip| trip.enrollment.goal_until >= Some(quarter)).then_some(quarter);
            let look = self.current().and_then(|trip| self.trips[trip].enrollment.look_at);
            let mail = self.planned.iter().map(|mail| mail.next_at).min();
            let Some(next) = [slot, change, closing, look, mail, hindsight].into_iter().flatten().min() else {
                return Ok(());
            };
            if next > until {
                return Ok(());
            }
            now = next;
            while let Some(change) = changes.next_if(|change| self.instant_of(change) <= now) {
                self.change(change, now);
            }
            if closing == Some(now) {
                self.close_tasks(now)?;
                self.hand_over(now);
            }
            if slot == Some(now) {
                self.run(now)?;
                slot = self.playbook.schedule.next_after(now);
            }
            self.look(now)?;
            while self.deliver(now)? {
                self.look(now)?;
            }
            if hindsight == Some(now) {
                self.look_back(now)?;
            }
        }
        let message = format!(
            "the case is too long: it was played {} and stopped there; expect less, or test a rarer schedule",
            wording::after(self.offset(now))
        );
        self.failures.push(Failure { place: self.case.place, message });
        Ok(())
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

    /// The active enrollment; at most one at a time.
    fn current(&self) -> Option<usize> {
        let last = self.trips.len().checked_sub(1)?;
        (self.trips[last].enrollment.state == State::Active).then_some(last)
    }

    fn change(&mut self, change: &Change, now: Instant) {
        // Its mistakes were reported before the play began.
        let mut reader = Reader::new(self.playbook, self.case);
        self.world.change(&change.fixtures, self.schema, now, &mut reader);
        for (step, node) in &change.answers {
            self.answer(step, node, now);
        }
        self.check_outcomes(change);
        for step in change.done.iter().chain(change.outcomes.iter().map(|(step, _)| step)) {
            let open = self.tasks.iter().position(|task| task.step == *step);
            let outcome = change.outcomes.iter().find(|(of, _)| of == step).map(|(_, outcome)| outcome.clone());
            match open {
                Some(open) => {
                    let OpenTask { trip, record, .. } = self.tasks.remove(open);
                    // Just before this instant, as all of the change.
                    let before = now - TimeDelta::microseconds(1);
                    self.end_record(record, before, true);
                    if record.is_some() {
                        let what = format!("the task {}/{step}", self.playbook.playbook.id);
                        self.uses.push(Use { contact: self.trips[trip].enrollment.contact.clone(), at: before, what });
                    }
                    self.trips[trip].done.insert(step.clone());
                    self.happen(now, format!("the task `{step}` was completed"));
                    if let Some(outcome) = outcome {
                        self.trips[trip].outcomes.insert(step.clone(), outcome);
                    }
                }
                // Named under `done` as well: completed a moment ago.
                None if self.trips.last().is_some_and(|trip| trip.done.contains(step)) && outcome.is_some() => {
                    if let (Some(trip), Some(outcome)) = (self.trips.last_mut(), outcome) {
                        trip.outcomes.insert(step.clone(), outcome);
                    }
                }
                None => self.happen(now, format!("nobody could complete the task `{step}`: it was not open")),
            }
        }
    }

    fn facts(&self, layout: &Arc<Layout>, trip: Option<&Trip>, now: Instant) -> Result<Facts, FoldError> {
        let entered = trip.map(|trip| trip.enrollment.started_at);
        let step_at = trip.map(|trip| trip.enrollment.step_at);
        fold_facts(&self.world.history, &self.world.subject, layout, self.schema, now, entered, step_at)
    }

    /// What decisions about an enrollment see now.
    fn context(&self, trip: &Trip, now: Instant) -> Result<Context, FoldError> {
        let facts = self.facts(&self.playbook.step_layout, Some(trip), now)?;
        Ok(self.context_of(trip, facts))
    }

    fn context_of(&self, trip: &Trip, facts: Facts) -> Context {
        let progress = Progress {
            entered_at: trip.enrollment.started_at,
            step_at: trip.enrollment.step_at,
            entry: trip.enrollment.entry.clone(),
            done: trip.done.clone(),
            outcomes: trip.outcomes.clone(),
            sent: trip.sent.clone(),
            answers: trip.answers.clone(),
        };
        Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: self.playbook.zone }
    }

    /// The run of one slot.
    fn run(&mut self, now: Instant) -> Result<(), FoldError> {
        // Whatever the condition says, an account that is on its way stays so.
        let inside = self.current().is_some();
        if inside && !self.playbook.follows_edges() {
            return Ok(());
        }
        let facts = self.facts(&self.playbook.entry_layout, None, now)?;
        let own = &self.playbook.playbook.id;
        let earlier = self.trips.iter().map(|trip| &trip.enrollment);
        let history = History {
            active: inside || self.case.fixtures.in_playbook.iter().any(|id| *id.text == **own),
            keys: earlier.clone().map(|enrollment| enrollment.entry_key.clone()).collect(),
            stopped: false,
            last_started: earlier.map(|enrollment| enrollment.started_at).max(),
            edge: self.edge,
            overtaken: false,
            first_run: now == self.start,
            // No case is held out.
            drawn: Drawn::Outside,
        };
        let Decision { admission, turn } = admit(self.playbook, facts.clone(), &history, &self.calendar);
        match turn {
            Turn::Stays => {}
            Turn::Rose(edge) => self.edge = Some(edge),
            Turn::Fell => self.edge = None,
        }
        if inside {
            return Ok(());
        }
        let outside = match admission {
            Admission::Enroll(enrollment) => {
                self.enroll(*enrollment, now, &facts);
                return Ok(());
            }
            Admission::NotCandidate => {
                format!("the condition was false ({})", self.playbook.when.told(&facts))
            }
            Admission::Skip(skip) => self.told(&skip, facts),
        };
        if self.outside.as_ref() != Some(&outside) {
            self.happen(now, format!("the {} did not enter: {outside}", self.noun()));
            self.outside = Some(outside);
        }
        Ok(())
    }

    /// A skip in words.
    fn told(&self, skip: &Skip, facts: Facts) -> String {
        match skip {
            Skip::Undecided(error) => format!("it could not be decided: {error}"),
            Skip::Active => "it is in this playbook already".to_owned(),
            Skip::Reentry => "`reentry` does not allow another enrollment".to_owned(),
            Skip::Existing => "it matched at the playbook's first run, which is the case's `at`, and has matched ever \
                 since (`existing: skip`); let it match later with `then:`"
                .to_owned(),
            Skip::NotYet => "the condition has not been true for as long as `holds_for` says".to_owned(),
            Skip::Overtaken => "a later run has decided it already".to_owned(),
            Skip::Gap => "the `gap` since the previous enrollment is too short".to_owned(),
            Skip::NoKey => "no key: the value of `once_per` is missing".to_owned(),
            Skip::NoValue(fact) => format!("no value: `{fact}` is missing, and the playbook relies on it"),
            Skip::Stopped(name) => {
                let context = Context { facts: Arc::new(facts), progress: None, zone: self.playbook.zone };
                match stops(self.playbook, &context) {
                    Ok(Some(stop)) if stop.name == *name => format!("skipped as `{name}` ({})", stop.reason),
                    _ => format!("skipped as `{name}`"),
                }
            }
        }
    }

    fn enroll(&mut self, enrollment: Enrollment, now: Instant, facts: &Facts) {
        self.outside = None;
        let (read, noun) = (self.playbook.when.told(facts), self.noun());
        let read = if read.is_empty() { read } else { format!(" ({read})") };
        self.happen(now, format!("the {noun} entered{read}"));
        self.world.history.enrollments.push(EnrollmentRecord {
            playbook: enrollment.playbook.clone(),
            contact: self.world.enrolled(),
            started_at: enrollment.started_at,
            ended_at: None,
            goal_at: None,
        });
        let record = self.world.history.enrollments.len() - 1;
        self.trips.push(Trip {
            enrollment,
            done: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            sent: BTreeSet::new(),
            answers: BTreeMap::new(),
            messages: Vec::new(),
            record,
            told: None,
        });
    }

    /// Looks at the active enrollment until it is not due at this instant any more.
    fn look(&mut self, now: Instant) -> Result<(), FoldError> {
        while let Some(index) = self.current() {
            if self.trips[index].enrollment.look_at.is_none_or(|due| due > now) {
                break;
            }
            let trip = &self.trips[index];
            let context = self.context(trip, now)?;
            let staff = self.staff();
            let transition = advance(&Look {
                playbook: self.playbook,
                enrollment: &trip.enrollment,
                context: &context,
                people: &self.world.people,
                staff: &staff,
                messages: &trip.messages,
                calendar: &self.calendar,
                alerts_to: self.alerts_to(),
                recheck: self.config.recheck,
            });
            self.trips[index].enrollment = transition.enrollment;
            self.carry_out(index, transition.effects, now)?;
            if transition.stopped {
                let (kept, closed): (Vec<OpenTask>, Vec<OpenTask>) =
                    std::mem::take(&mut self.tasks).into_iter().partition(|task| task.trip != index || task.keep);
                self.tasks = kept;
                closed.iter().for_each(|task| self.end_record(task.record, now, false));
                self.cancel(index, now);
            }
            self.tell(index, now);
        }
        Ok(())
    }

    /// Looks whether a goal came true that still counts.
    fn look_back(&mut self, now: Instant) -> Result<(), FoldError> {
        for index in 0..self.trips.len() {
            let trip = &self.trips[index];
            if trip.enrollment.goal_until.is_none_or(|until| until < now) {
                continue;
            }
            let facts = self.facts(&self.playbook.goal_layout, Some(trip), now)?;
            let context = self.context_of(trip, facts);
            if let Some(reached) = hindsight(self.playbook, &trip.enrollment, &context) {
                let Enrollment { state, reason, .. } = reached.clone();
                self.trips[index].enrollment = reached;
                if let Some(record) = self.world.history.enrollments.get_mut(self.trips[index].record) {
                    record.goal_at = Some(now);
                }
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                self.happen(now, format!("the goal was reached after the end{why}"));
                self.deed(now, What::Ended { state, reason });
            }
        }
        Ok(())
    }

    fn alerts_to(&self) -> Option<&'a str> {
        self.playbook.playbook.alerts_to.as_deref().or(self.config.alerts_to.as_deref())
    }

    /// Says what a look brought about.
    fn tell(&mut self, index: usize, now: Instant) {
        let trip = &mut self.trips[index];
        let (state, reason) = (trip.enrollment.state, trip.enrollment.reason.clone());
        if state == State::Active {
            if trip.told != reason {
                trip.told.clone_from(&reason);
                if let Some(reason) = reason {
                    self.note(now, None, format!("nothing could be decided: {reason}"), false);
                }
            }
            return;
        }
        let ended = trip.enrollment.ended_at.unwrap_or(now);
        if let Some(record) = self.world.history.enrollments.get_mut(trip.record) {
            record.ended_at = Some(ended);
            record.goal_at = trip.enrollment.goal_at;
        }
        let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        self.happen(ended, format!("ended as {}{why}", state.name()));
        self.deed(ended, What::Ended { state, reason });
    }

    /// Closes the tasks whose problem is gone.
    fn close_tasks(&mut self, now: Instant) -> Result<(), FoldError> {
        let mut closed = Vec::new();
        for (at, task) in self.tasks.iter().enumerate() {
            let close_when =
                self.playbook.action(&task.step).and_then(|action| action.task()).map(|task| &task.close_when);
            let rule = match close_when {
                Some(CloseWhen::Off) => None,
                Some(CloseWhen::Rule(rule)) => Some(rule.as_ref()),
                Some(CloseWhen::Goal) | None => self.playbook.goal.as_ref(),
            };
            let Some(rule) = rule else { continue };
            let context = self.context(&self.trips[task.trip], now)?;
            if rule.verdict(&self.playbook.sandbox, &context) == Verdict::True {
                closed.push(at);
            }
        }
        for at in closed.into_iter().rev() {
            let task = self.tasks.remove(at);
            self.end_record(task.record, now, false);
            self.happen(now, format!("the task `{}` was closed: it is no longer needed", task.step));
        }
        Ok(())
    }
}
