//! From an author's text to a [`Rule`].

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rhai::{AST, Expr, Stmt};

use super::check::checker::{Checker, Findings};
use super::check::guards;
use super::check::kind::{Kind, Typed};
use super::compiled::Rule;
use super::engine::lookup::Plain;
use super::engine::modules::Modules;
use super::engine::sandbox::Sandbox;
use super::holder::Person;
use super::scope::{Scope, TextNames};
use super::{foreign_syntax, prefilter, rhai_messages};
use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, Type};
use crate::playbook::Source;

const TOO_MUCH: &str = "the expression is too long to be understood";

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// True or false.
    Verdict,
    /// A time; may be missing.
    Time,
    /// Text, a number or a time, may be missing.
    Key,
    /// Text; may be missing.
    Text,
    /// A number, or true or false; may be missing. What it calculates with may be
    /// missing, too: then it is.
    Factor,
    /// A number about all together; may be missing, like a factor.
    Figure,
    /// What is measured: any number, or true or false; may be missing, like a factor.
    Measure,
    /// Whatever can be printed; may be missing. An attribute is read as this
    /// type, or as what it holds.
    Printable(Option<Type>),
}

/// An expression that was checked, with what is known of it.
#[derive(Debug)]
pub(super) struct Checked {
    pub rule: Rule,
    pub kind: Kind,
    /// Whether it can be missing.
    pub nullable: bool,
    /// Its canonical text.
    pub text: String,
    pub expr: Expr,
    /// Canonical texts of what is present where it is false.
    pub if_false: HashSet<String>,
    /// The people that it names.
    pub people: Vec<Person>,
}

/// What all expressions of one place are compiled with.
#[derive(Clone, Copy)]
pub(super) struct Compilation<'a> {
    pub scope: &'a Scope<'a>,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
    /// What a template may name beyond that.
    pub in_text: Option<TextNames>,
}

/// Compiles one expression. `None` means that `problems` got an error.
pub fn compile(
    source: &Source,
    wanted: Wanted,
    scope: &Scope,
    modules: &Modules,
    sandbox: &Sandbox,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let compilation = Compilation { scope, modules, sandbox, in_text: None };
    compilation.expression(source, wanted, problems).map(|checked| checked.rule)
}

impl<'a> Compilation<'a> {
    /// Checks and compiles one expression. `None` means that `problems` got an
    /// error.
    pub fn expression(&self, source: &Source, wanted: Wanted, problems: &mut Vec<Diagnostic>) -> Option<Checked> {
        let dialect = match self.in_text {
            Some(_) => foreign_syntax::Text::Template,
            None => foreign_syntax::Text::Expression,
        };
        let (misspelt, mended) = foreign_syntax::check(source, dialect);
        if !misspelt.is_empty() {
            problems.extend(misspelt);
            // What else is wrong shows in the text with its spellings put right.
            if let Some(text) = mended {
                let mended = Source { text: text.into(), origin: source.origin.clone() };
                if foreign_syntax::check(&mended, dialect).0.is_empty() {
                    let mut more = Vec::new();
                    self.expression(&mended, wanted, &mut more);
                    problems.extend(more.into_iter().filter(|problem| !["KW0204", "KW0213"].contains(&problem.code)));
                }
            }
            return None;
        }
        let ast = match self.sandbox.expression(&source.text) {
            Ok(ast) => ast,
            Err(error) => {
                problems.push(rhai_messages::describe_parse_error(
                    source,
                    &error,
                    |name| self.modules.functions(name).is_some(),
                    true,
                ));
                return None;
            }
        };
        let mut checker = self.checker(source);
        let expr = match ast.statements() {
            [Stmt::Expr(expr)] => (**expr).clone(),
            [Stmt::FnCall(call, at)] => Expr::FnCall(call.clone(), *at),
            _ => {
                problems.push(source.error("KW0213", 1, 1, "one expression is needed here"));
                return None;
            }
        };
        checker.lets_missing = matches!(wanted, Wanted::Factor | Wanted::Figure | Wanted::Measure);
        checker.any_default = matches!(wanted, Wanted::Printable(_)) && matches!(expr, Expr::Coalesce(..));
        let typed = checker.expr(&expr);
        want(&mut checker, &typed, wanted);
        let lets_in = wanted == Wanted::Verdict && !self.scope.in_enrollment && self.in_text.is_none();
        if lets_in && !checker.findings.problems.iter().any(Diagnostic::is_error) {
            checker.remark_open_windows(&expr);
        }
        let (mut if_true, mut if_false) = (HashSet::new(), HashSet::new());
        if wanted == Wanted::Verdict {
            if_true = guards::if_true(&mut checker, &expr);
            if self.in_text.is_some() {
                if_false = guards::if_false(&mut checker, &expr);
            }
        }
        let sound = !checker.findings.exhausted && !checker.findings.problems.iter().any(Diagnostic::is_error);
        let prefilter = (sound && wanted == Wanted::Verdict && self.in_text.is_none())
            .then(|| Box::new(prefilter::translate(&mut checker, &expr)));
        let people = checker.findings.people.iter().copied().collect();
        let plain = self.in_text.and_then(|_| plain(&expr, &checker.findings.cells)).map(Box::new);
        let rule = Rule { prefilter, plain, ..finish(source, ast, checker.findings, if_true, problems)? };
        Some(Checked { rule, kind: typed.kind, nullable: typed.nullable, text: typed.text, expr, if_false, people })
    }

    /// A type check that has found nothing yet.
    pub fn checker(&self, source: &'a Source) -> Checker<'a> {
        Checker {
            source,
            scope: self.scope,
            modules: self.modules,
            sandbox: self.sandbox,
            seasons: self.sandbox.seasons(),
            findings: Findings::default(),
            bound: Vec::new(),
            in_script: false,
            in_population: false,
            in_text: self.in_text,
            any_default: false,
            lets_missing: false,
            parts: 0,
            call_site: None,
            known: self.scope.known.clone(),
        }
    }
}

/// What an expression looks up, where it calculates nothing and reads these
/// cells.
fn plain(expr: &Expr, cells: &BTreeSet<Cell>) -> Option<Plain> {
    if expr.is_constant() {
        return expr.get_literal_value(None).map(Plain::Literal);
    }
    let Expr::Dot(chain, ..) = expr else { return None };
    let Expr::Variable(variable, ..) = &chain.lhs else { return None };
    let key = match &chain.rhs {
        Expr::Property(property, _) => (property.2.to_string(), false),
        Expr::Dot(traits, ..) => match (&traits.lhs, &traits.rhs) {
            (Expr::Property(traits, _), Expr::Property(key, _)) if traits.2 == "traits" => (key.2.to_string(), true),
            _ => return None,
        },
        Expr::MethodCall(..) => (String::new(), false),
        _ => return None,
    };
    let person = [Person::Recipient, Person::Csm].into_iter().find(|person| person.name() == variable.1.as_str());
    match (person, key) {
        (Some(person), (key, true)) => Some(Plain::Attribute(person, key)),
        (Some(person), (column, false)) => Some(Plain::Column(person, column)),
        // What is kept at enrollment is no cell.
        (None, _) if ["account", "contact"].contains(&variable.1.as_str()) && cells.len() == 1 => {
            cells.first().cloned().map(Plain::Cell)
        }
        _ => None,
    }
}

/// The rule, unless something was found that keeps it from being one.
pub(super) fn finish(
    source: &Source,
    ast: AST,
    mut findings: Findings,
    proven: HashSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    if findings.exhausted {
        findings.problems.push(
            source.error("KW0204", 1, 1, TOO_MUCH).help("move a part of it into a script that takes plain values"),
        );
    }
    let failed = findings.problems.iter().any(Diagnostic::is_error);
    problems.extend(findings.problems);
    (!failed).then(|| Rule {
        ast,
        origin: source.origin.clone(),
        traits: Arc::new(findings.traits),
        calls: Arc::new(findings.calls),
        cells: findings.cells.into_iter().collect(),
        entry_columns: findings.entry_columns,
        modules: findings.modules,
        proven,
        plain: None,
        prefilter: None,
    })
}

fn want(checker: &mut Checker, typed: &Typed, wanted: Wanted) {
    if let Wanted::Printable(attribute) = wanted {
        return want_printable(checker, typed, attribute);
    }
    let fits = match wanted {
        Wanted::Printable(_) => true,
        Wanted::Verdict => matches!(typed.kind, Kind::Bool | Kind::Unknown),
        Wanted::Time => matches!(typed.kind, Kind::Time | Kind::Unknown),
        Wanted::Text => matches!(typed.kind, Kind::Text | Kind::Label | Kind::Unknown),
        Wanted::Factor | Wanted::Measure => {
            matches!(typed.kind, Kind::Int | Kind::Float | Kind::Bool | Kind::Label | Kind::Unknown)
        }
        Wanted::Figure => matches!(typed.kind, Kind::Int | Kind::Float | Kind::Unknown),
        Wanted::Key => typed.kind.ty().is_some() || matches!(typed.kind, Kind::Label | Kind::Unknown),
    };
    if let Kind::Attribute(subject, key) = &typed.kind {
        let ty = match wanted {
            Wanted::Verdict => Some(Type::Bool),
            Wanted::Time => Some(Type::Time),
            Wanted::Text => Some(Type::Text),
            Wanted::Factor | Wanted::Figure | Wanted::Measure => Some(Type::Float),
            // Whatever it is: a key is its text.
            Wanted::Key | Wanted::Printable(_) => None,
        };
        if let Some(ty) = ty {
            checker.read_as(*subject, key, ty, typed.position);
        }
        if wanted == Wanted::Verdict {
            checker.want_present(typed);
        }
        return;
    }
    if !fits {
        let needed = match wanted {
            Wanted::Verdict => "true or false",
            Wanted::Time => "a time",
            Wanted::Text => "text",
            Wanted::Factor => "a number from 0 to 100, or true or false,",
            Wanted::Figure => "a number",
            Wanted::Measure => "a number, or true or false,",
            Wanted::Key | Wanted::Printable(_) => "text, a number or a time",
        };
        let help = match (&typed.kind, wanted) {
            (_, Wanted::Verdict) if typed.nullable => Some(format!("write `{} != none`", typed.text)),
            (Kind::Int | Kind::Float, Wanted::Verdict) => Some(format!("compare it, as in `{} > 0`", typed.text)),
            (Kind::Text | Kind::Label, Wanted::Verdict) => Some(format!("compare it, as in `{} == \"…\"`", typed.text)),
            _ => None,
        };
        checker.problem(
            "KW0209",
            typed.position,
            format!("{needed} is needed here; this gives {}", typed.kind.name()),
            help,
        );
    } else if wanted == Wanted::Verdict {
        checker.want_present(typed);
    } else if wanted == Wanted::Key {
        want_change(checker, typed);
    }
}

/// What can be missing is no error here: what prints it may have a default.
fn want_printable(checker: &mut Checker, typed: &Typed, attribute: Option<Type>) {
    let example = match &typed.kind {
        Kind::Attribute(holder, key) => {
            if let Some(ty) = attribute {
                checker.read_as(*holder, key, ty, typed.position);
            }
            return;
        }
        kind if kind.is_printable() => return,
        Kind::Subject(_) | Kind::Earlier(..) | Kind::Person(_) => Some(format!("{}.name", typed.text)),
        Kind::Traits(_) | Kind::EarlierTraits(..) | Kind::PersonTraits(_) => Some(format!("{}.plan", typed.text)),
        Kind::Entry => Some("entry.at".to_owned()),
        Kind::Span => Some(format!("account.renewal_at - {}", typed.text)),
        Kind::Since(_) => {
            let help = "write `account.events(\"login\", since_entry)`; the time itself is `entry.at`";
            let message = format!("`{}` stands where a method takes days", typed.text);
            return checker.problem("KW0212", typed.position, message, Some(help.to_owned()));
        }
        _ => None,
    };
    let help = example.map(|example| format!("write `{example}`"));
    let message = match &typed.kind {
        Kind::None => "`none` has no text".to_owned(),
        kind => format!("`{}` is {}, which has no text", typed.text, kind.name()),
    };
    checker.problem("KW0302", typed.position, message, help);
}

/// A key that is the same for everybody and at all times lets nobody in again,
/// and `now` lets everybody in at every run.
fn want_change(checker: &mut Checker, typed: &Typed) {
    let findings = &checker.findings;
    if !findings.cells.is_empty() || !findings.modules.is_empty() || typed.text.contains("period(") {
    } else if typed.text == "now" {
        let help = "write `period(\"week\")` or the like, or `gap: 7d`";
        checker.warn("KW0209", typed.position, "`now` is new at every run", Some(help.to_owned()));
    } else if !typed.text.contains("now") && typed.kind != Kind::Unknown {
        let message = format!("`{}` is always the same: nobody would enter a second time", typed.text);
        let help = match typed.text.trim_matches('"') {
            unit @ ("week" | "month" | "quarter" | "year") => format!("write `period(\"{unit}\")`"),
            _ => "name what has to be new, such as `account.renewal_at` or `period(\"quarter\")`".to_owned(),
        };
        checker.problem("KW0209", typed.position, message, Some(help));
    }
}
