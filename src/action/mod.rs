//! What a step does: one kind per file.
//!
//! A kind reads its own fields into an [`Action`]; an action turns one
//! subject's facts into effects, as data. To add a kind: a new file and a word
//! in the list below; its trait methods are what the checker, the engine, the
//! test runner and the reference need of it.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Position};
use crate::effect::{EffectBody, Score};
use crate::facts::{Cell, Contact, Csm, Schema, Subject};
use crate::message::channel::Channel;
use crate::playbook::calendar::Calendar;
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::template::{Escape, RenderContext, Template, TemplateScope};
use crate::rule::{self, Context, EvalError, Modules, NamedStep, NamedSteps, Neighbours, Rule, Sandbox, Scope, Wanted};

pub mod email;
mod enroll;
pub mod label;
mod notice;
mod notify;
pub mod recipient;
pub mod run;
mod set;
pub mod staff;
mod steering;
mod survey;
pub mod task;
mod webhook;

use staff::{Staff, Taker};

/// Every kind of step, in the order in which messages list them.
pub const KINDS: &[&dyn StepKind] = &[
    &email::Kind,
    &steering::WAIT,
    &steering::BRANCH,
    &task::Kind,
    &notify::Kind,
    &webhook::Kind,
    &survey::Kind,
    &set::Kind,
    &enroll::Kind,
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
    /// How a small one is written, where it needs keys.
    fn example(&self) -> Option<&'static str> {
        None
    }
    /// A step with this body, as one of the form's functions sees it.
    fn named(&self, id: &str, _function: &str, _body: &Node) -> NamedStep {
        NamedStep::new(id)
    }
    /// The labels that a step with this body sets; `None` where they cannot be told.
    fn labels(&self, _body: &Node, _sandbox: &Sandbox) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked for; `None` is a text.
    pub score: Option<Score>,
    /// How long an answer is awaited, from the beginning of the step.
    pub valid_for: Duration,
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
    pub entry_columns: BTreeSet<String>,
    pub modules: BTreeSet<String>,
}

impl Reads {
    pub fn rule(&mut self, rule: &Rule) {
        self.cells.extend(rule.cells().iter().cloned());
        self.entry_columns.extend(rule.entry_columns().iter().cloned());
        self.modules.extend(rule.modules().iter().cloned());
    }

    pub fn template(&mut self, template: &Template) {
        self.cells.extend(template.cells().iter().cloned());
        self.entry_columns.extend(template.entry_columns().iter().cloned());
        self.modules.extend(template.modules().iter().cloned());
    }
}

/// One subject at one step: all that an action may look at.
#[derive(Debug)]
pub struct Situation<'a> {
    pub sandbox: &'a Sandbox,
    pub context: &'a Context,
    pub people: &'a People,
    /// Who covers for whom, and how much each has to do.
    pub staff: &'a Staff,
    pub playbook: &'a str,
    /// The address that gets alerts; may be nobody.
    pub alerts_to: Option<&'a str>,
    /// The zone of the playbook.
    pub zone: Tz,
    pub calendar: &'a Calendar,
}

/// The people around an account.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// In order of creation, then id.
    pub contacts: Vec<Contact>,
    pub csm: Option<Csm>,
    pub manager: Option<Csm>,
}

impl Situation<'_> {
    /// Fills a template for a colleague.
    pub fn render_internal(&self, template: &Template) -> Result<String, EvalError> {
        let zone = self.assignee_zone(self.people.csm.as_ref());
        Ok(template.render(&self.render_context(None, zone, "en"))?)
    }

    pub fn render_context<'b>(
        &'b self,
        recipient: Option<&'b Contact>,
        zone: Tz,
        locale: &'b str,
    ) -> RenderContext<'b> {
        RenderContext {
            sandbox: self.sandbox,
            context: self.context,
            recipient,
            csm: self.people.csm.as_ref(),
            playbook: self.playbook,
            zone,
            locale,
        }
    }

    /// The enrolled contact, if it can be reached; never one in an account playbook.
    pub fn enrolled(&self) -> Option<&Contact> {
        let facts = &self.context.facts;
        let is = |contact: &&Contact| !facts.contact.is_empty() && contact.id == facts.contact;
        self.people.contacts.iter().find(is).filter(|contact| contact.is_reachable(facts.as_of))
    }

    /// The colleague, or whoever covers for them.
    pub fn taker<'b>(&'b self, csm: &'b Csm) -> Taker<'b> {
        self.staff.taker(csm, self.context.facts.as_of, self.zone)
    }

    /// A colleague's own zone, else the playbook's.
    pub fn assignee_zone(&self, colleague: Option<&Csm>) -> Tz {
        colleague.and_then(|csm| csm.timezone.as_deref()).and_then(|zone| zone.parse().ok()).unwrap_or(self.zone)
    }
}

/// Compiles the expressions and templates of one playbook's steps.
pub struct Compiler<'a> {
    /// The playbook's file, for messages.
    pub file: Arc<str>,
    /// What the playbook enrolls.
    pub subject: Subject,
    pub schema: &'a Schema,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
    pub config: &'a Config,
    /// The playbook's steps, by the functions that can name them.
    pub named_steps: &'a NamedSteps,
    pub neighbours: &'a Neighbours,
    /// The id of the playbook itself.
    pub own: &'a str,
    /// Its zone.
    pub zone: Tz,
    /// Whether some accounts are held out.
    pub holdout: bool,
    /// Values that the playbook's condition proves present, as `account.x`
    /// for templates and `entry.x` for expressions.
    pub known_in_templates: &'a HashSet<String>,
    pub known_in_steps: &'a HashSet<String>,
    pub problems: &'a mut Vec<Diagnostic>,
}

impl<'a> Compiler<'a> {
    /// Compiles an expression of a step. `in_wait` allows `since_step`.
    pub fn expression(&mut self, source: &Source, wanted: Wanted, in_wait: bool) -> Option<Rule> {
        let scope = Scope { in_wait, ..self.scope() };
        rule::compile(source, wanted, &scope, self.modules, self.sandbox, self.problems)
    }

    /// Compiles the script of a `run` step.
    pub fn script(&mut self, source: &Source) -> Option<Rule> {
        let scope = self.scope();
        rule::compile_script(source, &scope, self.modules, self.sandbox, self.problems)
    }

    /// Adds an error at a place of the playbook's file.
    pub fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: Option<&str>) {
        let mut problem = Diagnostic::error(code, &self.file, at, message);
        problem.help = help.map(str::to_owned);
        self.problems.push(problem);
    }

    /// Reports transactional mail where some accounts would not get it.
    pub fn no_transactional_mail(&mut self, at: Position) {
        if self.holdout {
            let help = "a customer must get it: remove `holdout`, or move this mail to a playbook without one";
            self.error("KW0217", at, "a playbook with transactional mail may have no `holdout`", Some(help));
        }
    }

    fn scope(&self) -> Scope<'a> {
        Scope {
            schema: self.schema,
            contact: self.subject == Subject::Contact,
            in_enrollment: true,
            in_wait: false,
            zone: self.zone,
            named_steps: self.named_steps,
            neighbours: self.neighbours,
            known: self.known_in_steps,
        }
    }

    /// Compiles a template. `recipient` says whether there is one.
    pub fn template(&mut self, source: &Source, escape: Escape, recipient: bool) -> Option<Template> {
        if source.text.trim().is_empty() {
            let problem = source.warning("KW0103", 1, 1, "this text is empty");
            self.problems.push(problem.help("say something, or remove it"));
        }
        let names = Scope { known: self.known_in_templates, ..self.scope() };
        let scope = TemplateScope { scope: &names, recipient, modules: self.modules, sandbox: self.sandbox };
        let (template, problems) = Template::compile(source, &scope, escape);
        self.problems.extend(problems);
        template
    }
}
