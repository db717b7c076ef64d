//! From an author's text to something that decides.
//!
//! The cast: `sandbox` is the Rhai engine that authors' text runs in;
//! `typecheck` finds what Rhai would let pass and collects the cells an
//! expression reads; `functions` holds one fact function per file; `template`
//! does for mails and tasks what rules do for conditions. A [`Rule`] answers
//! true, false or undecided for one subject's facts. No SQL runs here and no
//! clock is read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;
use rhai::{AST, Stmt};

use crate::diagnostic::{Diagnostic, nearest};
use crate::facts::{Cell, CellPath, Facts, Schema, Subject, Type, Value};
use crate::playbook::{Origin, Source};

mod foreign_syntax;
pub mod functions;
mod named_steps;
pub mod prefilter;

pub mod check;
pub mod engine;
pub(crate) mod print;
pub(crate) mod reader_language;
mod rhai_messages;
pub mod template;

use check::kind::Kind;
pub use check::script_calls::{WrittenCall, WrittenField, labels, literals};
use check::typecheck::{Checker, Learnt};
pub use engine::context::Context;
pub use engine::error::EvalError;
pub use engine::modules::Modules;
pub use engine::sandbox::{Described, Sandbox, from_dynamic as value_of, texts};
pub use engine::script::compile_script;
pub use named_steps::{NamedStep, NamedSteps};
pub use prefilter::Prefilter;
pub use prefilter::predicate::Predicate;

/// What playbooks may name of one another.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// The ids of all playbooks; `None` where it does not matter what they name.
    pub playbooks: Option<Vec<String>>,
    /// The labels that some playbook sets; `None` where that is not known.
    pub labels: Option<BTreeSet<String>>,
}

impl Neighbours {
    /// Whether there is no such playbook.
    pub(crate) fn lacks(&self, playbook: &str) -> bool {
        self.playbooks.as_ref().is_some_and(|known| !known.iter().any(|known| known == playbook))
    }

    /// The ids that are known.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.playbooks.iter().flatten().map(String::as_str)
    }

    /// What to say of a label that nobody sets: the message and the help.
    pub(crate) fn unset(&self, label: &str) -> Option<(String, String)> {
        let known = self.labels.as_ref().filter(|known| !known.contains(label))?;
        let help = match nearest(label, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("a step `set: {{ {label}: … }}` sets it"),
        };
        Some((format!("no playbook sets the label \"{label}\", so it is always missing"), help))
    }
}

/// The names an expression may use where it stands.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    pub schema: &'a Schema,
    /// Whether it stands in a contact playbook.
    pub contact: bool,
    /// Everywhere but in `when` and `once_per`: `entry`, `done(…)`, `since_entry`.
    pub in_enrollment: bool,
    /// In a wait's `until`: `since_step`.
    pub in_wait: bool,
    /// The playbook's zone: where its dates begin.
    pub zone: Tz,
    /// The playbook's steps, by the functions that can name them.
    pub named_steps: &'a NamedSteps,
    pub neighbours: &'a Neighbours,
    /// Canonical texts of values that are proven present here.
    pub known: &'a HashSet<String>,
}

impl Scope<'_> {
    /// What the playbook enrolls.
    pub fn subject(&self) -> Subject {
        if self.contact { Subject::Contact } else { Subject::Account }
    }
}

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
}

/// Compiled text of one expression or script.
#[derive(Debug)]
pub struct Rule {
    ast: AST,
    origin: Origin,
    traits: Arc<HashMap<(Subject, String), Type>>,
    cells: Vec<Cell>,
    entry_columns: BTreeSet<String>,
    modules: BTreeSet<String>,
    proven: HashSet<String>,
    /// Boxed: most rules have none, and stand in small things.
    prefilter: Option<Box<Prefilter>>,
}

/// What a rule says of one subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    True,
    False,
    /// It could not be decided, and why. It never enrolls.
    Undecided(EvalError),
}

impl Rule {
    /// The cells that must be fetched before it can be evaluated.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The columns it reads as `entry.COLUMN`.
    pub fn entry_columns(&self) -> &BTreeSet<String> {
        &self.entry_columns
    }

    /// Whether it counts from when the current step began.
    pub fn reads_since_step(&self) -> bool {
        self.cells.iter().any(
            |cell| matches!(&cell.path, CellPath::Call { args, .. } if args.contains(&crate::facts::Arg::SinceStep)),
        )
    }

    /// The modules of `scripts/` it calls.
    pub fn modules(&self) -> &BTreeSet<String> {
        &self.modules
    }

    /// What the database decides of it; only a `when` condition has one.
    pub fn prefilter(&self) -> Option<&Prefilter> {
        self.prefilter.as_deref()
    }

    /// Canonical texts of what is present wherever the rule is true.
    pub fn proven(&self) -> &HashSet<String> {
        &self.proven
    }

    /// Decides.
    pub fn verdict(&self, sandbox: &Sandbox, context: &Context) -> Verdict {
        match sandbox.evaluate(&self.ast, context, &self.traits) {
            Ok(value) => match value.as_bool() {
                Ok(true) => Verdict::True,
                Ok(false) => Verdict::False,
                Err(_) => Verdict::Undecided(EvalError::new(format!(
                    "it gives {} instead of true or false",
                    engine::operators::describe(&value)
                ))),
            },
            Err(error) => Verdict::Undecided(error.of(&self.origin)),
        }
    }

    /// Evaluates to a value.
    pub fn value(&self, sandbox: &Sandbox, context: &Context) -> Result<Value, EvalError> {
        let value = sandbox.evaluate(&self.ast, context, &self.traits).map_err(|error| error.of(&self.origin))?;
        engine::sandbox::from_dynamic(&value).ok_or_else(|| {
            EvalError::new(format!("it gives {}, which cannot be used here", engine::operators::describe(&value)))
        })
    }

    /// Runs a `run` script.
    pub fn describe(&self, sandbox: &Sandbox, context: &Context) -> Result<Vec<Described>, EvalError> {
        sandbox.describe(&self.ast, context, &self.traits).map_err(|error| error.of(&self.origin))
    }

    /// `account.tier = C, account.mrr = 501`: the values it read, in words.
    pub fn told(&self, facts: &Facts) -> String {
        let words = |(fact, value): (String, serde_json::Value)| match value {
            serde_json::Value::Null => format!("{fact} is missing"),
            serde_json::Value::String(text) => format!("{fact} = {text}"),
            // As people write numbers: 501 and not 501.0.
            serde_json::Value::Number(number) if number.is_f64() => {
                format!("{fact} = {}", number.as_f64().unwrap_or_default())
            }
            other => format!("{fact} = {other}"),
        };
        self.evidence(facts).into_iter().map(words).collect::<Vec<_>>().join(", ")
    }

    /// The values it read, by canonical text, for the record.
    pub fn evidence(&self, facts: &Facts) -> serde_json::Map<String, serde_json::Value> {
        self.cells.iter().filter_map(|cell| facts.get(cell).map(|value| (cell.to_string(), value.to_json()))).collect()
    }
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
    let (misspelt, mended) = foreign_syntax::check(source, foreign_syntax::Text::Expression);
    if !misspelt.is_empty() {
        problems.extend(misspelt);
        // What else is wrong shows in the text with its spellings put right.
        if let Some(text) = mended {
            let mended = Source { text: text.into(), origin: source.origin.clone() };
            if foreign_syntax::check(&mended, foreign_syntax::Text::Expression).0.is_empty() {
                let mut more = Vec::new();
                compile(&mended, wanted, scope, modules, sandbox, &mut more);
                problems.extend(more.into_iter().filter(|problem| !["KW0204", "KW0213"].contains(&problem.code)));
            }
        }
        return None;
    }
    let ast = match sandbox.expression(&source.text) {
        Ok(ast) => ast,
        Err(error) => {
            problems.push(rhai_messages::unreadable(source, &error, modules, true));
            return None;
        }
    };
    let mut checker = checker(source, scope, modules, sandbox);
    let expr = match ast.statements() {
        [Stmt::Expr(expr)] => (**expr).clone(),
        [Stmt::FnCall(call, at)] => rhai::Expr::FnCall(call.clone(), *at),
        _ => {
            problems.push(source.error("KW0213", 1, 1, "one expression is needed here"));
            return None;
        }
    };
    let typed = checker.expr(&expr);
    want(&mut checker, &typed, wanted);
    let proven = if wanted == Wanted::Verdict { check::guards::if_true(&mut checker, &expr) } else { HashSet::new() };
    let sound = !checker.learnt.exhausted && !checker.learnt.problems.iter().any(Diagnostic::is_error);
    let prefilter = (sound && wanted == Wanted::Verdict).then(|| Box::new(prefilter::translate(&mut checker, &expr)));
    let rule = finish(source, ast, checker.learnt, proven, problems)?;
    Some(Rule { prefilter, ..rule })
}

fn checker<'a>(source: &'a Source, scope: &'a Scope<'a>, modules: &'a Modules, sandbox: &'a Sandbox) -> Checker<'a> {
    Checker {
        source,
        scope,
        modules,
        seasons: sandbox.seasons(),
        learnt: Learnt::default(),
        bound: Vec::new(),
        in_script: false,
        parts: 0,
        call_site: None,
        known: scope.known.clone(),
    }
}

fn finish(
    source: &Source,
    ast: AST,
    mut learnt: Learnt,
    proven: HashSet<String>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    if learnt.exhausted {
        learnt.problems.push(
            source.error("KW0204", 1, 1, TOO_MUCH).help("move a part of it into a script that takes plain values"),
        );
    }
    let failed = learnt.problems.iter().any(Diagnostic::is_error);
    problems.extend(learnt.problems);
    (!failed).then(|| Rule {
        ast,
        origin: source.origin.clone(),
        traits: Arc::new(learnt.traits),
        cells: learnt.cells.into_iter().collect(),
        entry_columns: learnt.entry_columns,
        modules: learnt.modules,
        proven,
        prefilter: None,
    })
}

fn want(checker: &mut Checker, typed: &check::kind::Typed, wanted: Wanted) {
    let fits = match wanted {
        Wanted::Verdict => matches!(typed.kind, Kind::Bool | Kind::Unknown),
        Wanted::Time => matches!(typed.kind, Kind::Time | Kind::Unknown),
        Wanted::Text => matches!(typed.kind, Kind::Text | Kind::Unknown),
        Wanted::Key => {
            matches!(typed.kind, Kind::Text | Kind::Int | Kind::Float | Kind::Time | Kind::Bool | Kind::Unknown)
        }
    };
    if let Kind::Attribute(subject, key) = &typed.kind {
        let ty = match wanted {
            Wanted::Verdict => Some(Type::Bool),
            Wanted::Time => Some(Type::Time),
            Wanted::Text => Some(Type::Text),
            // Whatever it is: a key is its text.
            Wanted::Key => None,
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
            Wanted::Key => "text, a number or a time",
        };
        let help = match (&typed.kind, wanted) {
            (_, Wanted::Verdict) if typed.nullable => Some(format!("write `{} != none`", typed.text)),
            (Kind::Int | Kind::Float, Wanted::Verdict) => Some(format!("compare it, as in `{} > 0`", typed.text)),
            (Kind::Text, Wanted::Verdict) => Some(format!("compare it, as in `{} == \"…\"`", typed.text)),
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

/// A key that is the same for everybody and at all times lets nobody in again,
/// and `now` lets everybody in at every run.
fn want_change(checker: &mut Checker, typed: &check::kind::Typed) {
    let learnt = &checker.learnt;
    if !learnt.cells.is_empty() || !learnt.modules.is_empty() || typed.text.contains("period(") {
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
