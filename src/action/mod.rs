//! What a step does: one kind per file.
//!
//! A kind reads its own fields into an [`Action`]; an action turns one
//! subject's facts into effects, as data. To add a kind: a new file and a word
//! in the list below; its trait methods are what the reader of files, the
//! checker, the engine, the test runner and the reference need of it.
//!
//! - The kinds are `email`, `task`, `notify`, `webhook`, `survey`, `report`,
//!   `set`, `enroll`, `plan` and `run`, and in `steering` those that only say what comes next.
//! - `compiler` is what a kind reads its fields with.
//! - `situation` is what an action may look at.
//! - `recipient` says whom mails go to, `staff` who takes a task or a notice,
//!   `owner` who looks after an account in a role.
//! - `list_mail` is the mail of a playbook for the portfolio.
//! - `variants` has the texts of a mail, and which of several an account gets.
//! - `question_mail` is the mail of a survey.
//! - `snooze` puts a task off.
//! - `label` and `notice` are what steps and scripts have in common.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use crate::effect::EffectBody;
use crate::facts::Cell;
use crate::message::channel::Channel;
use crate::playbook::document::{Document, Survey};
use crate::playbook::reader::Shape;
use crate::playbook::scale::Scale;
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Step, StepForm};
use crate::rule::template::Template;
use crate::rule::{EvalError, NamedStep, Rule, Sandbox};

mod compiler;
pub mod email;
mod enroll;
pub mod label;
mod list_mail;
mod localized;
mod mail_body;
mod notice;
mod notify;
mod owner;
mod plan;
mod question_mail;
pub mod recipient;
mod report;
pub mod run;
mod set;
mod situation;
pub mod snooze;
pub mod staff;
mod steering;
mod survey;
pub mod task;
pub mod variants;
mod webhook;

pub use compiler::{Compiler, view_of};
pub use situation::{People, Situation};

/// Every kind of step, in the order in which messages list them.
pub const KINDS: &[&dyn StepKind] = &[
    &email::Kind,
    &steering::WAIT,
    &steering::BRANCH,
    &task::Kind,
    &notify::Kind,
    &webhook::Kind,
    &survey::Kind,
    &report::Kind,
    &set::Kind,
    &enroll::Kind,
    &plan::Kind,
    &run::Kind,
    &steering::END,
];

/// The kind that authors write so.
pub fn kind(name: &str) -> Option<&'static dyn StepKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// What the reader of files needs to know of every kind.
pub fn forms() -> Vec<StepForm> {
    KINDS.iter().map(|kind| kind.form()).collect()
}

/// One kind of step.
pub trait StepKind: Sync {
    /// Its key, and what the reader of files must know of it.
    fn form(&self) -> StepForm;
    /// The key authors write.
    fn name(&self) -> &'static str {
        self.form().name
    }
    /// One sentence for authors.
    fn summary(&self) -> &'static str;
    /// What stands behind its key; `id` and `if` aside.
    fn shape(&self) -> Shape;
    /// How a small one is written, where it needs keys.
    fn example(&self) -> Option<&'static str> {
        None
    }
    /// Whether a playbook about all accounts can have it.
    fn suits_portfolio(&self) -> bool {
        false
    }
    /// A step with this body, as one of the form's functions sees it, where steps may
    /// ask these surveys.
    fn named(&self, id: &str, _function: &str, _body: &Node, _surveys: &[Arc<Survey>]) -> NamedStep {
        NamedStep::new(id)
    }
    /// The labels that a step with this body sets; `None` where they cannot be told.
    fn labels(&self, _body: &Node, _sandbox: &Sandbox) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }
    /// The score that answers to a step's own question are; `None` where it asks none.
    fn own_score(&self, _body: &Node) -> Option<&'static str> {
        None
    }
    /// Reads the fields; what is wrong goes to the compiler's problems.
    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>>;
}

/// A step's deed, ready to be decided.
pub trait Action: Send + Sync + Debug {
    /// What must be fetched for it.
    fn reads(&self, reads: &mut Reads);

    /// Its consequences for one subject, in order.
    ///
    /// # Errors
    /// When an expression of it cannot be evaluated or a template not filled.
    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError>;

    /// What its messages leave by; `Nothing` when nothing of it leaves, or
    /// anything may.
    fn channel(&self) -> Channel {
        Channel::Nothing
    }

    /// The mail it sends, for rendering at the moment of sending.
    fn email(&self) -> Option<&email::Email> {
        None
    }

    /// The question its mail asks, whose answer the next step waits for.
    fn question(&self) -> Option<&Question> {
        None
    }

    /// The document of the value report that it makes.
    fn report(&self) -> Option<&Arc<Document>> {
        None
    }

    /// The playbook it asks to enter.
    fn enrolls(&self) -> Option<&str> {
        None
    }

    /// What closes the tasks that it makes.
    fn close_when(&self) -> &CloseWhen {
        &CloseWhen::Goal
    }

    /// What may be chosen as the outcome of its tasks; empty is anything.
    fn outcomes(&self) -> &[String] {
        &[]
    }

    /// Whether the next step waits until its messages have ended.
    fn awaits_messages(&self) -> bool {
        false
    }

    /// Whether it chooses by how much each colleague has to do.
    fn weighs_load(&self) -> bool {
        false
    }

    /// Roles it writes to, which a test case provides.
    fn roles(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A question that is asked by mail and answered on a page of ours.
#[derive(Clone, Debug)]
pub struct Question {
    /// What answers are on; `None` where they are texts.
    pub scale: Option<Scale>,
    /// The survey that asks it; `None` of a step's own question.
    pub survey: Option<Arc<Survey>>,
    /// How long an answer is awaited, from the beginning of the step.
    pub valid_for: Duration,
}

impl Question {
    /// The name of the score that its answers are; `None` where they are texts.
    pub fn score_name(&self) -> Option<&str> {
        let survey = self.survey.as_ref().map_or("", |survey| &survey.id);
        self.scale.map(|scale| scale.score_name(survey))
    }
}

/// What closes a task by itself.
#[derive(Debug)]
pub enum CloseWhen {
    /// The playbook's goal, if it has one.
    Goal,
    Off,
    Rule(Arc<Rule>),
}

/// Everything a set of expressions and templates reads.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    pub cells: BTreeSet<Cell>,
    /// Of each account that a text lists.
    pub member_cells: BTreeSet<Cell>,
    pub entry_columns: BTreeSet<String>,
    pub modules: BTreeSet<String>,
    /// The steps whose task's outcome is read.
    pub outcomes: BTreeSet<String>,
}

impl Reads {
    pub fn rule(&mut self, rule: &Rule) {
        self.cells.extend(rule.cells().iter().cloned());
        self.entry_columns.extend(rule.entry_columns().iter().cloned());
        self.modules.extend(rule.modules().iter().cloned());
        self.outcomes.extend(rule.outcomes_read());
    }

    pub fn template(&mut self, template: &Template) {
        self.cells.extend(template.cells().iter().cloned());
        self.member_cells.extend(template.member_cells().iter().cloned());
        self.entry_columns.extend(template.entry_columns().iter().cloned());
        self.modules.extend(template.modules().iter().cloned());
        self.outcomes.extend(template.outcomes_read().iter().cloned());
    }
}
