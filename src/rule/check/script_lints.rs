//! What a script does with facts that can be missing or do not fit together.
//!
//! A script's branches and variables are not followed, so these are warnings,
//! and only about parts that read nothing but facts. A fact that the script asks
//! about anywhere, or keeps in a variable, counts as looked after.

use std::collections::HashSet;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::canonical;
use super::checker::{Checker, Findings};
use super::guards;
use super::kind::Kind;
use crate::diagnostic::{Diagnostic, Severity};
use crate::rule::functions::global;

/// The warnings about a script. What `checker` has found stays as it is.
pub(crate) fn lint(ast: &AST, checker: &mut Checker) -> Vec<Diagnostic> {
    let (findings, known) = (std::mem::take(&mut checker.findings), checker.known.clone());
    let mut cared_for = HashSet::new();
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                if let ("==" | "!=", [a, b]) = (call.name.as_str(), call.args.as_slice()) {
                    let (a, b) = (fact(checker, a), fact(checker, b));
                    cared_for.extend(a.into_iter().chain(b).flat_map(canonical::present));
                }
            }
            Some(ASTNode::Stmt(Stmt::Var(kept, ..))) => {
                cared_for.extend(fact(checker, &kept.1).into_iter().flat_map(canonical::present));
            }
            _ => {}
        }
        true
    });
    checker.findings = Findings::default();
    checker.known.extend(cared_for);
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                operation(checker, call, *at);
            }
            Some(ASTNode::Expr(Expr::InterpolatedString(parts, _))) => {
                for part in parts.iter().filter(|part| is_plain(part) && !part.is_constant()) {
                    let typed = checker.expr(part);
                    checker.want_present(&typed);
                }
            }
            _ => {}
        }
        true
    });
    checker.known = known;
    let found = std::mem::replace(&mut checker.findings, findings).problems;
    let doubtful = found.into_iter().filter(|found| ["KW0206", "KW0207", "KW0209"].contains(&found.code));
    doubtful.map(|found| Diagnostic { severity: Severity::Warning, ..found }).collect()
}

fn operation(checker: &mut Checker, call: &FnCallExpr, at: Position) {
    if call.op_token.is_some() && call.args.iter().all(is_plain) && !call.args.iter().all(Expr::is_constant) {
        checker.operator(call, at);
    }
}

/// The canonical text of a fact that stands alone.
fn fact(checker: &mut Checker, expr: &Expr) -> Option<String> {
    if expr.is_constant() || !is_plain(expr) {
        return None;
    }
    let (kind, text, _) = guards::quietly(checker, expr);
    (kind != Kind::None).then_some(text)
}

/// Whether it reads facts only, and nothing that the script keeps.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Variable(variable, ..) => {
            ["account", "contact", "entry", "none", "now", "since_entry"].contains(&variable.1.as_str())
        }
        // What hangs on an account is written out, or an error already.
        Expr::Dot(chain, ..) => is_plain(&chain.lhs),
        Expr::Property(..) | Expr::MethodCall(..) => true,
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => parts.iter().all(is_plain),
        Expr::Array(items, _) => items.iter().all(is_plain),
        Expr::FnCall(call, _) => is_plain_call(call),
        Expr::Stmt(block) => match block.statements().first() {
            Some(Stmt::Expr(inner)) if block.statements().len() == 1 => is_plain(inner),
            Some(Stmt::FnCall(call, _)) if block.statements().len() == 1 => is_plain_call(call),
            _ => false,
        },
        other => other.is_constant(),
    }
}

fn is_plain_call(call: &FnCallExpr) -> bool {
    let known = call.op_token.is_some() || global::find(&call.name).is_some();
    known && call.namespace.is_empty() && call.args.iter().all(is_plain)
}
