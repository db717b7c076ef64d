//! From a condition to what the database can decide of it.
//!
//! `holds` runs through the translation: `truth(e, true)` is true on every
//! account on which `e` is true, and `truth(e, false)` on every one on which it
//! is false. No negation is ever written down, so each leaf stands alone and
//! what is not understood may be always true. Accounts on which `e` cannot be
//! decided need not be kept: a condition whose other clause rules an account
//! out is false, whatever the clause beside it would have raised.
//!
//! `operand` reads the values that are compared, `comparison` compares them.


use chrono_tz::Tz;
use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::check::guards::quietly;
use super::check::typecheck::{Checker, place};
use super::engine::modules::{ModuleFunction, Modules};
use super::functions::global;
use super::holder::AttributeTypes;
use super::prefilter::predicate::{Comparison, Operand, Predicate};
use crate::diagnostic;
use crate::facts::{Schema, Type};

mod comparison;
mod operand;
pub mod predicate;

use operand::{DAY, Part};

/// The parts that are read of one condition, those of module functions counted
/// at every call. The rest is left to the engine.
const MOST_PARTS: u32 = 2_000;
/// How deeply module functions are followed.
const DEEPEST_CALL: usize = 8;

/// What the database decides of a condition. The engine decides the whole
/// condition again on every account that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefilter {
    /// True on every account on which the condition is true.
    pub predicate: Predicate,
    /// The clauses joined by the outermost `&&`, in order.
    pub clauses: Vec<Clause>,
}

/// One clause and where it is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// As the author could have written it.
    pub text: String,
    /// Where it begins in its file.
    pub at: diagnostic::Position,
    /// Whether the database rules out accounts by it.
    pub prunes: bool,
    /// What of it only the engine understands, by its place in the file.
    pub engine: Vec<diagnostic::Position>,
}

impl std::fmt::Display for Clause {
    /// For a person: `in the database: …` or `in the engine: 7:12 …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places: Vec<String> = self.engine.iter().map(|at| format!("{}:{}", at.line, at.column)).collect();
        match (self.prunes, places.is_empty()) {
            (_, true) => write!(f, "in the database: {}", self.text),
            (true, false) => write!(f, "in the database, but for {}: {}", places.join(", "), self.text),
            (false, false) => write!(f, "in the engine: {} {}", places.join(", "), self.text),
        }
    }
}

/// Translates a condition that was checked and found free of errors.
pub(super) fn translate(checker: &mut Checker, condition: &Expr) -> Prefilter {
    let mut leaves = Vec::new();
    conjuncts(condition, &mut leaves);
    let (parts, exhausted) = (checker.parts, checker.learnt.exhausted);
    let texts: Vec<String> = leaves.iter().map(|leaf| quietly(checker, leaf).1).collect();
    (checker.parts, checker.learnt.exhausted) = (parts, exhausted);
    let mut translation = Translation {
        schema: checker.scope.schema,
        // Dates begin at different instants, and the database compares them as
        // they are stored: what it might rule out wrongly, it leaves.
        slack: if checker.scope.zone == Tz::UTC { 0 } else { DAY },
        modules: checker.modules,
        attributes: &checker.learnt.traits,
        left: MOST_PARTS,
        call_site: None,
        engine: Vec::new(),
    };
    let (mut predicates, mut clauses) = (Vec::new(), Vec::new());
    for (leaf, text) in leaves.into_iter().zip(texts) {
        let predicate = translation.truth(leaf, Names::Condition, true);
        let in_file = |position: Position| {
            let (line, column) = place(position);
            checker.source.origin.at(line, column)
        };
        let mut engine: Vec<_> = translation.engine.drain(..).map(in_file).collect();
        engine.sort();
        engine.dedup();
        let prunes = predicate != Predicate::Always;
        clauses.push(Clause { text, at: in_file(start(leaf)), prunes, engine });
        predicates.push(predicate);
    }
    Prefilter { predicate: Predicate::all(predicates), clauses }
}

/// The parts of the outermost `&&`.
fn conjuncts<'e>(expr: &'e Expr, leaves: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts, _) => parts.iter().for_each(|part| conjuncts(part, leaves)),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => conjuncts(inner, leaves),
            _ => leaves.push(expr),
        },
        _ => leaves.push(expr),
    }
}

/// Where the text of an expression begins; an operator stands behind its first
/// operand.
fn start(expr: &Expr) -> Position {
    match expr {
        Expr::FnCall(call, at) => start_of_call(call, *at),
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
            parts.first().map_or(Position::NONE, start)
        }
        Expr::Dot(chain, ..) => start(&chain.lhs),
        _ => expr.start_position(),
    }
}

fn start_of_call(call: &FnCallExpr, at: Position) -> Position {
    match call.args.as_slice() {
        [first, _] if call.op_token.is_some() => start(first),
        [_, item] if call.name == "contains" && call.namespace.is_empty() => start(item),
        _ => at,
    }
}

struct Translation<'a> {
    schema: &'a Schema,
    /// How far a date of a column may lie from where its day begins, in microseconds.
    slack: i64,
    modules: &'a Modules,
    /// The type each attribute is read as in this condition.
    attributes: &'a AttributeTypes,
    /// Parts that may still be read.
    left: u32,
    /// Where the outermost call of a module function stands.
    call_site: Option<Position>,
    /// What was not understood.
    engine: Vec<Position>,
}

/// What names mean where an expression stands.
#[derive(Clone, Copy)]
enum Names<'e> {
    Condition,
    Body(&'e Frame<'e>),
}

/// The call of a module function whose body is being read.
struct Frame<'e> {
    module: &'e str,
    params: &'e [String],
    args: &'e [Expr],
    /// What names mean in the arguments.
    outer: Names<'e>,
    depth: usize,
}

impl<'e> Names<'e> {
    fn depth(self) -> usize {
        match self {
            Names::Condition => 0,
            Names::Body(frame) => frame.depth,
        }
    }

    /// The argument that a parameter stands for.
    fn argument(self, name: &str) -> Option<(&'e Expr, Names<'e>)> {
        let Names::Body(frame) = self else { return None };
        let at = frame.params.iter().position(|param| param == name)?;
        frame.args.get(at).map(|arg| (arg, frame.outer))
    }
}

impl<'a> Translation<'a> {
    /// What only the engine understands.
    fn leave(&mut self, position: Position) -> Predicate {
        self.engine.push(self.call_site.unwrap_or(position));
        Predicate::Always
    }

    /// Whether there is no room to read another part.
    fn is_spent(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    fn truth(&mut self, expr: &Expr, names: Names, holds: bool) -> Predicate {
        if self.is_spent() {
            return self.leave(start(expr));
        }
        match expr {
            Expr::BoolConstant(value, _) => Predicate::constant(*value == holds),
            Expr::And(parts, _) => self.logic(parts, names, holds, holds),
            Expr::Or(parts, _) => self.logic(parts, names, holds, !holds),
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Expr(inner)] => self.truth(inner, names, holds),
                [Stmt::FnCall(call, at)] => self.call(call, start_of_call(call, *at), names, holds),
                _ => self.leave(start(expr)),
            },
            Expr::FnCall(call, at) => self.call(call, start_of_call(call, *at), names, holds),
            Expr::Variable(variable, _, at) => match names.argument(&variable.1) {
                Some((argument, outer)) => self.truth(argument, outer, holds),
                None => self.leave(*at),
            },
            Expr::Coalesce(parts, _) => self.first_present(parts, names, holds),
            Expr::Dot(..) => match self.part(expr, names) {
                Part::Cell { term, .. } if term.ty == Type::Bool => {
                    Predicate::Compare { left: term, comparison: Comparison::Equals, right: Operand::Bool(holds) }
                }
                _ => self.leave(start(expr)),
            },
            _ => self.leave(start(expr)),
        }
    }

    fn logic(&mut self, parts: &[Expr], names: Names, holds: bool, every: bool) -> Predicate {
        let parts: Vec<Predicate> = parts.iter().map(|part| self.truth(part, names, holds)).collect();
        if every { Predicate::all(parts) } else { Predicate::any(parts) }
    }

    /// `a ?? b` as a truth value: the first that is not missing.
    fn first_present(&mut self, parts: &[Expr], names: Names, holds: bool) -> Predicate {
        let (mut ways, mut before) = (Vec::new(), Predicate::Always);
        for expr in parts {
            let part = self.part(expr, names);
            let present = self.present(&part, start(expr));
            let truth = self.truth(expr, names, holds);
            ways.push(Predicate::all([before.clone(), present, truth]));
            before = Predicate::all([before, self.missing(&part, start(expr))]);
        }
        Predicate::any(ways)
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, names: Names, holds: bool) -> Predicate {
        if let Some((module, function)) = self.module_function(call, names) {
            return self
                .inlined(module, function, call, at, names, |translation, body, names| match body {
                    Stmt::Expr(expr) => translation.truth(expr, names, holds),
                    Stmt::FnCall(call, at) => translation.call(call, *at, names, holds),
                    _ => translation.leave(at),
                })
                .unwrap_or_else(|| self.leave(at));
        }
        if !self.is_built_in(call, names) {
            return self.leave(at);
        }
        let comparison = match call.name.as_str() {
            "==" => Comparison::Equals,
            "!=" => Comparison::Differs,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            "!" if call.args.len() == 1 => return self.truth(&call.args[0], names, !holds),
            "contains" if call.args.len() == 2 => {
                return self.membership(&call.args[0], &call.args[1], at, names, holds);
            }
            _ => return self.leave(at),
        };
        let [left, right] = call.args.as_slice() else { return self.leave(at) };
        let (left, right) = (self.part(left, names), self.part(right, names));
        self.compare(comparison, &left, &right, holds, at)
    }

    /// `x in [a, b]`: equal to one of them.
    fn membership(&mut self, list: &Expr, item: &Expr, at: Position, names: Names, holds: bool) -> Predicate {
        let members: Vec<Part> = match list {
            Expr::Array(items, _) => items.iter().map(|member| self.part(member, names)).collect(),
            Expr::DynamicConstant(value, _) => match value.clone().try_cast::<rhai::Array>() {
                Some(items) => items.iter().map(Part::constant).collect(),
                None => return self.leave(at),
            },
            _ => return self.leave(at),
        };
        let item = self.part(item, names);
        let each: Vec<Predicate> =
            members.iter().map(|member| self.compare(Comparison::Equals, &item, member, holds, at)).collect();
        if holds { Predicate::any(each) } else { Predicate::all(each) }
    }

    /// The function of a script that a call means, with its module's name.
    fn module_function(&self, call: &FnCallExpr, names: Names) -> Option<(&'a str, Option<&'a ModuleFunction>)> {
        let modules = self.modules;
        let (module, must_exist) = match (call.namespace.path.first(), names) {
            (Some(part), _) => (modules.names().find(|name| *name == part.name.as_str())?, true),
            (None, Names::Condition) => return None,
            // Which of two of that name is meant is the engine's to say.
            (None, Names::Body(_))
                if call.op_token.is_some() || call.name == "contains" || global::find(&call.name).is_some() =>
            {
                return None;
            }
            (None, Names::Body(frame)) => (modules.names().find(|name| *name == frame.module)?, false),
        };
        let mut own = modules.functions(module)?.iter();
        let found = own.find(|own| own.name == call.name.as_str() && own.params.len() == call.args.len());
        (found.is_some() || must_exist).then_some((module, found))
    }

    /// Whether a call means an operator or a function of the language, and not
    /// one of the same name beside it in a script.
    fn is_built_in(&self, call: &FnCallExpr, names: Names) -> bool {
        call.namespace.is_empty() && !self.is_own(&call.name, names)
    }

    /// Whether the script that is being read defines a function of this name.
    fn is_own(&self, name: &str, names: Names) -> bool {
        let Names::Body(frame) = names else { return false };
        self.modules.functions(frame.module).is_some_and(|own| own.iter().any(|own| own.name == name))
    }

    /// Reads the body of a module function in place of its call.
    fn inlined<T>(
        &mut self,
        module: &str,
        function: Option<&ModuleFunction>,
        call: &FnCallExpr,
        at: Position,
        names: Names,
        read: impl FnOnce(&mut Self, &Stmt, Names) -> T,
    ) -> Option<T> {
        let function = function?;
        let body = function.expression.as_ref()?;
        if names.depth() >= DEEPEST_CALL || self.is_spent() {
            return None;
        }
        let frame =
            Frame { module, params: &function.params, args: &call.args, outer: names, depth: names.depth() + 1 };
        let outer = self.call_site;
        self.call_site = outer.or(Some(at));
        let result = read(self, body, Names::Body(&frame));
        self.call_site = outer;
        Some(result)
    }
}
