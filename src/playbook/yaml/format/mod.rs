//! One way to lay out a file: indentation, spaces and blank lines.
//!
//! Lines stay as the author broke them, comments where they are, and nothing
//! that the file says changes: [`format`] reads what it wrote and compares.

use std::sync::Arc;

use super::{Node, NodeValue, read};
use crate::diagnostic::Diagnostic;

mod layout;
mod token;

/// Why a text is not formatted.
#[derive(Clone, Debug, PartialEq)]
pub enum Unformatted {
    /// It cannot be read as YAML.
    Broken(Vec<Diagnostic>),
    /// It has something whose layout is not known, such as `%YAML` or `? key`.
    Unknown,
}

/// A text with its layout set. What the author's text says, the answer says as
/// well, with the same comments, and formatting it again changes nothing.
pub fn format(file: &Arc<str>, text: &str) -> Result<String, Unformatted> {
    let mut problems = Vec::new();
    let tree = read(file, text, &mut problems);
    problems.retain(Diagnostic::is_error);
    let Some(tree) = tree.filter(|_| problems.is_empty()) else { return Err(Unformatted::Broken(problems)) };
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    let formatted = lay_out(&plain).ok_or(Unformatted::Unknown)?;
    let again = read(file, &formatted, &mut Vec::new());
    let is_same = again.is_some_and(|again| same(&tree, &again))
        && comments(&plain) == comments(&formatted)
        && lay_out(&formatted).as_ref() == Some(&formatted);
    let ends_with_return =
        text.split('\n').next().is_some_and(|first| first.len() < text.len() && first.ends_with('\r'));
    match is_same {
        true if ends_with_return => Ok(formatted.replace('\n', "\r\n")),
        true => Ok(formatted),
        false => Err(Unformatted::Unknown),
    }
}

fn lay_out(text: &str) -> Option<String> {
    layout::write(&token::tokens(text)?)
}

/// The comments of a text, in their order.
pub fn comments(text: &str) -> Vec<String> {
    let tokens = token::tokens(text).unwrap_or_default();
    let comments = tokens.iter().filter(|token| token.kind == token::TokenKind::Comment);
    comments.map(|token| token.text.to_owned()).collect()
}

/// Whether two trees say the same, wherever their values stand.
pub fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (NodeValue::Null, NodeValue::Null) => true,
        (NodeValue::Bool(one), NodeValue::Bool(other)) => one == other,
        (NodeValue::Int(one), NodeValue::Int(other)) => one == other,
        (NodeValue::Float(one), NodeValue::Float(other)) => one.text == other.text,
        (NodeValue::Text(one), NodeValue::Text(other)) => one.text == other.text,
        (NodeValue::Sequence(one), NodeValue::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (NodeValue::Mapping(one), NodeValue::Mapping(other)) => {
            let equal = one.iter().zip(other).all(|(one, other)| one.key == other.key && same(&one.node, &other.node));
            one.len() == other.len() && equal
        }
        _ => false,
    }
}
