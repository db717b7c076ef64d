//! Where a condition is true, and where it is false, as predicates.

use chrono_tz::Tz;
use rhai::{Expr, FlowControl, FnCallExpr, Position, Stmt};

use super::clause::{Clause, Prefilter};
use super::operand::{DAY, Part};
use super::predicate::{Comparison, Operand, Predicate};
use super::translation::{Names, Translation};
use crate::facts::{Cell, Type};
use crate::rule::check::checker::Checker;
use crate::rule::check::guards::quietly;
use crate::rule::parts::{conjuncts, operands};
use crate::rule::place::place;

/// The parts that are read of one condition, those of module functions counted
/// at every call. The rest is left to the engine.
const MOST_PARTS: u32 = 2_000;
/// Translates a condition that was checked and found free of errors.
pub(crate) fn translate(checker: &mut Checker, condition: &Expr) -> Prefilter {
    let mut leaves = Vec::new();
    conjuncts(condition, &mut leaves);
    let (parts, exhausted) = (checker.parts, checker.findings.exhausted);
    let read: Vec<ClauseText> = leaves.iter().map(|leaf| read_clause(checker, leaf)).collect();
    (checker.parts, checker.findings.exhausted) = (parts, exhausted);
    let mut translation = Translation {
        schema: checker.scope.schema,
        // Dates begin at different instants, and the database compares them as
        // they are stored: what it might rule out wrongly, it leaves.
        slack: if checker.scope.zone == Tz::UTC { 0 } else { DAY },
        modules: checker.modules,
        attributes: &checker.findings.traits,
        left: MOST_PARTS,
        call_site: None,
        engine: Vec::new(),
    };
    let (mut predicates, mut clauses) = (Vec::new(), Vec::new());
    for (leaf, ClauseText { text, cells, operands }) in leaves.into_iter().zip(read) {
        let predicate = translation.truth(leaf, Names::Condition, true);
        let in_file = |position: Position| {
            let (line, column) = place(position);
            checker.source.origin.at(line, column)
        };
        let mut engine: Vec<_> = translation.engine.drain(..).map(in_file).collect();
        engine.sort();
        engine.dedup();
        let prunes = predicate != Predicate::Always;
        clauses.push(Clause { text, at: in_file(start(leaf)), prunes, engine, cells, operands });
        predicates.push(predicate);
    }
    Prefilter { predicate: Predicate::all(predicates), clauses }
}

/// A clause as the author could have written it, and what it reads.
struct ClauseText {
    text: String,
    cells: Vec<Cell>,
    operands: Vec<String>,
}

fn read_clause(checker: &mut Checker, clause: &Expr) -> ClauseText {
    let others = std::mem::take(&mut checker.findings.cells);
    let text = quietly(checker, clause).1;
    let cells = std::mem::replace(&mut checker.findings.cells, others).into_iter().collect();
    let mut compared = Vec::new();
    operands(clause, &mut compared);
    let operands = compared.into_iter().map(|operand| quietly(checker, operand).1).collect();
    ClauseText { text, cells, operands }
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

impl Translation<'_> {
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
                [Stmt::If(choice, at)] => self.choice(choice, *at, names, holds),
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
                    let unfit = term.unfit();
                    let compared =
                        Predicate::Compare { left: term, comparison: Comparison::Equals, right: Operand::Bool(holds) };
                    Predicate::any([compared, unfit])
                }
                _ => self.leave(start(expr)),
            },
            _ => self.leave(start(expr)),
        }
    }

    /// One of two, by a third.
    fn choice(&mut self, choice: &FlowControl, at: Position, names: Names, holds: bool) -> Predicate {
        let ways = [(true, &choice.body), (false, &choice.branch)].map(|(taken, block)| {
            let condition = self.truth(&choice.expr, names, taken);
            let value = match block.statements() {
                [Stmt::Expr(inner)] => self.truth(inner, names, holds),
                [Stmt::FnCall(call, at)] => self.call(call, start_of_call(call, *at), names, holds),
                [Stmt::If(choice, at)] => self.choice(choice, *at, names, holds),
                _ => self.leave(at),
            };
            Predicate::all([condition, value])
        });
        Predicate::any(ways)
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
                .inline(module, function, call, at, names, |translation, body, names| match body {
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
}
