//! Whose attributes an expression reads, and as what.

use std::collections::HashMap;

use crate::facts::{Cell, Subject, Type};

/// A person whom only texts can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Person {
    /// Who gets the message.
    Recipient,
    /// Who looks after the account.
    Csm,
}

impl Person {
    /// The name authors use.
    pub fn name(self) -> &'static str {
        match self {
            Person::Recipient => "recipient",
            Person::Csm => "csm",
        }
    }
}

/// Who has attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Subject(Subject),
    Person(Person),
}

impl Holder {
    /// The name authors use.
    pub fn name(self) -> &'static str {
        match self {
            Holder::Subject(subject) => subject.name(),
            Holder::Person(person) => person.name(),
        }
    }
}

/// The type each attribute is read as in one expression.
pub(crate) type AttributeTypes = HashMap<(Holder, String), Type>;

/// The population functions of one expression, by where the first argument of
/// each stands.
pub(crate) type PopulationCalls = HashMap<rhai::Position, Cell>;
