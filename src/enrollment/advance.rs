//! The move from one state to the next, with its effects and its reason.
//!
//! Time does not pass inside a look: it happens at the instant of its facts.
//! A step that is due at that instant is done, and so are all that follow it
//! without waiting.

use std::collections::BTreeMap;

use super::end_conditions::stops;
use super::late_goal::open_until;
use super::own_acts::{OpenTasks, own_acts};
use super::passage::{Passage, Way};
use super::state::{Enrollment, Phase, State};
use crate::action::staff::Staff;
use crate::action::{Action, People, Question, Situation};
use crate::catalog::{ReadyBody, ReadyPlaybook, ReadyWait, ReadyWaitOn};
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::facts::Value;
use crate::ids;
use crate::message::channel::Channel;
use crate::playbook::Duration;
use crate::playbook::calendar::Calendar;
use crate::rule::functions::count_own_acts;
use crate::rule::{Context, EvalError, Rule, Verdict};

/// Everything that one look at an enrollment may use.
#[derive(Debug)]
pub struct Look<'a> {
    pub playbook: &'a ReadyPlaybook,
    pub enrollment: &'a Enrollment,
    /// Facts and progress; `facts.as_of` is now.
    pub context: &'a Context,
    pub people: &'a People,
    pub staff: &'a Staff,
    /// The messages of the current step, where it is sending.
    pub messages: &'a [MessageEnd],
    /// The tasks that are open for its subject in its playbook; asked for only
    /// where facts count tasks.
    pub open_tasks: &'a OpenTasks,
    pub calendar: &'a Calendar,
    pub alerts_to: Option<&'a str>,
    /// The variants of mail steps, by step, that a test case says; `None` draws them.
    pub variants: Option<&'a BTreeMap<String, String>>,
    /// How often waiting enrollments are looked at.
    pub recheck: chrono::Duration,
}

/// How far a message of the current step is: `None` has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageEnd(pub Option<Instant>);

/// The next state, what follows from it, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub enrollment: Enrollment,
    pub effects: Vec<Effect>,
    /// Whether it was stopped: then its open tasks close, unless they are
    /// kept, and its messages that have not left are cancelled.
    pub stopped: bool,
    /// The steps that it passed, in order.
    pub passages: Vec<Passage>,
}

/// The first multiple of `recheck` (counted from midnight UTC) after an instant.
pub fn next_quarter(after: Instant, recheck: chrono::Duration) -> Instant {
    let step = recheck.num_seconds().max(60);
    let seconds = after.timestamp().div_euclid(step) * step + step;
    Instant::from_timestamp(seconds, 0).unwrap_or(after + recheck)
}

/// Takes an active enrollment as far as it goes at this instant.
pub fn advance(look: &Look) -> Transition {
    let mut advance = Advance {
        look,
        context: look.context.clone(),
        open_tasks: look.open_tasks.clone(),
        next: look.enrollment.clone(),
        effects: Vec::new(),
        stopped: false,
        passages: Vec::new(),
    };
    advance.go();
    if advance.next.is_ghost() {
        advance.count_only();
    }
    Transition {
        enrollment: advance.next,
        effects: advance.effects,
        stopped: advance.stopped,
        passages: advance.passages,
    }
}

/// The ordinal of an undecided condition, behind those of effects.
const CONDITION: usize = 1_000;

struct Advance<'a> {
    look: &'a Look<'a>,
    /// That of the look, with what the steps before have done at this instant.
    context: Context,
    open_tasks: OpenTasks,
    next: Enrollment,
    effects: Vec<Effect>,
    stopped: bool,
    passages: Vec<Passage>,
}

/// What a step asks for after it was looked at.
enum Onward {
    /// Go on at this position; the next step begins at this instant.
    To(usize, Instant),
    /// Stay, due at this instant if that is known.
    Stay(Phase, Option<Instant>),
    /// Wait until this instant at most, and look again at once with new facts.
    Again(Instant),
    /// It has ended.
    Ended,
}

impl Advance<'_> {
    fn now(&self) -> Instant {
        self.context.facts.as_of
    }

    fn pass(&mut self, step: &str, way: Way) {
        self.passages.push(Passage { step: step.to_owned(), way });
    }

    fn go(&mut self) {
        match stops(self.look.playbook, &self.context) {
            // Unsure: nothing is done until it can be decided.
            Err(error) => {
                self.next.reason = Some(format!("undecided: {error}"));
                self.stay(self.next.phase, self.next.due_at);
                return;
            }
            Ok(Some(stop)) => {
                self.stopped = true;
                self.end(stop.state, Some(stop.reason), self.now());
                return;
            }
            Ok(None) => self.next.reason = None,
        }
        let steps = &self.look.playbook.steps;
        let mut position = match &self.next.step {
            None => steps.len(),
            Some(id) => match self.look.playbook.step(id) {
                Some(position) => position,
                None => {
                    self.end(State::Failed, Some(format!("its revision has no step {id}")), self.now());
                    return;
                }
            },
        };
        let mut phase = self.next.phase;
        // Positions only grow, so the loop ends.
        loop {
            let Some(step) = steps.get(position) else {
                let at = self.next.step_at.max(self.look.enrollment.step_at);
                self.end(State::Completed, None, at);
                return;
            };
            if phase == Phase::Begin {
                self.next.step = Some(step.id.clone());
            }
            let onward = match phase {
                Phase::Begin => self.begin(position),
                Phase::Waiting => self.wait_on(position),
                Phase::Sending => self.sending(position),
            };
            match onward {
                Onward::To(to, at) => {
                    position = to;
                    self.next.step_at = at;
                    phase = Phase::Begin;
                    if at != self.now() {
                        // The next step begins at another instant, in the past
                        // where the look is late: come back with its facts.
                        self.next.step = steps.get(position).map(|step| step.id.clone());
                        self.next.phase = Phase::Begin;
                        self.next.due_at = Some(at);
                        self.next.look_at = Some(at);
                        return;
                    }
                }
                Onward::Stay(phase, due) => {
                    self.stay(phase, due);
                    return;
                }
                Onward::Again(due) => {
                    self.stay(Phase::Waiting, Some(due));
                    self.next.look_at = Some(self.now());
                    return;
                }
                Onward::Ended => return,
            }
        }
    }

    /// Begins the step at `position`, at `step_at`.
    fn begin(&mut self, position: usize) -> Onward {
        let step = &self.look.playbook.steps[position];
        let began = self.next.step_at;
        if matches!(step.body, ReadyBody::Action(_)) && self.has_acted(&step.id) {
            return Onward::To(step.next, began);
        }
        if let Some(condition) = &step.condition
            && !self.holds(condition, &step.id)
        {
            self.pass(&step.id, Way::LeftOut);
            return Onward::To(step.next, began);
        }
        self.pass(&step.id, Way::Begun);
        match &step.body {
            ReadyBody::End(reason) => {
                self.end(State::Completed, Some(reason.clone()), began);
                Onward::Ended
            }
            ReadyBody::Branch { arms, otherwise } => self.branch(&step.id, arms, *otherwise, began),
            // A window since the step began needs facts fetched from now on.
            ReadyBody::Wait(ReadyWait { on: ReadyWaitOn::Until { condition, at_most, .. }, .. })
                if condition.reads_since_step() =>
            {
                Onward::Again(self.after(began, *at_most))
            }
            ReadyBody::Wait(_) => self.wait_on(position),
            ReadyBody::Action(action) => {
                let messages = self.act(&step.id, action.as_ref());
                let until = action.question().map(|question| self.answer_until(question));
                // A ghost's mail ends when it would have begun; its surveys
                // wait for an answer as all do.
                let leaves = messages && (until.is_some() || !self.next.is_ghost());
                if action.awaits_messages() && leaves {
                    Onward::Stay(Phase::Sending, until)
                } else {
                    Onward::To(step.next, began)
                }
            }
        }
    }

    /// Whether it did this before it came to its revision.
    fn has_acted(&self, step: &str) -> bool {
        self.next.moved.as_ref().is_some_and(|moved| moved.acted.contains(step))
    }

    /// When something is due in its revision, which it may have come to later.
    fn not_before_the_move(&self, due: Instant) -> Instant {
        self.next.moved.as_ref().map_or(due, |moved| due.max(moved.at))
    }

    /// Adds an action's effects; returns whether a message is on its way.
    fn act(&mut self, step: &str, action: &dyn Action) -> bool {
        let look = self.look;
        let situation = Situation {
            sandbox: &look.playbook.sandbox,
            context: &self.context,
            people: look.people,
            staff: look.staff,
            playbook: &look.playbook.playbook.id,
            alerts_to: look.alerts_to,
            zone: look.playbook.zone,
            calendar: look.calendar,
            variants: look.variants,
        };
        let bodies = match action.effects(&situation) {
            Ok(bodies) => bodies,
            Err(error) => {
                let (channel, reason) = (action.channel(), error.to_string());
                vec![EffectBody::Message(MessageDraft::Failed { channel, reason })]
            }
        };
        let before = self.effects.len();
        let mut on_its_way = false;
        let mut ordinals: BTreeMap<Option<&str>, i32> = BTreeMap::new();
        for (ordinal, body) in bodies.into_iter().enumerate() {
            on_its_way |= matches!(body, EffectBody::Message(MessageDraft::Mail(_)));
            let id = ids::effect(self.next.id, step, 0, ordinal);
            let next = ordinals.entry(body.kind()).or_default();
            self.effects.push(Effect { id, step: step.to_owned(), ordinal: *next, body });
            *next += 1;
        }
        let acts = own_acts(&self.next, &self.effects[before..], &mut self.open_tasks);
        self.context.facts = count_own_acts(&self.context.facts, &acts);
        on_its_way
    }

    /// Looks whether a wait is over.
    fn wait_on(&mut self, position: usize) -> Onward {
        let step = &self.look.playbook.steps[position];
        let now = self.now();
        let wait = match &step.body {
            ReadyBody::Wait(wait) => wait,
            // It could not be decided until now.
            ReadyBody::Branch { arms, otherwise } => return self.branch(&step.id, arms, *otherwise, now),
            _ => return Onward::To(step.next, self.next.step_at),
        };
        let began = self.next.step_at;
        match &wait.on {
            ReadyWaitOn::For(span) => {
                let due = self.not_before_the_move(self.local(wait, self.span(began, *span)));
                if due <= now { Onward::To(step.next, due) } else { Onward::Stay(Phase::Waiting, Some(due)) }
            }
            ReadyWaitOn::Date(rule) => match rule.value(&self.look.playbook.sandbox, &self.context) {
                Ok(Value::Time(date)) => {
                    let due = self.local(wait, date);
                    // Already past, or moved into the past: goes on at once.
                    if due <= now { Onward::To(step.next, now) } else { Onward::Stay(Phase::Waiting, Some(due)) }
                }
                Ok(_) => {
                    self.stopped = true;
                    self.end(State::Exited, Some(format!("no date: {}", step.id)), now);
                    Onward::Ended
                }
                Err(error) => {
                    self.next.reason = Some(format!("undecided: {error}"));
                    Onward::Stay(Phase::Waiting, self.next.due_at.filter(|due| *due > now))
                }
            },
            ReadyWaitOn::Until { condition, at_most, on_met, on_timeout } => {
                let due = self.after(began, *at_most);
                if self.is_met(condition) {
                    self.pass(&step.id, Way::Met);
                    Onward::To(*on_met, now.min(due).max(began))
                } else if due <= now {
                    self.pass(&step.id, Way::TimedOut);
                    Onward::To(*on_timeout, due)
                } else {
                    Onward::Stay(Phase::Waiting, Some(due))
                }
            }
        }
    }

    /// The next such local time of the contact, else the account, else the
    /// playbook, where the wait names one.
    fn local(&self, wait: &ReadyWait, due: Instant) -> Instant {
        let Some(time) = wait.at else { return due };
        let zone = self.context.facts.zone().unwrap_or(self.look.playbook.zone);
        self.look.calendar.next_local_time(due, time, zone)
    }

    fn span(&self, from: Instant, span: Duration) -> Instant {
        self.look.calendar.add(from, span, self.look.playbook.zone)
    }

    /// So long after an instant, and not before it came to its revision.
    fn after(&self, from: Instant, span: Duration) -> Instant {
        self.not_before_the_move(self.span(from, span))
    }

    /// How long an answer is awaited.
    fn answer_until(&self, question: &Question) -> Instant {
        self.after(self.next.step_at, question.valid_for)
    }

    fn sending(&mut self, position: usize) -> Onward {
        let step = &self.look.playbook.steps[position];
        if let ReadyBody::Action(action) = &step.body
            && let Some(question) = action.question()
        {
            return self.answered(&step.id, step.next, self.answer_until(question));
        }
        self.all_ended(step.next)
    }

    /// A survey ends with the first answer, when its time is over, or when
    /// nobody was asked after all.
    fn answered(&self, step: &str, next: usize, until: Instant) -> Onward {
        let progress = self.context.progress.as_deref();
        if progress.is_some_and(|progress| progress.answers.contains_key(step)) {
            return Onward::To(next, self.now().min(until).max(self.next.step_at));
        }
        if until <= self.now() {
            return Onward::To(next, until);
        }
        let asked = progress.is_some_and(|progress| progress.sent.contains(step));
        match self.all_ended(next) {
            Onward::To(next, at) if !asked => Onward::To(next, at),
            _ => Onward::Stay(Phase::Sending, Some(until)),
        }
    }

    fn all_ended(&self, next: usize) -> Onward {
        let mut latest = self.next.step_at;
        for MessageEnd(ended) in self.look.messages {
            match ended {
                None => return Onward::Stay(Phase::Sending, None),
                Some(at) => latest = latest.max(*at),
            }
        }
        Onward::To(next, latest)
    }

    /// Takes the first arm that holds. Behind one that cannot be decided nobody
    /// knows which that is: then it waits, and looks again.
    fn branch(&mut self, step: &str, arms: &[(Rule, usize)], otherwise: usize, at: Instant) -> Onward {
        for (arm, (rule, to)) in arms.iter().enumerate() {
            match rule.verdict(&self.look.playbook.sandbox, &self.context) {
                Verdict::True => {
                    self.pass(step, Way::Arm(arm));
                    return Onward::To(*to, at);
                }
                Verdict::False => {}
                Verdict::Undecided(error) => {
                    self.next.reason = Some(format!("undecided: {step}: {error}"));
                    return Onward::Stay(Phase::Waiting, None);
                }
            }
        }
        self.pass(step, Way::Otherwise);
        Onward::To(otherwise, at)
    }

    /// Whether the condition of a step holds. One that cannot be decided does not,
    /// and leaves a row that says so.
    fn holds(&mut self, rule: &Rule, step: &str) -> bool {
        match rule.verdict(&self.look.playbook.sandbox, &self.context) {
            Verdict::True => true,
            Verdict::False => false,
            Verdict::Undecided(error) => {
                let id = ids::effect(self.next.id, step, 0, CONDITION);
                let failed = MessageDraft::Failed { channel: Channel::Nothing, reason: format!("undecided: {error}") };
                let body = EffectBody::Message(failed);
                self.effects.push(Effect { id, step: step.to_owned(), ordinal: CONDITION as i32, body });
                false
            }
        }
    }

    /// Whether a wait's condition holds; what cannot be decided is kept as the reason.
    fn is_met(&mut self, rule: &Rule) -> bool {
        match rule.verdict(&self.look.playbook.sandbox, &self.context) {
            Verdict::True => true,
            Verdict::False => false,
            Verdict::Undecided(EvalError { message, .. }) => {
                self.next.reason = Some(format!("undecided: {message}"));
                false
            }
        }
    }

    /// Nothing comes of what a ghost asks for, but that it is counted; and an
    /// end always says which it is.
    fn count_only(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            if let Some(kind) = effect.body.kind() {
                *self.next.counted.entry(kind.to_owned()).or_default().entry(effect.step).or_default() += 1;
            }
        }
        if self.next.state != State::Active {
            self.next.reason.get_or_insert_with(|| self.next.state.name().to_owned());
        }
    }

    fn stay(&mut self, phase: Phase, due: Option<Instant>) {
        let quarter = next_quarter(self.now(), self.look.recheck);
        self.next.phase = phase;
        self.next.due_at = due;
        self.next.look_at = Some(due.filter(|due| *due > self.now()).map_or(quarter, |due| due.min(quarter)));
    }

    fn end(&mut self, state: State, reason: Option<String>, at: Instant) {
        self.next.state = state;
        self.next.reason = reason;
        self.next.ended_at = Some(at);
        self.next.goal_at = (state == State::Goal).then_some(at);
        self.next.goal_until = open_until(self.look.playbook, state, at);
        self.next.step = None;
        self.next.phase = Phase::Begin;
        self.next.due_at = None;
        self.next.look_at = None;
    }
}
