//! What a template is once it is compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::escape::Escape;
use super::filter::Filter;
use super::link::LinkPart;
use crate::diagnostic::Position;
use crate::facts::Cell;
use crate::rule::compiled::Rule;
use crate::rule::holder::Person;

/// A compiled template. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Template(pub(super) Arc<Compiled>);

#[derive(Debug)]
pub(super) struct Compiled {
    pub nodes: Vec<Node>,
    pub escape: Escape,
    /// The BCP 47 tag of the language it is written in.
    pub language: Box<str>,
    pub cells: Vec<Cell>,
    /// What it reads of each account that matches.
    pub member_cells: Vec<Cell>,
    pub entry_columns: BTreeSet<String>,
    pub modules: BTreeSet<String>,
    pub outcomes: BTreeSet<String>,
    /// Whom it names.
    pub people: BTreeSet<Person>,
}

#[derive(Debug)]
pub(super) enum Node {
    Words(Box<str>),
    Print(Box<Print>),
    /// The first arm whose condition holds, else `otherwise`.
    If {
        arms: Vec<Arm>,
        otherwise: Vec<Node>,
    },
    /// For each account that matches; those that stand on lines of their own end theirs.
    For {
        nodes: Vec<Node>,
        on_lines: bool,
    },
}

/// A value to print.
#[derive(Debug)]
pub(super) struct Print {
    pub rule: Rule,
    /// What is missing where it has no value, as authors write it.
    pub name: Box<str>,
    pub filters: Vec<Filter>,
    /// Where in the address of a link it stands, if it stands in one.
    pub link: Option<LinkPart>,
    /// Whether its last default is an empty text.
    pub may_be_empty: bool,
    /// Where it begins in the file.
    pub place: Position,
}

/// A condition and what it is about.
#[derive(Debug)]
pub(super) struct Arm {
    pub condition: Rule,
    pub nodes: Vec<Node>,
    /// Where the condition begins in the file.
    pub place: Position,
}

impl Template {
    /// What it reads about the account (and the contact of a contact
    /// playbook), each cell once, in order of appearance.
    pub fn cells(&self) -> &[Cell] {
        &self.0.cells
    }

    /// What it reads about each account that matches, each cell once.
    pub fn member_cells(&self) -> &[Cell] {
        &self.0.member_cells
    }

    /// The columns it reads as they were at enrollment (`entry.COLUMN`).
    pub fn entry_columns(&self) -> &BTreeSet<String> {
        &self.0.entry_columns
    }

    /// The modules of `scripts/` it calls.
    pub fn modules(&self) -> &BTreeSet<String> {
        &self.0.modules
    }

    /// The steps of whose task it reads the outcome.
    pub fn outcomes_read(&self) -> &BTreeSet<String> {
        &self.0.outcomes
    }

    /// The BCP 47 tag of the language it is written in.
    pub fn language(&self) -> &str {
        &self.0.language
    }

    /// Whether it prints nothing but defaults that are empty where all values
    /// are missing.
    pub fn may_be_empty(&self) -> bool {
        may_be_empty(&self.0.nodes)
    }
}

fn may_be_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Words(words) => words.trim().is_empty(),
        Node::Print(print) => print.may_be_empty,
        Node::If { arms, otherwise } => arms.iter().all(|arm| may_be_empty(&arm.nodes)) && may_be_empty(otherwise),
        Node::For { nodes, .. } => may_be_empty(nodes),
    })
}
