//! The calls of a script as they stand in its text: what they describe can be
//! judged before it runs, as far as it is written out.

use std::collections::BTreeSet;

use rhai::{ASTNode, Dynamic, Expr, FnCallExpr, Stmt};

use crate::playbook::Source;
use crate::rule::engine::actions::{ACTIONS, SET};
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::engine::value::texts;
use crate::rule::place::place;

/// The call of one action.
#[derive(Debug)]
pub struct WrittenCall {
    /// `email`, `task`, `notify`, `set`.
    pub kind: &'static str,
    /// Line and column in the script, both 1-based, here and below.
    pub place: (u32, u32),
    /// `None` where they do not stand in the call.
    pub fields: Option<Vec<WrittenField>>,
}

/// One field of such a call.
#[derive(Debug)]
pub struct WrittenField {
    pub name: String,
    pub name_place: (u32, u32),
    pub place: (u32, u32),
    /// `None` where it is calculated; a list holds the items that are not.
    pub value: Option<Dynamic>,
}

impl WrittenCall {
    /// The calls in a script; `None` where it cannot be read.
    pub fn all(source: &Source, sandbox: &Sandbox) -> Option<Vec<WrittenCall>> {
        let ast = sandbox.script(&source.text).ok()?;
        let mut calls = Vec::new();
        ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) = path.last()
                && call.namespace.is_empty()
                // Others are refused.
                && call.args.len() == 1
                && let Some(kind) = ACTIONS.iter().find(|kind| **kind == call.name.as_str())
            {
                calls.push(WrittenCall { kind, place: place(*at), fields: fields(call) });
            }
            true
        });
        Some(calls)
    }

    /// A field by its name, where the fields are written out.
    pub fn field(&self, name: &str) -> Option<&WrittenField> {
        self.fields.iter().flatten().find(|field| field.name == name)
    }
}

fn fields(call: &FnCallExpr) -> Option<Vec<WrittenField>> {
    let [Expr::Map(map, _)] = call.args.as_slice() else { return None };
    let field = |(name, value): &(rhai::Ident, Expr)| WrittenField {
        name: name.name.to_string(),
        name_place: place(name.pos),
        place: place(value.position()),
        value: constant(value),
    };
    Some(map.0.iter().map(field).collect())
}

fn constant(value: &Expr) -> Option<Dynamic> {
    match value {
        Expr::Array(items, _) => Some(items.iter().filter_map(constant).collect::<Vec<_>>().into()),
        Expr::DynamicConstant(value, _) => Some(value.as_ref().clone()),
        Expr::StringConstant(text, _) => Some(text.clone().into()),
        Expr::IntegerConstant(number, _) => Some((*number).into()),
        Expr::FloatConstant(number, _) => Some(Dynamic::from(**number)),
        Expr::BoolConstant(value, _) => Some((*value).into()),
        Expr::Unit(_) => Some(Dynamic::UNIT),
        _ => None,
    }
}

/// The texts that stand in a script; none where it cannot be read.
pub fn literals(source: &Source, sandbox: &Sandbox) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(ast) = sandbox.script(&source.text) {
        ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => drop(found.insert(text.to_string())),
                Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                    found.extend(texts(value).into_iter().flatten());
                }
                _ => {}
            }
            true
        });
    }
    found
}

/// The labels that a script sets; `None` where its text does not say which.
pub fn labels(source: &Source, sandbox: &Sandbox) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for call in WrittenCall::all(source, sandbox)?.into_iter().filter(|call| call.kind == SET) {
        found.extend(call.fields?.into_iter().map(|field| field.name));
    }
    Some(found)
}
