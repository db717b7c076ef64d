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

use rhai::{AST, Stmt};

use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, CellPath, Facts, Schema, Subject, Type, Value};
use crate::playbook::Source;

mod calls;
mod context;
pub mod functions;
mod guards;
mod modules;
mod operators;
mod sandbox;
pub mod signature;
mod spelling;

pub mod template;
mod typecheck;

pub use context::Context;
pub use modules::Modules;
pub use sandbox::{Described, EvalError, Sandbox, texts};
use typecheck::{Checker, Kind, Learnt};

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
    pub task_steps: &'a [String],
    pub email_steps: &'a [String],
    pub playbooks: &'a [String],
    /// Canonical texts of values that are proven present here.
    pub known: &'a HashSet<String>,
}

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
    traits: Arc<HashMap<(Subject, String), Type>>,
    cells: Vec<Cell>,
    entry_columns: BTreeSet<String>,
    modules: BTreeSet<String>,
    proven: HashSet<String>,
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
                    operators::describe(&value)
                ))),
            },
            Err(error) => Verdict::Undecided(error),
        }
    }

    /// Evaluates to a value.
    pub fn value(&self, sandbox: &Sandbox, context: &Context) -> Result<Value, EvalError> {
        let value = sandbox.evaluate(&self.ast, context, &self.traits)?;
        sandbox::from_dynamic(&value).ok_or_else(|| {
            EvalError::new(format!("it gives {}, which cannot be used here", operators::describe(&value)))
        })
    }

    /// Runs a `run` script.
    pub fn describe(&self, sandbox: &Sandbox, context: &Context) -> Result<Vec<Described>, EvalError> {
        sandbox.describe(&self.ast, context, &self.traits)
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
    let misspelt = spelling::check(source);
    if !misspelt.is_empty() {
        problems.extend(misspelt);
        return None;
    }
    let ast = match sandbox.expression(&source.text) {
        Ok(ast) => ast,
        Err(error) => {
            let (line, column) = typecheck::place(error.position());
            problems.push(parse_problem(source, &error, line, column));
            return None;
        }
    };
    let mut checker = checker(source, scope, modules);
    let typed = match ast.statements() {
        [Stmt::Expr(expr)] => checker.expr(expr),
        [Stmt::FnCall(call, at)] => checker.expr(&rhai::Expr::FnCall(call.clone(), *at)),
        _ => {
            problems.push(source.error("KW0213", 1, 1, "one expression is needed here"));
            return None;
        }
    };
    want(&mut checker, &typed, wanted);
    let proven = match (ast.statements(), wanted) {
        ([Stmt::Expr(expr)], Wanted::Verdict) => guards::if_true(&mut checker, expr),
        ([Stmt::FnCall(call, at)], Wanted::Verdict) => {
            guards::if_true(&mut checker, &rhai::Expr::FnCall(call.clone(), *at))
        }
        _ => HashSet::new(),
    };
    finish(ast, checker.learnt, proven, problems)
}

/// Compiles the script of a `run` step.
pub fn compile_script(
    source: &Source,
    scope: &Scope,
    modules: &Modules,
    sandbox: &Sandbox,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let ast = match sandbox.script(&source.text) {
        Ok(ast) => ast,
        Err(error) => {
            let (line, column) = typecheck::place(error.position());
            problems.push(parse_problem(source, &error, line, column));
            return None;
        }
    };
    let mut checker = checker(source, scope, modules);
    ast.walk(&mut |path| {
        match path.last() {
            Some(rhai::ASTNode::Expr(expr @ rhai::Expr::Dot(chain, ..))) if is_fact_root(&chain.lhs) => {
                checker.expr(expr);
            }
            Some(rhai::ASTNode::Expr(rhai::Expr::FnCall(call, at))) => checker.script_call(call, *at),
            Some(rhai::ASTNode::Stmt(Stmt::FnCall(call, at))) => checker.script_call(call, *at),
            _ => {}
        }
        true
    });
    finish(ast, checker.learnt, HashSet::new(), problems)
}

fn is_fact_root(expr: &rhai::Expr) -> bool {
    matches!(expr, rhai::Expr::Variable(variable, ..) if ["account", "contact", "entry"].contains(&variable.1.as_str()))
}

impl Checker<'_> {
    /// A call inside a script: the functions that cannot exist are reported.
    fn script_call(&mut self, call: &rhai::FnCallExpr, position: rhai::Position) {
        let actions = ["email", "task", "notify"];
        if call.op_token.is_some() || call.name == "contains" || actions.contains(&call.name.as_str()) {
            return;
        }
        if !call.namespace.is_empty() {
            let module = call.namespace.path.first().map_or(String::new(), |part| part.name.to_string());
            self.learnt.modules.insert(module);
            return;
        }
        if call.name == "set" {
            self.problem("KW0901", position, "`set` is not yet supported", None);
            return;
        }
        if !signature::is_free(&call.name) {
            let help = crate::diagnostic::nearest(&call.name, actions).map(|near| format!("did you mean `{near}`?"));
            self.problem("KW0201", position, format!("unknown function `{}`", call.name), help);
        }
    }
}

fn checker<'a>(source: &'a Source, scope: &'a Scope<'a>, modules: &'a Modules) -> Checker<'a> {
    Checker {
        source,
        scope,
        modules,
        learnt: Learnt::default(),
        bound: Vec::new(),
        call_site: None,
        known: scope.known.clone(),
    }
}

fn finish(ast: AST, learnt: Learnt, proven: HashSet<String>, problems: &mut Vec<Diagnostic>) -> Option<Rule> {
    let failed = learnt.problems.iter().any(Diagnostic::is_error);
    problems.extend(learnt.problems);
    (!failed).then(|| Rule {
        ast,
        traits: Arc::new(learnt.traits),
        cells: learnt.cells.into_iter().collect(),
        entry_columns: learnt.entry_columns,
        modules: learnt.modules,
        proven,
    })
}

fn want(checker: &mut Checker, typed: &typecheck::Typed, wanted: Wanted) {
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
            Wanted::Verdict => Type::Bool,
            Wanted::Time => Type::Time,
            Wanted::Text | Wanted::Key => Type::Text,
        };
        checker.read_as(*subject, key, ty, typed.position);
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
        let help = (wanted == Wanted::Verdict && typed.nullable).then(|| format!("write `{} != none`", typed.text));
        checker.problem(
            "KW0209",
            typed.position,
            format!("{needed} is needed here; this gives {}", typed.kind.name()),
            help,
        );
    } else if wanted == Wanted::Verdict {
        checker.want_present(typed);
    }
}

fn parse_problem(source: &Source, error: &rhai::ParseError, line: u32, column: u32) -> Diagnostic {
    use rhai::ParseErrorType as Kind;
    let message = plain_words(&error.err_type().to_string());
    match error.err_type() {
        Kind::VariableUndefined(name) => {
            let help =
                crate::diagnostic::nearest(name, ["account", "entry", "none", "now", "since_entry", "since_step"])
                    .map_or_else(
                        || format!("text stands in double quotes: \"{name}\""),
                        |near| format!("did you mean `{near}`?"),
                    );
            source.error("KW0203", line, column, format!("unknown name `{name}`")).help(help)
        }
        Kind::UnexpectedEOF => source.error("KW0204", line, column, "the expression ends too early"),
        _ => source.error("KW0204", line, column, message),
    }
}

/// Rhai's message with its types named for people.
pub(crate) fn plain_words(message: &str) -> String {
    message.replace("'", "`")
}
