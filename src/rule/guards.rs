//! What a clause proves: which values cannot be missing where it is true, and
//! which where it is false. Canonical texts, so both columns and methods count.

use std::collections::HashSet;

use rhai::{Expr, FnCallExpr, Stmt};

use super::typecheck::{Checker, Kind};

/// Values present wherever `expr` is true.
pub(super) fn if_true(checker: &mut Checker, expr: &Expr) -> HashSet<String> {
    proven(checker, expr, true)
}

/// Values present wherever `expr` is false.
pub(super) fn if_false(checker: &mut Checker, expr: &Expr) -> HashSet<String> {
    proven(checker, expr, false)
}

fn proven(checker: &mut Checker, expr: &Expr, holds: bool) -> HashSet<String> {
    match expr {
        Expr::And(parts, _) => combine(checker, parts, holds, holds),
        Expr::Or(parts, _) => combine(checker, parts, holds, !holds),
        Expr::Stmt(block) => match block.statements().first() {
            Some(Stmt::Expr(inner)) => proven(checker, inner, holds),
            Some(Stmt::FnCall(call, _)) => comparison(checker, call, holds),
            _ => HashSet::new(),
        },
        Expr::FnCall(call, _) => comparison(checker, call, holds),
        _ => HashSet::new(),
    }
}

/// All parts' proofs where every part has the truth in question, else only
/// what each of them proves.
fn combine(checker: &mut Checker, parts: &[Expr], holds: bool, every: bool) -> HashSet<String> {
    let mut sets = parts.iter().map(|part| proven(checker, part, holds)).collect::<Vec<_>>().into_iter();
    let Some(first) = sets.next() else { return HashSet::new() };
    sets.fold(first, |all, set| if every { &all | &set } else { &all & &set })
}

fn comparison(checker: &mut Checker, call: &FnCallExpr, holds: bool) -> HashSet<String> {
    match (call.name.as_str(), call.args.as_slice()) {
        ("!", [inner]) => proven(checker, inner, !holds),
        (operator @ ("==" | "!=" | "<" | "<=" | ">" | ">="), [a, b]) => {
            let (a, b) = (quietly(checker, a), quietly(checker, b));
            let (a_none, b_none) = (a.0 == Kind::None, b.0 == Kind::None);
            match operator {
                "!=" if holds && b_none => [a.1].into(),
                "!=" if holds && a_none => [b.1].into(),
                "==" if !holds && b_none => [a.1].into(),
                "==" if !holds && a_none => [b.1].into(),
                // Equal to something present, or ordered at all: present.
                "==" if holds && !b_none && !a_none => [(a.1, b.2), (b.1, a.2)].into_iter().filter(|(_, other_nullable)| !other_nullable).map(|(text, _)| text).collect(),
                "<" | "<=" | ">" | ">=" => [a.1, b.1].into(),
                _ => HashSet::new(),
            }
        }
        _ => HashSet::new(),
    }
}

/// Kind, text and nullability of a part that has already been complained about.
fn quietly(checker: &mut Checker, expr: &Expr) -> (Kind, String, bool) {
    let before = checker.learnt.problems.len();
    let typed = checker.expr(expr);
    checker.learnt.problems.truncate(before);
    (typed.kind, typed.text, typed.nullable)
}
