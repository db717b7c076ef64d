//! The compilation of a template: every expression in it is checked and compiled
//! as those of conditions are.

use std::collections::{BTreeSet, HashSet};

use super::escape::Escape;
use super::filter::FILTERS;
use super::node::{Arm, Node};
use super::split::{Fragment, Spot, UNREADABLE};
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::Cell;
use crate::playbook::Source;
use crate::rule::compile::{Checked, Compilation, Wanted};
use crate::rule::compiled::Rule;
use crate::rule::engine::modules::Modules;
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::holder::Person;
use crate::rule::scope::{Scope, TextNames, View};

/// The most expressions of one template.
const MOST_EXPRESSIONS: usize = 1_000;

/// What the names in a template may mean.
#[derive(Clone, Copy)]
pub struct TemplateScope<'a> {
    /// As in the expressions of steps; what it knows to be present may be what
    /// the playbook's condition has proven.
    pub scope: &'a Scope<'a>,
    /// Whether it is rendered for one contact: `recipient.…` is known.
    pub recipient: bool,
    /// The BCP 47 tag of the language that the text is written in.
    pub language: &'a str,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
    /// What is known of each account that matches; `None` where none are listed.
    pub matching: Option<&'a HashSet<String>>,
}

/// The compilation of one template under way.
pub(super) struct TextCompiler<'a> {
    pub source: &'a Source,
    pub scope: &'a TemplateScope<'a>,
    pub escape: Escape,
    /// What is printed before this place, each value as [`super::link::PRINTED`].
    pub before: String,
    pub problems: Vec<Diagnostic>,
    /// Canonical texts of what is present at this place.
    pub known: HashSet<String>,
    /// The `if`s around this place, the innermost last.
    pub open: Vec<OpenIf>,
    /// What was compiled of the innermost block.
    pub nodes: Vec<Node>,
    pub expressions: usize,
    pub cells: Vec<Cell>,
    /// Those of each account that matches.
    pub member_cells: Vec<Cell>,
    pub entry_columns: BTreeSet<String>,
    pub modules: BTreeSet<String>,
    /// The steps of whose task it reads the outcome.
    pub outcomes: BTreeSet<String>,
    pub people: BTreeSet<Person>,
}

/// An `if`, or a `for`, whose end is not read yet.
pub(super) struct OpenIf {
    pub at: Spot,
    /// The arms that are read, and the condition of the one that is being read;
    /// `None` of one with a mistake, and in `else`.
    pub arms: Vec<Arm>,
    pub condition: Option<(Rule, Position)>,
    pub has_else: bool,
    /// Whether it is no `if`, but goes through the accounts that match.
    pub is_loop: bool,
    /// Of a loop: whether its parts stand on lines of their own.
    pub on_lines: bool,
    /// What stands before the `if`.
    pub before: Vec<Node>,
    /// What is present outside of it, and where all its conditions are false.
    pub outside: HashSet<String>,
    pub otherwise: HashSet<String>,
}

impl TextCompiler<'_> {
    pub(super) fn error(&mut self, code: &'static str, at: Spot, message: impl Into<String>, help: Option<&str>) {
        let mut problem = self.source.error(code, at.line, at.column, message);
        problem.help = help.map(str::to_owned);
        self.problems.push(problem);
    }

    /// Whether what stands here is about one account of those that match.
    pub(super) fn is_in_loop(&self) -> bool {
        self.open.iter().any(|open| open.is_loop)
    }

    pub(super) fn place(&self, at: Spot) -> Position {
        self.source.origin.at(at.line, at.column)
    }

    /// Compiles one expression of the text.
    pub(super) fn expression(&mut self, part: Fragment, wanted: Wanted) -> Option<Checked> {
        self.expressions += 1;
        if self.expressions > MOST_EXPRESSIONS {
            if self.expressions == MOST_EXPRESSIONS + 1 {
                self.error(UNREADABLE, part.at, "there are too many expressions in one text", None);
            }
            return None;
        }
        let in_loop = self.is_in_loop();
        let view = if in_loop { View::Subject } else { self.scope.scope.view };
        let scope = Scope { known: &self.known, view, ..self.scope.scope.clone() };
        let compilation = Compilation {
            scope: &scope,
            modules: self.scope.modules,
            sandbox: self.scope.sandbox,
            in_text: Some(TextNames { recipient: self.scope.recipient, filters: FILTERS }),
        };
        let checked = compilation.expression(&part.source(self.source), wanted, &mut self.problems)?;
        let cells = if in_loop { &mut self.member_cells } else { &mut self.cells };
        for cell in checked.rule.cells() {
            if !cells.contains(cell) {
                cells.push(cell.clone());
            }
        }
        self.entry_columns.extend(checked.rule.entry_columns().iter().cloned());
        self.modules.extend(checked.rule.modules().iter().cloned());
        self.outcomes.extend(checked.rule.outcomes_read());
        self.people.extend(checked.people.iter().copied());
        Some(checked)
    }

    /// Complains of `{{-` and `-%}`, which trim blanks elsewhere.
    pub(super) fn refuse_trimming(&mut self, inside: Fragment) -> bool {
        let (begins, ends) = (inside.text.starts_with(['-', '+']), inside.text.ends_with(['-', '+']));
        if begins || ends {
            let at = if begins { inside.at } else { inside.at.after(inside.text.split_at(inside.text.len() - 1).0) };
            let help =
                "leave it out: a tag alone on its line leaves no empty line; a negative number is written `{{ -5 }}`";
            self.error(UNREADABLE, at, "blanks are not trimmed by a sign at the braces", Some(help));
        }
        begins || ends
    }
}
