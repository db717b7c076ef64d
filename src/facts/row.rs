//! One subject's row of typed cells.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::{Cell, CellPath};
use super::kpi::KpiQuestion;
use super::subject::{Subject, SubjectId};
use super::value::Value;
use crate::clock::Instant;
use crate::zone::find_zone;

/// Which cells a set of expressions reads, and where each stands in a row.
///
/// One for accounts holds cells of accounts; one for contacts holds those of a
/// contact and of its account.
#[derive(Clone, Debug)]
pub struct Layout {
    subject: Subject,
    cells: Vec<Cell>,
    index: BTreeMap<Cell, usize>,
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
        Layout { subject, cells: Vec::new(), index: BTreeMap::new() }
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

    /// What is asked of recorded figures, each with its position.
    pub fn kpi_questions(&self) -> impl Iterator<Item = (usize, &KpiQuestion)> {
        self.cells.iter().enumerate().filter_map(|(at, cell)| match &cell.path {
            CellPath::Kpi(question) => Some((at, question)),
            _ => None,
        })
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
    /// The accounts that a playbook for the portfolio lists.
    pub matching: Option<Arc<Matching>>,
}

/// The accounts that a condition holds for, as a text lists them.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// In their order, up to a limit.
    pub members: Vec<Arc<Facts>>,
    /// How many there are without the limit.
    pub count: usize,
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
            Some(Value::Text(name)) => find_zone(name),
            _ => None,
        };
        zone(self.contact_column("timezone")).or_else(|| zone(self.column("timezone")))
    }
}
