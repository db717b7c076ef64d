//! YAML as nodes that know their place.
//!
//! One pass over the parser's events builds the tree. Nothing here recurses
//! with the document, and size, depth and number of nodes are limited, so a
//! hostile file costs an error and no more.

use std::sync::Arc;

use super::{Layout, Source};
use crate::diagnostic::Position;

pub mod format;
mod lines;
mod mistakes;
mod plain_scalar;
mod read;
mod scalars;
#[cfg(test)]
mod tests;

pub use read::read;
pub(crate) use read::too_large;
pub use scalars::{ScalarSpan, scalars};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// How deep collections may be nested; six branches inside each other fit.
pub const MAX_DEPTH: usize = 40;
/// How many values, keys included, a file may hold.
pub const MAX_NODES: usize = 20_000;

/// One value of a document with the place where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value starts; for a literal block, its first line of content.
    pub place: Position,
    /// What stands there.
    pub value: NodeValue,
}

/// A value by its type in YAML 1.2: `no`, `off` and `09:00` are text.
#[derive(Clone, Debug)]
pub enum NodeValue {
    /// `null`, `~` or nothing at all.
    Null,
    Bool(bool),
    Int(i64),
    /// Any other number.
    Float(WrittenFloat),
    /// Any other scalar. The source maps inner positions to the file.
    Text(Source),
    Sequence(Vec<Node>),
    /// In the file's order; keys are unique.
    Mapping(Vec<Entry>),
}

/// A number that is no whole one of 64 bits, as it was written: `3.10` is not `3.1` to
/// whom it names a version.
#[derive(Clone, Debug)]
pub struct WrittenFloat {
    pub value: f64,
    pub text: Arc<str>,
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_place: Position,
    pub node: Node,
}

impl Node {
    /// What it is, in words for authors: `the number 5`, `a list`, `nothing`.
    pub fn describe(&self) -> String {
        match &self.value {
            NodeValue::Null => "nothing".into(),
            NodeValue::Bool(value) => format!("`{value}`"),
            NodeValue::Int(value) => format!("the number {value}"),
            NodeValue::Float(number) => format!("the number {}", number.text),
            NodeValue::Text(_) => "text".into(),
            NodeValue::Sequence(_) => "a list".into(),
            NodeValue::Mapping(_) => "a mapping".into(),
        }
    }

    /// Whether it is a text that stands in quotes, on one line and without escapes.
    pub fn is_quoted(&self) -> bool {
        let inside = |source: &Source| source.origin.layout == Layout::Inline && source.origin.start != self.place;
        matches!(&self.value, NodeValue::Text(source) if inside(source))
    }

    /// The text of a text scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(source) => Some(&source.text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }
}
