//! The script of a `run` step: what it reads, what it describes, and the calls
//! that cannot be meant. Its values are not typed; what goes wrong while it
//! runs fails that one step, visibly.

use std::collections::HashSet;

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::checker::Checker;
use super::kind::Typed;
use super::script_lints;
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::Source;
use crate::rule::compile::{Compilation, finish};
use crate::rule::compiled::Rule;
use crate::rule::engine::actions::{ACTIONS, SET};
use crate::rule::engine::modules::Modules;
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::functions::global;
use crate::rule::population::Measure;
use crate::rule::scope::Scope;
use crate::rule::{foreign_syntax, rhai_messages};

/// Compiles the script of a `run` step. `None` means that `problems` got an error.
pub fn compile_script(
    source: &Source,
    scope: &Scope,
    modules: &Modules,
    sandbox: &Sandbox,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let (misspelt, _) = foreign_syntax::check(source, foreign_syntax::Text::Script);
    if !misspelt.is_empty() {
        problems.extend(misspelt);
        return None;
    }
    let ast = match sandbox.script(&source.text) {
        Ok(ast) => ast,
        Err(error) => {
            problems.push(rhai_messages::describe_parse_error(
                source,
                &error,
                |name| modules.functions(name).is_some(),
                false,
            ));
            return None;
        }
    };
    let compilation = Compilation { scope, modules, sandbox, in_text: None };
    let mut checker = Checker { in_script: true, ..compilation.checker(source) };
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
            [.., ASTNode::Expr(Expr::Custom(custom, at))] => {
                if let Some(measure) = custom.tokens.first().and_then(|name| Measure::named(name)) {
                    checker.population(measure, &custom.inputs, *at);
                }
            }
            [.., ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))] => {
                checker.script_call(call, *at);
            }
            _ => {}
        }
        true
    });
    if !checker.findings.problems.iter().any(Diagnostic::is_error) {
        let doubts = script_lints::lint(&ast, &mut checker);
        checker.findings.problems.extend(doubts);
    }
    finish(source, ast, checker.findings, HashSet::new(), problems)
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
        if call.namespace.is_empty() && ACTIONS.contains(&call.name.as_str()) {
            // What stands in the fields is judged where their kind is read.
            let fields = self.fields(call, position).unwrap_or_default();
            if call.name == SET {
                self.labels(fields);
            }
            return;
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
        let is_known = global::find(&call.name).is_some();
        if is_known && call.args.iter().all(Expr::is_constant) {
            self.function(call, position);
        } else if call.name == global::PLAN_LINK {
            // Which plan is read has to stand in the text: it is fetched before the script runs.
            self.problem("KW0205", position, "`plan_link` takes the id of a success plan in quotes", None);
        }
        if !is_known {
            let help = nearest(&call.name, ACTIONS).map(|near| format!("did you mean `{near}`?"));
            self.problem("KW0201", position, format!("unknown function `{}`", call.name), help);
        }
    }

    /// Labels and their values, where the text shows them.
    fn labels(&mut self, fields: &[(rhai::Ident, Expr)]) {
        for (label, value) in fields {
            if let Expr::Array(_, at) | Expr::Map(_, at) = value {
                let message = format!("the label `{}` is a text, a number, true or false", label.name);
                self.problem("KW0206", *at, message, Some("to remove a label, write `none`".to_owned()));
            }
        }
    }

    /// The fields of a call of the form `kind(#{ … })`; `None` where they do not
    /// stand there.
    fn fields<'e>(&mut self, call: &'e FnCallExpr, position: Position) -> Option<&'e [(rhai::Ident, Expr)]> {
        match call.args.as_slice() {
            [Expr::Map(map, _)] => Some(&map.0),
            [_] => None,
            _ => {
                let kind = call.name.as_str();
                let help = format!("write `{kind}(#{{ … }})`");
                self.problem("KW0205", position, format!("`{kind}` takes its fields in `#{{ … }}`"), Some(help));
                None
            }
        }
    }
}
