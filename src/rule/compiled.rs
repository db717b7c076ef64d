//! A compiled expression or script, and what it says of one subject.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, Stmt};

use super::engine::actions::Described;
use super::engine::context::Context;
use super::engine::error::EvalError;
use super::engine::lookup::Plain;
use super::engine::sandbox::{Evaluated, Sandbox};
use super::engine::unfit::UnfitAttribute;
use super::engine::value::{describe, from_dynamic};
use super::functions::global::{CLOCK_FUNCTIONS, NOW};
use super::functions::{names_of, scores_of};
use super::holder::{AttributeTypes, PopulationCalls};
use super::prefilter::clause::Prefilter;
use crate::facts::{Arg, Cell, CellPath, Facts, NameKind, Value};
use crate::playbook::Origin;

/// Compiled text of one expression or script.
#[derive(Debug)]
pub struct Rule {
    pub(super) ast: AST,
    pub(super) origin: Origin,
    pub(super) traits: Arc<AttributeTypes>,
    pub(super) calls: Arc<PopulationCalls>,
    pub(super) cells: Vec<Cell>,
    pub(super) entry_columns: BTreeSet<String>,
    pub(super) modules: BTreeSet<String>,
    pub(super) proven: HashSet<String>,
    /// Where it is nothing but a name or a literal, of a text.
    pub(super) plain: Option<Box<Plain>>,
    /// Boxed: most rules have none, and stand in small things.
    pub(super) prefilter: Option<Box<Prefilter>>,
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

    /// The names of the customer store that it asks for: events, scores, roles,
    /// severities and attributes.
    pub fn store_names(&self) -> BTreeSet<(NameKind, String)> {
        let names = self.cells.iter().flat_map(names_of);
        names.map(|(kind, name)| (kind, name.into_owned())).collect()
    }

    /// The names of the scores that it asks for, whoever makes them.
    pub fn scores_read(&self) -> BTreeSet<String> {
        self.cells.iter().flat_map(scores_of).map(str::to_owned).collect()
    }

    /// The columns it reads as `entry.COLUMN`.
    pub fn entry_columns(&self) -> &BTreeSet<String> {
        &self.entry_columns
    }

    /// Whether it counts from when the current step began.
    pub fn reads_since_step(&self) -> bool {
        self.cells
            .iter()
            .any(|cell| matches!(&cell.path, CellPath::Call { args, .. } if args.contains(&Arg::SinceStep)))
    }

    /// Whether its value may change by time alone, as that of `days_since(…)`, for
    /// all that its own text says.
    pub fn reads_clock(&self) -> bool {
        self.words().iter().any(|word| word == NOW || CLOCK_FUNCTIONS.contains(&word.as_str()))
    }

    /// The names that its own text reads and calls, those of methods excepted.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        self.ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(name, ..))) => drop(words.insert(name.1.to_string())),
                Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                    words.insert(call.name.to_string());
                }
                _ => {}
            }
            true
        });
        words
    }

    /// The steps of whose task its own text reads the outcome.
    pub fn outcomes_read(&self) -> BTreeSet<String> {
        let mut steps = BTreeSet::new();
        self.ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) = path.last()
                && call.name == "outcome"
                && let [Expr::StringConstant(step, _)] = call.args.as_slice()
            {
                steps.insert(step.to_string());
            }
            true
        });
        steps
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
    pub fn proves(&self) -> &HashSet<String> {
        &self.proven
    }

    /// What the engine evaluates.
    pub(super) fn evaluated(&self) -> Evaluated<'_> {
        Evaluated { ast: &self.ast, traits: &self.traits, calls: &self.calls }
    }

    /// Decides.
    pub fn verdict(&self, sandbox: &Sandbox, context: &Context) -> Verdict {
        match sandbox.evaluate(self.evaluated(), context, None) {
            Ok(value) => match value.as_bool() {
                Ok(true) => Verdict::True,
                Ok(false) => Verdict::False,
                Err(_) => Verdict::Undecided(EvalError::new(match UnfitAttribute::of(&value) {
                    Some(unfit) => unfit.needed(),
                    None => format!("it gives {} instead of true or false", describe(&value)),
                })),
            },
            Err(error) => Verdict::Undecided(error.of(&self.origin)),
        }
    }

    /// Evaluates to a value.
    pub fn value(&self, sandbox: &Sandbox, context: &Context) -> Result<Value, EvalError> {
        let value = sandbox.evaluate(self.evaluated(), context, None).map_err(|error| error.of(&self.origin))?;
        from_dynamic(&value).ok_or_else(|| {
            EvalError::new(match UnfitAttribute::of(&value) {
                Some(unfit) => unfit.needed(),
                None => format!("it gives {}, which cannot be used here", describe(&value)),
            })
        })
    }

    /// Evaluates a factor: its number, 100 for true and 0 for false; `None` where
    /// something that it needs is missing.
    pub fn factor(&self, sandbox: &Sandbox, context: &Context) -> Result<Option<f64>, EvalError> {
        self.number(100.0, sandbox, context)
    }

    /// Evaluates what is measured: its number, 1 for true and 0 for false; `None`
    /// where something that it needs is missing.
    pub fn measure(&self, sandbox: &Sandbox, context: &Context) -> Result<Option<f64>, EvalError> {
        self.number(1.0, sandbox, context)
    }

    /// Evaluates to a number, which true is as well.
    fn number(&self, truth: f64, sandbox: &Sandbox, context: &Context) -> Result<Option<f64>, EvalError> {
        match self.value(sandbox, context) {
            Ok(Value::Null) => Ok(None),
            Ok(Value::Bool(true)) => Ok(Some(truth)),
            Ok(Value::Bool(false)) => Ok(Some(0.0)),
            Ok(Value::Int(number)) => Ok(Some(number as f64)),
            Ok(Value::Float(number)) if number.is_finite() => Ok(Some(number)),
            Ok(other) => Err(EvalError::new(format!("it gives {}, which is no number", other.to_json()))),
            Err(error) => {
                let lacks = self.cells.iter().any(|cell| matches!(context.facts.get(cell), Some(Value::Null) | None));
                // An attribute of an event or a person may lack something that is no cell.
                if error.is_about_missing() && (lacks || self.cells.is_empty()) { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Runs a `run` script.
    pub fn describe(&self, sandbox: &Sandbox, context: &Context) -> Result<Vec<Described>, EvalError> {
        sandbox.describe(self.evaluated(), context).map_err(|error| error.of(&self.origin))
    }

    /// `account.tier = C, account.mrr = 501`: the values it read, in words.
    pub fn describe_facts(&self, facts: &Facts) -> String {
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
