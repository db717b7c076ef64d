//! What a clause proves: which values cannot be missing where it is true, and
//! which where it is false. Canonical texts, so both columns and methods count.

use std::collections::HashSet;

use rhai::{Expr, FnCallExpr, Stmt};

use super::canonical::present;
use super::checker::Checker;
use super::kind::{Kind, Typed};

/// Values present wherever `expr` is true.
pub(crate) fn if_true(checker: &mut Checker, expr: &Expr) -> HashSet<String> {
    present_where(checker, expr, true)
}

/// Values present wherever `expr` is false.
pub(crate) fn if_false(checker: &mut Checker, expr: &Expr) -> HashSet<String> {
    present_where(checker, expr, false)
}

fn present_where(checker: &mut Checker, expr: &Expr, holds: bool) -> HashSet<String> {
    match expr {
        Expr::And(parts, _) => combine(checker, parts, holds, holds),
        Expr::Or(parts, _) => combine(checker, parts, holds, !holds),
        Expr::Stmt(block) => match block.statements().first() {
            Some(Stmt::Expr(inner)) => present_where(checker, inner, holds),
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
    let mut sets = parts.iter().map(|part| present_where(checker, part, holds)).collect::<Vec<_>>().into_iter();
    let Some(first) = sets.next() else { return HashSet::new() };
    sets.fold(first, |all, set| if every { &all | &set } else { &all & &set })
}

fn comparison(checker: &mut Checker, call: &FnCallExpr, holds: bool) -> HashSet<String> {
    match (call.name.as_str(), call.args.as_slice()) {
        ("!", [inner]) => present_where(checker, inner, !holds),
        ("contains", [whole, part]) if call.namespace.is_empty() => {
            let (whole, part) = (quietly(checker, whole), quietly(checker, part));
            match whole.0 {
                Kind::List(members) => {
                    let is_present = |member: &Typed| !member.nullable && member.kind != Kind::None;
                    if holds && members.iter().all(is_present) { present(part.1) } else { HashSet::new() }
                }
                // Looked through at all: it is there.
                _ => present(whole.1),
            }
        }
        (operator @ ("==" | "!=" | "<" | "<=" | ">" | ">="), [a, b]) => {
            let (a, b) = (quietly(checker, a), quietly(checker, b));
            let (a_none, b_none) = (a.0 == Kind::None, b.0 == Kind::None);
            match operator {
                "!=" if holds && b_none => present(a.1),
                "!=" if holds && a_none => present(b.1),
                "==" if !holds && b_none => present(a.1),
                "==" if !holds && a_none => present(b.1),
                // Equal to something present, or ordered at all: present.
                "==" if holds && !b.2 => present(a.1),
                "==" if holds && !a.2 => present(b.1),
                "<" | "<=" | ">" | ">=" => &present(a.1) | &present(b.1),
                _ => HashSet::new(),
            }
        }
        _ => HashSet::new(),
    }
}

/// Kind, text and nullability of a part that has already been complained about.
pub(crate) fn quietly(checker: &mut Checker, expr: &Expr) -> (Kind, String, bool) {
    let before = checker.findings.problems.len();
    let typed = checker.expr(expr);
    checker.findings.problems.truncate(before);
    (typed.kind, typed.text, typed.nullable)
}
