//! The shared functions of `scripts/`, one module per file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, Stmt};

use super::sandbox::Sandbox;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::plan_link::PlanLinks;
use crate::playbook::season::Seasons;
use crate::playbook::{Layout, Origin, Source};
use crate::rule::functions::global::{KPI, KPI_CHANGE, PLAN_LINK};
use crate::rule::place::place;
use crate::rule::population::Measure;
use crate::rule::{foreign_syntax, rhai_messages};

/// A function of a script module.
#[derive(Debug)]
pub(crate) struct ModuleFunction {
    pub name: String,
    pub params: Vec<String>,
    /// Its body, when it is a single expression.
    pub expression: Option<Stmt>,
}

/// Every script module that compiles, with its text.
#[derive(Debug, Default)]
pub struct Modules {
    modules: BTreeMap<String, Vec<ModuleFunction>>,
    texts: BTreeMap<String, String>,
    words: BTreeMap<String, Arc<BTreeSet<String>>>,
    compiled: Vec<(String, AST)>,
    /// Those that do not compile: that is said once, where it is wrong.
    broken: BTreeSet<String>,
}

impl Modules {
    /// Compiles modules given as (name, file, text); what is wrong is added to
    /// `problems` and that module is left out.
    pub fn compile<'a>(
        scripts: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
        problems: &mut Vec<Diagnostic>,
    ) -> Modules {
        let mut all = Modules::default();
        for (name, file, text) in scripts {
            let start = Position { line: 1, column: 1 };
            if !is_name(name) {
                let message = format!("nothing can call a script by the name `{name}`");
                let help = "name the file with letters, digits and `_`, beginning with a letter: `health.rhai`";
                problems.push(Diagnostic::warning("KW0402", file, start, message).help(help));
            }
            all.broken.insert(name.to_owned());
            let layout = Layout::Block { first_line: 1, indent: 0, lead: 0 };
            let source = Source { text: text.into(), origin: Origin { file: file.into(), start, layout } };
            let (misspelt, _) = foreign_syntax::check(&source, foreign_syntax::Text::Script);
            if !misspelt.is_empty() {
                problems.extend(misspelt);
                continue;
            }
            let ast = match Sandbox::module(text) {
                Ok(ast) => ast,
                Err(error) => {
                    let (line, column) = place(error.position());
                    let at = Position { line, column };
                    let (message, help) = rhai_messages::describe_error_kind(error.err_type());
                    let mut problem = Diagnostic::error("KW0401", file, at, message);
                    problem.help = help;
                    problems.push(problem);
                    continue;
                }
            };
            if let Some(statement) = ast.statements().first() {
                let (line, column) = place(statement.position());
                problems.push(
                    Diagnostic::error("KW0402", file, Position { line, column }, "a script holds functions only")
                        .help("put it inside `fn name(…) { … }`"),
                );
                continue;
            }
            unknown_calls(&ast, file, problems);
            let functions = ast
                .iter_fn_def()
                .map(|definition| ModuleFunction {
                    name: definition.name.to_string(),
                    params: definition.params.iter().map(ToString::to_string).collect(),
                    expression: inside(text, definition.body.start_position(), definition.body.end_position())
                        .and_then(|body| Sandbox::body(&body).ok())
                        .and_then(|body| match body.statements() {
                            [only @ (Stmt::Expr(_) | Stmt::FnCall(..))] => Some(only.clone()),
                            _ => None,
                        }),
                })
                .collect();
            all.broken.remove(name);
            all.modules.insert(name.to_owned(), functions);
            all.texts.insert(name.to_owned(), text.to_owned());
            all.words.insert(name.to_owned(), Arc::new(words(&ast)));
            all.compiled.push((name.to_owned(), ast));
        }
        all
    }

    pub(crate) fn functions(&self, module: &str) -> Option<&[ModuleFunction]> {
        self.modules.get(module).map(Vec::as_slice)
    }

    /// Whether there is such a file, with mistakes.
    pub(crate) fn is_broken(&self, module: &str) -> bool {
        self.broken.contains(module)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// The text of a module, for revisions.
    pub fn text(&self, module: &str) -> Option<&str> {
        self.texts.get(module).map(String::as_str)
    }

    /// The names that a module reads and calls.
    pub fn words(&self, module: &str) -> Option<&Arc<BTreeSet<String>>> {
        self.words.get(module)
    }

    /// The engines with these modules in reach, for texts that nobody is sent: their links
    /// to success plans are examples.
    pub fn sandbox(&self, seasons: &Seasons) -> Sandbox {
        self.sandbox_with_links(seasons, &PlanLinks::example())
    }

    /// The same, where links to success plans lead to their pages.
    pub fn sandbox_with_links(&self, seasons: &Seasons, links: &PlanLinks) -> Sandbox {
        Sandbox::new(&self.compiled, seasons, links)
    }
}

fn is_name(module: &str) -> bool {
    module.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Where what is about all accounts can stand instead.
const IN_EXPRESSIONS: &str = "write it where the script is called, and give the script its value";

/// The names that functions read and call, those of methods included.
fn words(ast: &AST) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Variable(name, ..))) => drop(words.insert(name.1.to_string())),
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => drop(words.insert(call.name.to_string())),
            _ => {}
        }
        true
    });
    words
}

/// Reports calls of functions that exist nowhere, or not in a script.
fn unknown_calls(ast: &AST, file: &str, problems: &mut Vec<Diagnostic>) {
    let own: Vec<&str> = ast.iter_fn_def().map(|definition| definition.name.as_str()).collect();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Custom(custom, at))) = path.last()
            && let Some(name) = custom.tokens.first()
            && Measure::named(name).is_some()
        {
            let (line, column) = place(*at);
            let message = format!("`{name}` is not available in a script");
            let problem = Diagnostic::error("KW0212", file, Position { line, column }, message);
            problems.push(problem.help(IN_EXPRESSIONS));
        }
        if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) = path.last()
            && [KPI, KPI_CHANGE, PLAN_LINK].contains(&call.name.as_str())
            && call.namespace.is_empty()
            && !own.contains(&call.name.as_str())
        {
            let (line, column) = place(*at);
            let message = format!("`{}` is not available in a script", call.name);
            let problem = Diagnostic::error("KW0212", file, Position { line, column }, message);
            problems.push(problem.help(IN_EXPRESSIONS));
        }
        let unknown = match path.last() {
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                crate::rule::functions::find(&call.name).is_none().then_some((call, at))
            }
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                let operator = call.op_token.is_some() || call.name == "contains";
                let known =
                    own.contains(&call.name.as_str()) || crate::rule::functions::global::find(&call.name).is_some();
                (!operator && !known && call.namespace.is_empty()).then_some((call, at))
            }
            _ => None,
        };
        if let Some((call, at)) = unknown {
            let (line, column) = place(*at);
            let message = format!("unknown function `{}`", call.name);
            let mut problem = Diagnostic::error("KW0201", file, Position { line, column }, message);
            problem.help = nearest(&call.name, own.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            problems.push(problem);
        }
        true
    });
}

/// The text between the braces at two positions of a script.
fn inside(text: &str, open: rhai::Position, close: rhai::Position) -> Option<String> {
    let offset = |at: rhai::Position| {
        let line = text.split_inclusive('\n').take(at.line()? - 1).map(str::len).sum::<usize>();
        let column = text[line..].char_indices().nth(at.position()? - 1)?.0;
        Some(line + column)
    };
    let (open, close) = (offset(open)?, offset(close)?);
    text.get(open + 1..close).map(|body| body.trim().to_owned())
}
