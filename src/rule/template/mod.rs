//! Templates of mails, tasks and notices: compiled once, rendered many times.
//!
//! The text is read with minijinja's parser and lowered to a small tree whose
//! leaves are facts, so that every name is checked at `check`, every value
//! keeps its type, and whatever fails while rendering knows its place in the
//! playbook. There are no loops: the work of one rendering is bounded by the
//! size of its text.

use std::collections::HashSet;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Arg, Cell, Contact, Csm, Facts, Progress, Schema, Subject, Type};
use crate::playbook::Source;
use crate::playbook::season::Seasons;
use crate::rule::{EvalError, NamedSteps, Neighbours};

mod calculate;
mod call;
mod escape;
mod eval;
mod guard;
mod lower;
mod names;
mod operator;
mod placeholder;
mod syntax;
mod tree;

#[cfg(test)]
mod tests;

pub(super) use super::print::printed;
pub use escape::Escape;

/// The longest template, in bytes.
const MAX_SOURCE: usize = 64 * 1024;
/// The longest single value that is printed, in bytes.
const MAX_VALUE: usize = 64 * 1024;
/// The longest result, in bytes.
const MAX_OUTPUT: usize = 256 * 1024;

/// What the names in a template may mean.
#[derive(Clone, Copy)]
pub struct TemplateScope<'a> {
    pub schema: &'a Schema,
    /// Whether it is rendered for one contact: `recipient.…` is known.
    pub allow_recipient: bool,
    /// Whether it belongs to a contact playbook: `contact.…` is known.
    pub allow_contact: bool,
    /// The playbook's steps, by the functions that can name them.
    pub named_steps: &'a NamedSteps,
    /// Ids that `account.in_playbook("…")` and its kin may name.
    pub neighbours: &'a Neighbours,
    /// The seasons that `in_season("…")` may name.
    pub seasons: &'a Seasons,
    /// Canonical texts of cells that the playbook's condition has proven not
    /// to be missing, and of what it proves about `entry`.
    pub known: &'a HashSet<String>,
    /// The type of a fact function called with these arguments, or what is
    /// wrong with the call, in words for the author.
    pub signature: &'a Signature<'a>,
    /// Every fact function, for suggestions.
    pub function_names: &'a [&'static str],
}

/// Answers what a fact function of such a subject gives with these arguments,
/// or what is wrong with the call: its code and words.
pub type Signature<'a> = dyn Fn(Subject, &str, &[Arg]) -> Result<FunctionInfo, (&'static str, String)> + 'a;

/// What a call of a fact function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name as cells carry it.
    pub function: &'static str,
    pub ty: Type,
    pub nullable: bool,
}

/// A compiled template. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    nodes: Vec<tree::Node>,
    cells: Vec<Cell>,
    entry_columns: Vec<String>,
    escape: Escape,
}

/// Everything one rendering reads.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// Must hold every cell of [`Template::cells`]; its `as_of` is `now`.
    pub facts: &'a Facts,
    /// `None` outside an enrollment: `entry.…` is then missing and no step is done.
    pub progress: Option<&'a Progress>,
    /// `None` when the recipient is not a contact of the account.
    pub recipient: Option<&'a Contact>,
    /// `None` when nobody looks after the account.
    pub csm: Option<&'a Csm>,
    /// The playbook's id.
    pub playbook: &'a str,
    /// The reader's zone: how times print.
    pub zone: Tz,
    /// The zone of `month`, `weekday` and `period`.
    pub playbook_zone: Tz,
    /// The reader's BCP 47 tag; an unknown language reads English dates.
    pub locale: &'a str,
}

/// Why one message could not be written; the template itself is sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// Says which name was missing or too long.
    pub message: String,
    /// Where it stands in the playbook's file.
    pub place: Position,
}

impl From<RenderError> for EvalError {
    fn from(error: RenderError) -> EvalError {
        EvalError::new(format!("{} (line {})", error.message, error.place.line))
    }
}

impl Template {
    /// Reads and checks a template. All findings come together; the template
    /// is there exactly when none of them is an error.
    pub fn compile(source: &Source, scope: &TemplateScope, escape: Escape) -> (Option<Template>, Vec<Diagnostic>) {
        let (lowered, diagnostics) = lower::lower(source, scope);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return (None, diagnostics);
        }
        let template = Template(Arc::new(Compiled {
            nodes: lowered.nodes,
            cells: lowered.cells,
            entry_columns: lowered.entry_columns,
            escape,
        }));
        (Some(template), diagnostics)
    }

    /// What it reads about the account (and the contact of a contact
    /// playbook), each cell once, in order of appearance.
    pub fn cells(&self) -> &[Cell] {
        &self.0.cells
    }

    /// The columns it reads as they were at enrollment (`entry.COLUMN`).
    pub fn entry_columns(&self) -> &[String] {
        &self.0.entry_columns
    }

    /// Writes the text for one reader. The result has at most 256 KiB.
    ///
    /// Fails when a value is printed that is missing, not printable or longer
    /// than 64 KiB, when a missing value is ordered with `<` and its kin, and
    /// when a calculation has no result.
    pub fn render(&self, context: &RenderContext) -> Result<String, RenderError> {
        eval::render(&self.0.nodes, self.0.escape, context)
    }
}
