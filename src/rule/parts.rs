//! The parts of a condition: its clauses, and the values that a clause compares.

use rhai::{Expr, FnCallExpr, Stmt};

/// The parts of the outermost `&&`.
pub(super) fn conjuncts<'e>(expr: &'e Expr, leaves: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts, _) => parts.iter().for_each(|part| conjuncts(part, leaves)),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => conjuncts(inner, leaves),
            _ => leaves.push(expr),
        },
        _ => leaves.push(expr),
    }
}

/// What a clause compares, in the order of its text, without literals.
pub(super) fn operands<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().for_each(|part| operands(part, found)),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => operands(inner, found),
            [Stmt::FnCall(call, _)] => operands_of(call, found),
            _ => {}
        },
        Expr::FnCall(call, _) => operands_of(call, found),
        _ => {}
    }
}

fn operands_of<'e>(call: &'e FnCallExpr, found: &mut Vec<&'e Expr>) {
    match (call.name.as_str(), call.args.as_slice()) {
        ("!", [inner]) => operands(inner, found),
        ("==" | "!=" | "<" | "<=" | ">" | ">=", compared @ [_, _]) => {
            found.extend(compared.iter().filter(|operand| !operand.is_constant()));
        }
        ("contains", [list, item]) if call.namespace.is_empty() => {
            found.extend([item, list].into_iter().filter(|operand| !operand.is_constant()));
        }
        _ => {}
    }
}
