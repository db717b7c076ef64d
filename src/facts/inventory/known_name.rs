//! A name that the customer store holds, or has held.

use super::shape::Shape;

/// A name that the customer store holds, or has held.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownName {
    pub name: String,
    /// In how many rows it stood at the last look that found it.
    pub rows: u64,
    /// Of an attribute: what its values look like. Empty for other names.
    pub shapes: Vec<Shape>,
}
