//! The address of a value: a column, a trait or a call of a fact function.

use std::fmt;

use super::property_filter::PropertyFilter;
use super::subject::Subject;

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
    /// What properties of an event must be equal to.
    Properties(PropertyFilter),
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
                        Arg::Properties(filter) => write!(f, "{filter}")?,
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
