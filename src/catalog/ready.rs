//! Playbooks that are ready to decide, as the engine runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::portfolio::ReadyPortfolio;
use crate::action::{Action, CloseWhen, Question, Reads};
use crate::clock::Instant;
use crate::effect::Written;
use crate::facts::{Cell, Facts, Layout, NameKind, Type, Value};
use crate::playbook::schedule::Schedule;
use crate::playbook::{Duration, Playbook};
use crate::rule::prefilter::predicate::Term;
use crate::rule::{Predicate, Rule, Sandbox};

/// A playbook whose every expression is compiled.
#[derive(Debug)]
pub struct ReadyPlaybook {
    pub playbook: Playbook,
    /// Hash of its text and of every script module it reaches.
    pub revision: String,
    /// The script modules it reaches, by name.
    pub scripts: BTreeMap<String, String>,
    /// The names that each of them reads and calls.
    pub script_words: BTreeMap<String, Arc<BTreeSet<String>>>,
    /// The texts of the surveys and reports that its steps name, by id.
    pub surveys: BTreeMap<String, String>,
    pub zone: Tz,
    pub schedule: Schedule,
    /// The event that makes a subject a candidate.
    pub on: Option<ReadyTrigger>,
    /// Of a playbook about all accounts: what it is about.
    pub portfolio: Option<ReadyPortfolio>,
    pub when: Rule,
    pub goal: Option<Rule>,
    pub exit: Option<Rule>,
    /// Its own `suppress` and the configuration's.
    pub suppress: Vec<Rule>,
    pub reentry: ReadyReentry,
    pub steps: Vec<ReadyStep>,
    pub sandbox: Arc<Sandbox>,
    /// Cells for deciding who enters.
    pub entry_layout: Arc<Layout>,
    /// Cells for every later decision.
    pub step_layout: Arc<Layout>,
    /// Cells for deciding the goal alone.
    pub goal_layout: Arc<Layout>,
    /// What is kept at enrollment, by the name behind `entry.`.
    pub entry_columns: BTreeMap<String, Cell>,
}

/// An event that makes a subject a candidate, some time after it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadyTrigger {
    pub event: String,
    pub after: TimeDelta,
    /// Whether it is looked at each minute, and not by a schedule.
    pub every_minute: bool,
    /// The fact that is missing as long as no event is that long ago.
    pub cell: Cell,
}

impl ReadyTrigger {
    /// The first instant at which an event counts: never its own.
    pub fn due_at(&self, event: Instant) -> Option<Instant> {
        event.checked_add_signed(self.delay())
    }

    /// From an event to the instant that it is looked at.
    pub fn delay(&self) -> TimeDelta {
        self.after.max(TimeDelta::microseconds(1))
    }

    /// Whether an event of a subject is due by the instant of the facts.
    pub fn is_due(&self, facts: &Facts) -> bool {
        !matches!(facts.get(&self.cell), None | Some(Value::Null))
    }

    /// True where such an event is there.
    pub fn predicate(&self) -> Predicate {
        Predicate::Present(Term { cell: self.cell.clone(), ty: Type::Time })
    }
}

#[derive(Debug)]
pub enum ReadyReentry {
    Never,
    OnRematch { gap: Option<Duration> },
    Again { once_per: Option<Box<Rule>>, gap: Option<Duration> },
}

/// One step of the program.
#[derive(Debug)]
pub struct ReadyStep {
    pub id: String,
    pub condition: Option<Rule>,
    pub body: ReadyBody,
    /// The position that follows; the program's length ends it.
    pub next: usize,
}

#[derive(Debug)]
pub enum ReadyBody {
    Action(Arc<dyn Action>),
    Wait(ReadyWait),
    /// The first arm whose rule holds, else `otherwise`.
    Branch {
        arms: Vec<(Rule, usize)>,
        otherwise: usize,
    },
    End(String),
}

#[derive(Debug)]
pub struct ReadyWait {
    pub on: ReadyWaitOn,
    pub at: Option<chrono::NaiveTime>,
}

#[derive(Debug)]
pub enum ReadyWaitOn {
    For(Duration),
    Date(Box<Rule>),
    Until { condition: Box<Rule>, at_most: Duration, on_met: usize, on_timeout: usize },
}

impl ReadyStep {
    /// What must be fetched to begin it and to go on from it.
    pub fn reads(&self, reads: &mut Reads) {
        self.condition.iter().for_each(|rule| reads.rule(rule));
        match &self.body {
            ReadyBody::Action(action) => action.reads(reads),
            ReadyBody::Wait(wait) => match &wait.on {
                ReadyWaitOn::Date(rule) | ReadyWaitOn::Until { condition: rule, .. } => reads.rule(rule),
                ReadyWaitOn::For(_) => {}
            },
            ReadyBody::Branch { arms, .. } => arms.iter().for_each(|(rule, _)| reads.rule(rule)),
            ReadyBody::End(_) => {}
        }
    }
}

impl ReadyPlaybook {
    /// Whether a step chooses by how much each colleague has to do.
    pub fn weighs_load(&self) -> bool {
        self.steps.iter().any(|step| matches!(&step.body, ReadyBody::Action(action) if action.weighs_load()))
    }

    /// The position of a step by id.
    pub fn step(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// Whether somebody who is at a step, or nowhere yet, will still be asked for the
    /// outcome of a task of `task`: by a step that is ahead, or by what ends the way.
    pub fn reads_outcome(&self, task: &str, at: Option<&str>) -> bool {
        let position = at.and_then(|step| self.step(step)).unwrap_or(0);
        let mut reads = Reads::default();
        self.steps[position..].iter().for_each(|step| step.reads(&mut reads));
        self.goal.iter().chain(&self.exit).chain(&self.suppress).for_each(|rule| reads.rule(rule));
        reads.outcomes.contains(task)
    }

    /// What a step does, if it acts.
    pub fn action(&self, step: &str) -> Option<&dyn Action> {
        match &self.steps[self.step(step)?].body {
            ReadyBody::Action(action) => Some(action.as_ref()),
            _ => None,
        }
    }

    /// The questions that its steps ask, in the order of its text.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.steps.iter().filter_map(|step| match &step.body {
            ReadyBody::Action(action) => action.question(),
            _ => None,
        })
    }

    /// What closes a task of a step, with the word for it: the step's own rule,
    /// else the goal; `None` where only a person ends it.
    pub fn closing_rule(&self, step: &str) -> Option<(&'static str, &Rule)> {
        match self.action(step).map(|action| action.close_when()) {
            Some(CloseWhen::Off) => None,
            Some(CloseWhen::Rule(rule)) => Some(("solved", rule)),
            Some(CloseWhen::Goal) | None => self.goal.as_ref().map(|goal| ("goal", goal)),
        }
    }

    /// Whether a mail of a step leaves in quiet hours too: a script says it of
    /// each mail, and else the step does.
    pub fn ignores_quiet(&self, step: &str, written: Option<&Written>) -> bool {
        match written {
            Some(written) => written.ignores_quiet,
            None => self.action(step).and_then(|action| action.email()).is_some_and(|email| email.ignores_quiet),
        }
    }

    /// How many seconds a mail step leaves a contact alone after another survey; `None`
    /// where it does not ask whether there was one.
    pub fn left_alone_after_surveys(&self, step: &str) -> Option<i64> {
        let survey = self.action(step)?.question()?.survey.as_ref()?;
        Some(survey.not_again_within).filter(|seconds| *seconds > 0)
    }

    /// Whether deciding who enters needs to know since when the condition has
    /// been true.
    pub fn follows_edges(&self) -> bool {
        matches!(self.reentry, ReadyReentry::OnRematch { .. })
            || self.playbook.holds_for.is_some()
            || self.playbook.skip_existing
    }

    /// What the database decides of who is a candidate.
    pub fn necessary(&self) -> Predicate {
        let when = self.when.prefilter().map_or(Predicate::Always, |prefilter| prefilter.predicate.clone());
        match &self.on {
            Some(on) => Predicate::all([on.predicate(), when]),
            None => when,
        }
    }

    /// The names of the customer store that who is a candidate depends on.
    pub fn store_names(&self) -> BTreeSet<(NameKind, String)> {
        let mut names = self.when.store_names();
        let matching = self.portfolio.iter().filter_map(|portfolio| portfolio.matching.as_ref());
        names.extend(matching.flat_map(|matching| matching.rule.store_names()));
        names.extend(self.on.as_ref().map(|on| (NameKind::Event, on.event.clone())));
        names
    }

    /// Roles its mails go to, for test cases.
    pub fn roles(&self) -> BTreeSet<String> {
        self.steps
            .iter()
            .filter_map(|step| match &step.body {
                ReadyBody::Action(action) => Some(action.roles()),
                _ => None,
            })
            .flatten()
            .collect()
    }
}
