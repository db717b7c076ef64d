//! What documents are compiled with.

use std::collections::HashSet;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::action::Reads;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::facts::{Cell, Schema, Subject};
use crate::playbook::document::Document;
use crate::playbook::{Source, SubjectKind};
use crate::rule::{self, Modules, NamedSteps, Neighbours, Rule, Sandbox, Scope, View, Wanted};

/// Whom a document is evaluated for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    pub subject: SubjectKind,
    /// The accounts that it is for, by their status.
    pub statuses: Vec<String>,
}

/// Compiles the expressions of one document, and gathers what they read.
pub struct DocumentCompiler<'a, 'p> {
    document: &'a Document,
    modules: &'a Modules,
    sandbox: &'a Arc<Sandbox>,
    schema: &'a Schema,
    neighbours: &'a Neighbours,
    zone: Tz,
    problems: &'p mut Vec<Diagnostic>,
    audience: Audience,
    /// Whether it is evaluated for each of them; else for all together.
    has_subject: bool,
    reads: Reads,
}

impl<'a, 'p> DocumentCompiler<'a, 'p> {
    pub(super) fn new(
        document: &'a Document,
        modules: &'a Modules,
        sandbox: &'a Arc<Sandbox>,
        schema: &'a Schema,
        neighbours: &'a Neighbours,
        zone: Tz,
        problems: &'p mut Vec<Diagnostic>,
    ) -> DocumentCompiler<'a, 'p> {
        let audience = Audience { subject: SubjectKind::Account, statuses: Vec::new() };
        let reads = Reads::default();
        DocumentCompiler {
            document,
            modules,
            sandbox,
            schema,
            neighbours,
            zone,
            problems,
            audience,
            has_subject: true,
            reads,
        }
    }

    /// What authors can name.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Says that the document is about all accounts together: which statuses count
    /// where its expressions do not say it.
    pub fn whole(&mut self, statuses: &[(String, Option<Position>)]) {
        self.audience = Audience { subject: SubjectKind::Account, statuses: self.statuses(statuses) };
        self.has_subject = false;
    }

    /// Says whom the document is for; a status that no account has is reported.
    pub fn audience(&mut self, subject: SubjectKind, statuses: &[(String, Option<Position>)]) {
        self.audience = Audience { subject, statuses: self.statuses(statuses) };
        let cell = |of: Subject, column: &str| Cell::column(of, column);
        self.reads.cells.extend(["name", "status"].map(|column| cell(Subject::Account, column)));
        if subject == SubjectKind::Contact {
            self.reads.cells.insert(cell(Subject::Contact, "name"));
        }
    }

    /// The words alone; a status that no account has is reported.
    fn statuses(&mut self, statuses: &[(String, Option<Position>)]) -> Vec<String> {
        let known = || self.schema.statuses.iter().map(String::as_str);
        for (status, place) in statuses {
            if !self.schema.statuses.is_empty() && !self.schema.statuses.contains(status) {
                let help = nearest(status, known()).map_or_else(
                    || format!("the statuses are {}", self.schema.statuses.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let at = place.unwrap_or(self.document.place);
                let message = format!("no account has the status `{status}`");
                self.problems.push(Diagnostic::warning("KW0104", &self.document.file, at, message).help(help));
            }
        }
        statuses.iter().map(|(status, _)| status.clone()).collect()
    }

    /// Compiles an expression about one of the audience. `None` means that there
    /// was an error.
    pub fn rule(&mut self, source: &Source, wanted: Wanted) -> Option<Rule> {
        let (nothing, no_steps) = (HashSet::new(), NamedSteps::default());
        let scope = Scope {
            view: if self.has_subject { View::Subject } else { View::Population },
            schema: self.schema,
            // What is about all together may speak of accounts and of contacts.
            contact: self.audience.subject == SubjectKind::Contact || !self.has_subject,
            statuses: &self.audience.statuses,
            in_enrollment: false,
            in_wait: false,
            zone: self.zone,
            named_steps: &no_steps,
            neighbours: self.neighbours,
            known: &nothing,
        };
        let rule = rule::compile(source, wanted, &scope, self.modules, self.sandbox, self.problems)?;
        self.reads.rule(&rule);
        Some(rule)
    }

    /// Adds what is read of each of the audience beside expressions.
    pub fn read(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.reads.cells.extend(cells);
    }

    /// The zone of the document.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Adds a warning at a place of the document's file.
    pub fn warn(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: impl Into<String>) {
        let problem = Diagnostic::warning(code, &self.document.file, at, message);
        self.problems.push(problem.help(help));
    }

    /// Adds an error about an expression of the document.
    pub fn refuse(&mut self, code: &'static str, source: &Source, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(source.error(code, 1, 1, message).help(help));
    }

    /// The document that is compiled.
    pub fn document(&self) -> &'a Document {
        self.document
    }

    pub(super) fn finish(self) -> (Audience, Reads) {
        (self.audience, self.reads)
    }
}
