//! YAML as nodes that know their place.

use super::Source;
use crate::diagnostic::Position;

/// One value of a document with the place where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Position,
    pub value: NodeValue,
}

#[derive(Clone, Debug)]
pub enum NodeValue {
    /// `null`, `~` or nothing at all.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Any other scalar. The source maps inner positions to the file.
    Text(Source),
    Sequence(Vec<Node>),
    /// In the file's order; keys are unique.
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_place: Position,
    pub node: Node,
}
