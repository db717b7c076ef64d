//! What conditions and templates see.
//!
//! A column of the store, a key of its `traits`, or a fact function with
//! literal arguments is a [`Cell`]; [`Facts`] is one subject's row of typed
//! cells, frozen at one instant, and nothing behind it sees events. `store`
//! fetches cells with SQL, a test case folds them from a [`History`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::clock::Instant;
use crate::playbook::SubjectKind;

pub mod file;
pub mod history;
pub mod people;
pub mod progress;
pub mod schema;
pub mod time;
mod value;

pub use history::History;
pub use people::{Colleague, Contact, Csm};
pub use progress::Progress;
pub use schema::{Column, Schema};
pub use value::{Type, Value};

/// Whose fact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Account,
    Contact,
}

impl Subject {
    /// The name authors use: `account` or `contact`.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Account => "account",
            Subject::Contact => "contact",
        }
    }
}

impl From<SubjectKind> for Subject {
    fn from(kind: SubjectKind) -> Subject {
        match kind {
            SubjectKind::Account => Subject::Account,
            SubjectKind::Contact => Subject::Contact,
        }
    }
}

/// Which account, or which contact of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectId {
    pub account: String,
    /// Empty for the account itself.
    pub contact: String,
}

impl fmt::Display for SubjectId {
    /// `account`, or `account/contact`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.account)?;
        if self.contact.is_empty() { Ok(()) } else { write!(f, "/{}", self.contact) }
    }
}

/// The address of one value about one subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    pub subject: Subject,
    pub path: CellPath,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CellPath {
    /// A column of the relation, by its own name.
    Column(String),
    /// One key of the `traits` column, as JSON.
    Trait(String),
    /// A fact function with its arguments.
    Call { function: &'static str, args: Vec<Arg> },
    /// The same so many times 24 hours earlier. It is not nested.
    Ago { days: i64, path: Box<CellPath> },
}

impl CellPath {
    /// What is asked for, whatever the day.
    pub fn whenever(&self) -> &CellPath {
        match self {
            CellPath::Ago { path, .. } => path,
            path => path,
        }
    }

    /// The same that many days earlier; itself without days.
    pub fn ago(self, days: Option<i64>) -> CellPath {
        match days {
            Some(days) => CellPath::Ago { days, path: Box::new(self) },
            None => self,
        }
    }
}

/// An argument of a fact function: a literal, or where its window starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arg {
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    Int(i64),
    /// The window begins when the enrollment started.
    SinceEntry,
    /// The window begins when the waiting step began.
    SinceStep,
}

impl Cell {
    /// A column of a subject.
    pub fn column(subject: Subject, name: &str) -> Cell {
        Cell { subject, path: CellPath::Column(name.to_owned()) }
    }
}

impl fmt::Display for Cell {
    /// As an author would write it: `account.events("login", 30)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.subject.name())?;
        if let CellPath::Ago { days, .. } = &self.path {
            write!(f, "ago({days}).")?;
        }
        match self.path.whenever() {
            CellPath::Ago { .. } => Ok(()),
            CellPath::Column(name) => write!(f, "{name}"),
            CellPath::Trait(key) => write!(f, "traits.{key}"),
            CellPath::Call { function, args } => {
                write!(f, "{function}(")?;
                for (index, arg) in args.iter().enumerate() {
                    if index > 0 {
                        write!(f, ", ")?;
                    }
                    match arg {
                        Arg::Text(text) => write!(f, "{text:?}")?,
                        Arg::Texts(texts) => write!(f, "{texts:?}")?,
                        Arg::Int(number) => write!(f, "{number}")?,
                        Arg::SinceEntry => write!(f, "since_entry")?,
                        Arg::SinceStep => write!(f, "since_step")?,
                    }
                }
                write!(f, ")")
            }
        }
    }
}

/// Which cells a set of expressions reads, and where each stands in a row.
///
/// One for accounts holds cells of accounts; one for contacts holds those of a
/// contact and of its account.
#[derive(Clone, Debug)]
pub struct Layout {
    subject: Subject,
    cells: Vec<Cell>,
    index: HashMap<Cell, usize>,
}

impl Default for Layout {
    /// No cells, for accounts.
    fn default() -> Layout {
        Layout::of(Subject::Account)
    }
}

impl Layout {
    /// No cells, for such subjects.
    pub fn of(subject: Subject) -> Layout {
        Layout { subject, cells: Vec::new(), index: HashMap::new() }
    }

    /// Whose rows they are.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Adds a cell once and returns its position.
    pub fn add(&mut self, cell: Cell) -> usize {
        if let Some(at) = self.index.get(&cell) {
            return *at;
        }
        self.cells.push(cell.clone());
        self.index.insert(cell, self.cells.len() - 1);
        self.cells.len() - 1
    }

    /// Adds all cells of another layout.
    pub fn merge(&mut self, other: &[Cell]) {
        for cell in other {
            self.add(cell.clone());
        }
    }

    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The position of a cell, if it belongs to the layout.
    pub fn position(&self, cell: &Cell) -> Option<usize> {
        self.index.get(cell).copied()
    }
}

/// One subject's facts at one instant.
#[derive(Clone, Debug)]
pub struct Facts {
    pub account: String,
    /// Empty for accounts.
    pub contact: String,
    /// What `now` is in every expression.
    pub as_of: Instant,
    pub layout: Arc<Layout>,
    /// One value per cell of the layout.
    pub values: Vec<Value>,
}

impl Facts {
    /// The value of a cell; `None` when the cell was not asked for.
    pub fn get(&self, cell: &Cell) -> Option<&Value> {
        self.layout.position(cell).map(|at| &self.values[at])
    }

    /// Whose facts they are.
    pub fn subject(&self) -> SubjectId {
        SubjectId { account: self.account.clone(), contact: self.contact.clone() }
    }

    /// A column of the account by name; `None` when it was not asked for.
    pub fn column(&self, name: &str) -> Option<&Value> {
        self.get(&Cell::column(Subject::Account, name))
    }

    /// A column of the enrolled contact by name; `None` when it was not asked
    /// for, and in facts of an account.
    pub fn contact_column(&self, name: &str) -> Option<&Value> {
        self.get(&Cell::column(Subject::Contact, name))
    }

    /// What the account names as its zone, which may be none.
    pub fn account_zone(&self) -> Option<&str> {
        match self.column("timezone") {
            Some(Value::Text(zone)) => Some(zone),
            _ => None,
        }
    }

    /// The enrolled contact's zone, else the account's; `None` where neither
    /// names one.
    pub fn zone(&self) -> Option<chrono_tz::Tz> {
        let zone = |value: Option<&Value>| match value {
            Some(Value::Text(name)) => name.parse().ok(),
            _ => None,
        };
        zone(self.contact_column("timezone")).or_else(|| zone(self.column("timezone")))
    }
}
