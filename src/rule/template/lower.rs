//! From the parser's tree to ours: names are resolved, types are compared,
//! and what can be missing is found.

use minijinja::machinery::{Span, ast};

use super::guard::Known;
use super::names::literal;
use super::tree::{Expr, Kind, Name, Node};
use super::{TemplateScope, syntax};
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Cell, Type, Value};
use crate::playbook::Source;

#[derive(Default)]
pub(super) struct Lowered {
    pub nodes: Vec<Node>,
    pub cells: Vec<Cell>,
    pub entry_columns: Vec<String>,
}

/// A 1-based place inside the template.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    line: u32,
    column: u32,
}

/// Where the first token of an expression stands. The parser's own spans
/// begin one token early for some kinds.
pub(super) fn spot(expr: &ast::Expr) -> Spot {
    match expr {
        ast::Expr::BinOp(op) => spot(&op.left),
        ast::Expr::Compare(compare) => spot(&compare.expr),
        ast::Expr::IfExpr(choice) => spot(&choice.true_expr),
        ast::Expr::GetAttr(attr) => spot(&attr.expr),
        ast::Expr::GetItem(item) => spot(&item.expr),
        ast::Expr::Slice(slice) => spot(&slice.expr),
        ast::Expr::Call(call) => spot(&call.expr),
        ast::Expr::Test(test) => spot(&test.expr),
        ast::Expr::Filter(filter) => match &filter.expr {
            Some(inner) => spot(inner),
            None => start_of(filter.span()),
        },
        other => start_of(other.span()),
    }
}

/// Where the name at the end of a span stands.
pub(super) fn spot_of_name(span: Span, name: &str) -> Spot {
    let length = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
    Spot { line: u32::from(span.end_line), column: (u32::from(span.end_col) + 1).saturating_sub(length).max(1) }
}

fn start_of(span: Span) -> Spot {
    Spot { line: u32::from(span.start_line), column: u32::from(span.start_col) + 1 }
}

pub(super) struct Lowering<'a> {
    source: &'a Source,
    pub scope: &'a TemplateScope<'a>,
    pub known: Known<'a>,
    found: Vec<Diagnostic>,
    pub cells: Vec<Cell>,
    entry_columns: Vec<String>,
}

pub(super) fn lower(source: &Source, scope: &TemplateScope) -> (Lowered, Vec<Diagnostic>) {
    let template = match syntax::read(source) {
        Ok(template) => template,
        Err(mut unreadable) => {
            // What stands before a tag that is never closed can be judged.
            if let Some(end) = unreadable.readable {
                let head = Source { text: source.text[..end].into(), origin: source.origin.clone() };
                let (_, more) = lower(&head, scope);
                unreadable.found.extend(more.into_iter().filter(|problem| problem.code != syntax::UNREADABLE));
            }
            return (Lowered::default(), unreadable.found);
        }
    };
    let mut lowering = Lowering {
        source,
        scope,
        known: Known::new(scope.known),
        found: Vec::new(),
        cells: Vec::new(),
        entry_columns: Vec::new(),
    };
    let nodes = match &template {
        ast::Stmt::Template(template) => lowering.nodes(&template.children),
        _ => Vec::new(),
    };
    lowering.found.extend(super::placeholder::foreign(source));
    let lowered = Lowered { nodes, cells: lowering.cells, entry_columns: lowering.entry_columns };
    (lowered, lowering.found)
}

impl Lowering<'_> {
    pub(super) fn place(&self, at: Spot) -> Position {
        self.source.origin.at(at.line, at.column)
    }

    pub(super) fn made(&self, kind: Kind, ty: Option<Type>, at: Spot) -> Expr {
        Expr { kind, place: self.place(at), ty }
    }

    /// Reports an error and gives nothing, so that the caller can return it.
    pub(super) fn refuse(
        &mut self,
        code: &'static str,
        at: Spot,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Option<Expr> {
        let finding = self.source.error(code, at.line, at.column, message);
        self.found.push(with_help(finding, help));
        None
    }

    pub(super) fn warn(&mut self, code: &'static str, at: Spot, message: String, help: String) {
        let finding = self.source.warning(code, at.line, at.column, message);
        self.found.push(finding.help(help));
    }

    pub(super) fn entry_column(&mut self, name: &str) {
        if !self.entry_columns.iter().any(|known| known == name) {
            self.entry_columns.push(name.to_owned());
        }
    }

    fn nodes(&mut self, statements: &[ast::Stmt]) -> Vec<Node> {
        statements.iter().filter_map(|one| self.node(one)).collect()
    }

    fn node(&mut self, statement: &ast::Stmt) -> Option<Node> {
        match statement {
            ast::Stmt::EmitRaw(raw) => Some(Node::Text(raw.raw.into())),
            ast::Stmt::EmitExpr(print) => {
                let at = spot(&print.expr);
                let expr = self.expr(&print.expr)?;
                self.check_print(&expr, at)?;
                Some(Node::Print(expr))
            }
            ast::Stmt::IfCond(branch) => {
                let condition = self.expr(&branch.expr);
                let outside = self.known.clone();
                if let Some(condition) = &condition {
                    self.known = outside.when(condition, true);
                }
                let then = self.nodes(&branch.true_body);
                if let Some(condition) = &condition {
                    self.known = outside.when(condition, false);
                }
                let otherwise = self.nodes(&branch.false_body);
                self.known = outside;
                Some(Node::If { condition: condition?, then, otherwise })
            }
            // The tokens were checked before: no other tag gets this far.
            _ => None,
        }
    }

    fn check_print(&mut self, expr: &Expr, at: Spot) -> Option<()> {
        if let Kind::Name { name: name @ (Name::Csm | Name::Recipient), .. } = &expr.kind {
            let message = format!("`{name}` as a whole has no text");
            self.refuse("KW0302", at, message, Some(format!("`{name}.name`")));
            return None;
        }
        let Some(weak) = self.known.weak(expr) else {
            return Some(());
        };
        let what = match &weak.kind {
            Kind::Name { name, .. } => format!("`{name}`"),
            Kind::Choose { .. } => "a choice without `else`".to_owned(),
            _ => {
                self.refuse("KW0302", at, "`none` has no text", None);
                return None;
            }
        };
        let help = match (&weak.kind, self.printed(at)) {
            (Kind::Choose { .. }, _) => "add `else \"…\"`".to_owned(),
            // A filter needs the value: the whole is left out without it.
            (_, Some(whole)) if whole.contains('|') => {
                format!("{{% if {} is not none %}}{{{{ {whole} }}}}{{% endif %}}", what.trim_matches('`'))
            }
            (_, Some(whole)) => format!("{{{{ {whole} | default(\"…\") }}}}"),
            _ => format!("{{{{ {} | default(\"…\") }}}}", what.trim_matches('`')),
        };
        let message = format!("{what} can be missing; the text cannot be written then");
        self.warn("KW0303", at, message, help);
        Some(())
    }

    /// The whole expression that begins at a place and is printed.
    fn printed(&self, at: Spot) -> Option<&str> {
        let line = self.source.text.lines().nth(at.line as usize - 1)?;
        let (start, _) = line.char_indices().nth(at.column as usize - 1)?;
        let start = line[..start].rfind("{{")? + 2;
        let inner = &line[start..];
        let inner = inner[..inner.find("}}")?].trim_start_matches('-').trim_end_matches('-').trim();
        (!inner.is_empty() && inner.len() <= 100).then_some(inner)
    }

    /// Lowers an expression; `None` after an error has been reported.
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let at = spot(expr);
        match expr {
            ast::Expr::Var(var) => self.variable(var.id, at),
            ast::Expr::Const(constant) => match literal(&constant.value) {
                Some(value) => {
                    let ty = type_of(&value);
                    Some(self.made(Kind::Literal(value), ty, at))
                }
                None => self.refuse("KW0301", at, "this number is too large", None),
            },
            ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.attribute(expr),
            ast::Expr::Call(call) => self.call(call, at),
            ast::Expr::Filter(filter) => self.filter(filter, start_of(filter.span())),
            ast::Expr::Test(test) => self.test(test, at),
            ast::Expr::UnaryOp(unary) => self.unary(unary, at),
            ast::Expr::BinOp(binary) => self.binary(binary, at),
            ast::Expr::Compare(chain) => self.chain(chain, at),
            ast::Expr::IfExpr(choice) => {
                let condition = self.expr(&choice.test_expr)?;
                let outside = self.known.clone();
                self.known = outside.when(&condition, true);
                let then = self.expr(&choice.true_expr);
                self.known = outside.when(&condition, false);
                let otherwise = choice.false_expr.as_ref().map(|other| self.expr(other));
                self.known = outside;
                let (then, otherwise) = (then?, otherwise.map_or(Some(None), |other| other.map(Some))?);
                let ty = then.ty.filter(|ty| otherwise.as_ref().is_none_or(|other| other.ty == Some(*ty)));
                Some(self.made(
                    Kind::Choose {
                        condition: Box::new(condition),
                        then: Box::new(then),
                        otherwise: otherwise.map(Box::new),
                    },
                    ty,
                    at,
                ))
            }
            ast::Expr::List(_) | ast::Expr::Tuple(_) => {
                self.refuse("KW0301", at, "a list can only stand after `in`", None)
            }
            ast::Expr::Map(_) | ast::Expr::Slice(_) => self.refuse("KW0301", at, "not available in templates", None),
        }
    }
}

fn type_of(value: &Value) -> Option<Type> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::Text(_) => Type::Text,
        Value::Time(_) => Type::Time,
        Value::Json(_) => Type::Json,
    })
}

fn with_help(finding: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => finding.help(help),
        None => finding,
    }
}
