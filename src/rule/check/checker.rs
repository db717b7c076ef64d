//! The type check under way: what it knows of the place where it stands, what it
//! has found out, and what it demands of a value.

use std::collections::{BTreeSet, HashMap, HashSet};

use rhai::Position;

use super::canonical;
use super::kind::{Kind, Typed};
use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, Type};
use crate::playbook::Source;
use crate::playbook::season::Seasons;
use crate::rule::engine::how_many;
use crate::rule::engine::modules::Modules;
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::holder::{AttributeTypes, Holder, Person, PopulationCalls};
use crate::rule::place::place;
use crate::rule::population::Measure;
use crate::rule::scope::{Scope, TextNames};

/// Everything found out about one expression or script.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub cells: BTreeSet<Cell>,
    pub entry_columns: BTreeSet<String>,
    /// The population functions in it, by where their first argument stands.
    pub calls: PopulationCalls,
    /// The kind each JSON attribute is read as.
    pub traits: AttributeTypes,
    /// The people that a text names.
    pub people: BTreeSet<Person>,
    pub modules: BTreeSet<String>,
    pub problems: Vec<Diagnostic>,
    /// Whether it was too much to read to its end.
    pub exhausted: bool,
    /// The scripts it calls that have mistakes.
    pub broken: BTreeSet<String>,
}

/// More than this about one expression helps nobody.
const MOST_PROBLEMS: usize = 50;
/// A module function being read in place of its call.
#[derive(Debug)]
pub(crate) struct InlinedCall {
    pub module: String,
    pub params: HashMap<String, Typed>,
}

pub(crate) struct Checker<'a> {
    pub source: &'a Source,
    pub scope: &'a Scope<'a>,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
    pub seasons: &'a Seasons,
    pub findings: Findings,
    pub bound: Vec<InlinedCall>,
    /// Whether it is a script: its variables are its own.
    pub in_script: bool,
    /// Whether it is asked of every member of a population: what is missing there
    /// makes the member's value missing, and needs no guard.
    pub in_population: bool,
    /// What a template may name beyond that, where it stands in one.
    pub in_text: Option<TextNames>,
    /// Whether the next `??` may stand in for a value of another kind: it is
    /// all that is printed.
    pub any_default: bool,
    /// Whether the whole is missing where something that it reads is: nothing
    /// needs a guard.
    pub lets_missing: bool,
    /// Parts read so far.
    pub parts: u32,
    /// Where the outermost such call stands; its problems are reported there.
    pub call_site: Option<Position>,
    /// What is proven not to be missing at this point, by canonical text.
    pub known: HashSet<String>,
}

impl Checker<'_> {
    pub fn report(&mut self, problem: Diagnostic) {
        if self.findings.problems.len() < MOST_PROBLEMS && !self.findings.problems.contains(&problem) {
            self.findings.problems.push(problem);
        }
    }

    pub fn problem(
        &mut self,
        code: &'static str,
        position: Position,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let position = self.call_site.unwrap_or(position);
        let (line, column) = place(position);
        let problem = self.source.error(code, line, column, message);
        self.report(Diagnostic { help, ..problem });
    }

    pub fn warn(&mut self, code: &'static str, position: Position, message: impl Into<String>, help: Option<String>) {
        let position = self.call_site.unwrap_or(position);
        let (line, column) = place(position);
        let problem = self.source.warning(code, line, column, message);
        self.report(Diagnostic { help, ..problem });
    }

    pub fn unknown(&self, text: String, position: Position) -> Typed {
        Typed { kind: Kind::Unknown, nullable: false, text, position }
    }

    pub fn want_bool(&mut self, typed: &Typed, around: &str) {
        match &typed.kind {
            Kind::Unknown => {}
            Kind::Attribute(subject, key) => {
                let (subject, key) = (*subject, key.clone());
                self.read_as(subject, &key, Type::Bool, typed.position);
                self.want_present(typed);
            }
            Kind::Bool => self.want_present(typed),
            other => {
                let place = match around {
                    how_many::NAME => "in its list",
                    name if Measure::named(name).is_some() => "in its parentheses",
                    "!" | "if" => "behind it",
                    _ => "on both sides",
                };
                let message = format!("`{around}` needs true or false {place}; `{}` is {}", typed.text, other.name());
                let none = if around == "!" { "== none" } else { "!= none" };
                let help = typed.nullable.then(|| format!("write `{} {none}`", typed.text));
                self.problem("KW0209", typed.position, message, help);
            }
        }
    }

    fn needs_guard(&self, typed: &Typed) -> bool {
        let may_lack = typed.nullable && typed.kind != Kind::Unknown && !self.known.contains(&typed.text);
        may_lack && !self.in_population && !self.lets_missing
    }

    /// Complains when a value that can be missing is used as if it could not.
    pub fn want_present(&mut self, typed: &Typed) {
        if self.needs_guard(typed) {
            let text = &typed.text;
            let ty = match &typed.kind {
                Kind::Attribute(subject, key) => self.findings.traits.get(&(*subject, key.clone())).copied(),
                kind => kind.ty(),
            };
            let stand_in = match ty {
                Some(Type::Text) => "\"\"",
                Some(Type::Bool) => "false",
                Some(Type::Time) => "now",
                _ => "0",
            };
            let guard = canonical::inside_count(text).unwrap_or(text);
            let help = format!("write `{guard} != none && …` before it, or give a default: `({text} ?? {stand_in})`");
            self.problem("KW0207", typed.position, format!("`{text}` can be missing"), Some(help));
        }
    }

    /// The same for what is compared by size. No default is offered: one that
    /// makes the comparison true would let in every account without a value.
    pub fn want_ordered(&mut self, typed: &Typed) {
        if self.needs_guard(typed) {
            let text = &typed.text;
            let guard = canonical::inside_count(text).unwrap_or(text);
            let help = format!("write `{guard} != none && …` before it");
            self.problem("KW0207", typed.position, format!("`{text}` can be missing"), Some(help));
        }
    }

    /// Notes that an attribute is read as this kind; reading it as two kinds in
    /// one expression is a mistake.
    pub fn read_as(&mut self, holder: Holder, key: &str, ty: Type, position: Position) {
        let ty = if ty == Type::Int { Type::Float } else { ty };
        let slot = (holder, key.to_owned());
        match self.findings.traits.get(&slot).copied() {
            Some(before) if before != ty => {
                let message = format!(
                    "`{}.traits.{key}` is read as {} here and as {} before",
                    holder.name(),
                    ty.name(),
                    before.name()
                );
                self.problem("KW0206", position, message, None);
            }
            _ => {
                self.findings.traits.insert(slot, ty);
            }
        }
    }
}
