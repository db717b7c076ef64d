//! What the database decides of a condition, clause by clause.

use super::predicate::Predicate;
use crate::diagnostic;
use crate::facts::Cell;

/// What the database decides of a condition. The engine decides the whole
/// condition again on every account that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefilter {
    /// True on every account on which the condition is true.
    pub predicate: Predicate,
    /// The clauses joined by the outermost `&&`, in order.
    pub clauses: Vec<Clause>,
}

/// One clause and where it is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// As the author could have written it.
    pub text: String,
    /// Where it begins in its file.
    pub at: diagnostic::Position,
    /// Whether the database rules out accounts by it.
    pub prunes: bool,
    /// What of it only the engine understands, by its place in the file.
    pub engine: Vec<diagnostic::Position>,
    /// What is fetched to decide it.
    pub cells: Vec<Cell>,
    /// What it compares, as the author could have written it; no literals.
    pub operands: Vec<String>,
}

impl std::fmt::Display for Clause {
    /// For a person: `in the database: …` or `in the engine: 7:12 …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places: Vec<String> = self.engine.iter().map(|at| format!("{}:{}", at.line, at.column)).collect();
        match (self.prunes, places.is_empty()) {
            (_, true) => write!(f, "in the database: {}", self.text),
            (true, false) => write!(f, "in the database, but for {}: {}", places.join(", "), self.text),
            (false, false) => write!(f, "in the engine: {} {}", places.join(", "), self.text),
        }
    }
}
