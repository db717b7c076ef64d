//! What a kind reads its fields with: the compiler of expressions and templates.

use std::collections::HashSet;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::config::{Config, DEFAULT_LANGUAGE};
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Schema, Subject};
use crate::playbook::Source;
use crate::playbook::document::Survey;
use crate::playbook::portfolio::Portfolio;
use crate::rule::template::{Escape, Template, TemplateScope};
use crate::rule::{self, Modules, NamedSteps, Neighbours, Rule, Sandbox, Scope, View, Wanted};

/// Of whom the expressions of a playbook are asked.
pub fn view_of(portfolio: Option<&Portfolio>) -> View {
    match portfolio {
        None => View::Subject,
        Some(portfolio) => View::Portfolio { has_matching: portfolio.matching.is_some() },
    }
}

/// Compiles the expressions and templates of one playbook's steps.
pub struct Compiler<'a> {
    /// The playbook's file, for messages.
    pub file: Arc<str>,
    /// What the playbook enrolls.
    pub subject: Subject,
    /// Of a playbook for the portfolio: what it is about.
    pub portfolio: Option<&'a Portfolio>,
    /// What its `matching` proves of each account that matches.
    pub known_of_matching: &'a HashSet<String>,
    pub schema: &'a Schema,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
    pub config: &'a Config,
    /// The playbook's steps, by the functions that can name them.
    pub named_steps: &'a NamedSteps,
    pub neighbours: &'a Neighbours,
    /// The surveys that a step may ask.
    pub surveys: &'a [Arc<Survey>],
    /// The id of the playbook itself.
    pub own: &'a str,
    /// The statuses of the accounts that it is for.
    pub statuses: &'a [String],
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

    /// Adds a warning at a place of the playbook's file.
    pub fn warn(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: &str) {
        self.problems.push(Diagnostic::warning(code, &self.file, at, message).help(help));
    }

    /// Reports a colleague who looks after one account, where no account is meant.
    pub fn no_colleague_of_all(&mut self, source: &Source) {
        let word = source.text.trim();
        if matches!(word, "csm" | "manager") && self.portfolio.is_some_and(|portfolio| !portfolio.per_csm) {
            let message = format!("all accounts together have no one `{word}`");
            let help = "add `per: csm`, or write `alerts_to` or an address";
            self.problems.push(source.error("KW0115", 1, 1, message).help(help));
        }
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
            view: view_of(self.portfolio),
            contact: self.subject == Subject::Contact,
            in_enrollment: true,
            in_wait: false,
            statuses: self.statuses,
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
        let language = self.config.language.as_deref().unwrap_or(DEFAULT_LANGUAGE);
        let (modules, sandbox) = (self.modules, self.sandbox);
        let has_matching = self.portfolio.is_some_and(|portfolio| portfolio.matching.is_some());
        let matching = has_matching.then_some(self.known_of_matching);
        let scope = TemplateScope { scope: &names, recipient, language, modules, sandbox, matching };
        let (template, problems) = Template::compile(source, &scope, escape);
        self.problems.extend(problems);
        template
    }
}
