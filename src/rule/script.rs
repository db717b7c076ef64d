//! The script of a `run` step: what it reads, what it describes, and the calls
//! that cannot be meant. Its values are not typed; what goes wrong while it
//! runs fails that one step, visibly.

use std::collections::HashSet;

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::kind::Typed;
use super::modules::Modules;
use super::sandbox::Sandbox;
use super::typecheck::Checker;
use super::{Rule, Scope, free, wording};
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::Source;

/// The calls that describe actions: their fields, and how many of these, from
/// the first on, must be given.
const ACTIONS: [(&str, &[&str], usize); 3] = [
    ("email", &["to", "subject", "body", "class", "valid_for"], 3),
    ("task", &["title", "description", "to", "due", "priority", "checklist", "outcomes", "keep"], 1),
    ("notify", &["channel", "text"], 2),
];

/// Compiles the script of a `run` step. `None` means that `problems` got an error.
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
            problems.push(wording::unreadable(source, &error, false));
            return None;
        }
    };
    let mut checker = super::checker(source, scope, modules, sandbox);
    for own in ast.iter_fn_def() {
        let help = "put it into a file of `scripts/` and call it as `file::name(…)`";
        let message = format!("`{}` cannot be defined inside a step", own.name);
        checker.problem("KW0402", own.body.start_position(), message, Some(help.to_owned()));
    }
    ast.walk(&mut |path| {
        match path {
            [.., ASTNode::Stmt(Stmt::Assignment(assignment))] if is_fact(&assignment.1.lhs) => {
                let message = "facts cannot be changed";
                checker.problem("KW0212", assignment.1.lhs.position(), message, None);
            }
            [.., ASTNode::Expr(expr @ Expr::Dot(chain, ..))] if is_root(&chain.lhs) => {
                checker.expr(expr);
            }
            [.., ASTNode::Expr(Expr::MethodCall(call, at))] if !belongs_to_fact(path) => {
                checker.problem("KW0201", *at, format!("unknown function `{}`", call.name), None);
            }
            [rest @ .., ASTNode::Expr(expr)] if is_root(expr) && !is_read(rest, expr) => {
                let message = format!("the whole `{}` cannot be kept or passed on in a script", name(expr));
                let help = "read what is needed from it, as in `let mrr = account.mrr;`";
                checker.problem("KW0212", expr.position(), message, Some(help.to_owned()));
            }
            [.., ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))] => {
                checker.script_call(call, *at);
            }
            _ => {}
        }
        true
    });
    super::finish(source, ast, checker.learnt, HashSet::new(), problems)
}

fn name(expr: &Expr) -> &str {
    match expr {
        Expr::Variable(variable, ..) => variable.1.as_str(),
        _ => "",
    }
}

fn is_root(expr: &Expr) -> bool {
    ["account", "contact", "entry"].contains(&name(expr))
}

fn is_fact(expr: &Expr) -> bool {
    match expr {
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => is_fact(&chain.lhs),
        other => is_root(other),
    }
}

/// Whether a method call at the end of a path hangs on an account or the like.
fn belongs_to_fact(path: &[ASTNode]) -> bool {
    let chain = path.iter().rev().skip(1).take_while(|node| matches!(node, ASTNode::Expr(Expr::Dot(..))));
    chain.last().is_some_and(|node| matches!(node, ASTNode::Expr(expr) if is_fact(expr)))
}

/// Whether an account at the end of a path is read, or given to a module.
fn is_read(parents: &[ASTNode], root: &Expr) -> bool {
    match parents.last() {
        Some(ASTNode::Expr(Expr::Dot(chain, ..))) => std::ptr::eq(&chain.lhs, root),
        Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => !call.namespace.is_empty(),
        _ => false,
    }
}

impl Checker<'_> {
    /// A call inside a script: the functions that cannot exist are reported.
    fn script_call(&mut self, call: &FnCallExpr, position: Position) {
        if call.op_token.is_some() || call.name == "contains" {
            return;
        }
        if let Some((_, known, required)) = ACTIONS.iter().find(|(kind, ..)| *kind == call.name.as_str()) {
            let required = known[..*required].iter().copied();
            // The enrolled contact is whom a mail goes to otherwise.
            let required = required.filter(|name| *name != "to" || !self.scope.contact).collect::<Vec<_>>();
            return self.described(call, position, known, &required);
        }
        if !call.namespace.is_empty() {
            let module = call.namespace.path.first().map_or(String::new(), |part| part.name.to_string());
            let args: Vec<Typed> = call
                .args
                .iter()
                .map(|arg| if is_root(arg) { self.expr(arg) } else { self.unknown("?".to_owned(), arg.position()) })
                .collect();
            self.call_module(module, &call.name, args, position);
            return;
        }
        if call.name == "set" {
            self.problem("KW0901", position, "`set` is not yet supported", None);
            return;
        }
        if let ("in_season", [name @ Expr::StringConstant(..)]) = (call.name.as_str(), call.args.as_slice()) {
            let name = self.expr(name);
            self.season_argument(&name);
        }
        if free::find(&call.name).is_none() {
            let help =
                nearest(&call.name, ACTIONS.map(|(kind, ..)| kind)).map(|near| format!("did you mean `{near}`?"));
            self.problem("KW0201", position, format!("unknown function `{}`", call.name), help);
        }
    }

    /// The fields of an action, where the text shows them.
    fn described(&mut self, call: &FnCallExpr, position: Position, known: &[&str], required: &[&str]) {
        let kind = call.name.as_str();
        let map = match call.args.as_slice() {
            [Expr::Map(map, _)] => map,
            [_] => return,
            _ => {
                let help = format!("write `{kind}(#{{ … }})`");
                self.problem("KW0205", position, format!("`{kind}` takes its fields in `#{{ … }}`"), Some(help));
                return;
            }
        };
        for (field, _) in map.0.iter().filter(|(field, _)| !known.contains(&field.name.as_str())) {
            let help = match nearest(&field.name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its fields are {}", known.join(", ")),
            };
            self.problem("KW0101", field.pos, format!("`{kind}` has no field `{}`", field.name), Some(help));
        }
        for name in required.iter().filter(|name| !map.0.iter().any(|(field, _)| field.name == **name)) {
            self.problem("KW0102", position, format!("`{kind}` needs the field `{name}`"), None);
        }
    }
}
