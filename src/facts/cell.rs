//! The address of a value: a column, a trait, a call of a fact function, a
//! question about all subjects together, or a recorded figure.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::kpi::KpiQuestion;
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
    /// A question about all subjects together. The subject of the cell says of
    /// which kind they are.
    Population(PopulationCall),
    /// A recorded figure about all accounts. The subject of the cell means nothing.
    Kpi(KpiQuestion),
}

impl CellPath {
    /// What is asked for, whatever the day.
    pub fn whenever(&self) -> &CellPath {
        match self {
            CellPath::Ago { path, .. } => path,
            path => path,
        }
    }

    /// Whether it is about all subjects together, so that no row of one answers it.
    pub fn is_about_all(&self) -> bool {
        matches!(self, CellPath::Population(_) | CellPath::Kpi(_))
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
        match &self.path {
            CellPath::Population(call) => return f.write_str(call.text()),
            CellPath::Kpi(question) => return write!(f, "{question}"),
            _ => {}
        }
        write!(f, "{}.", self.subject.name())?;
        if let CellPath::Ago { days, .. } = &self.path {
            write!(f, "ago({days}).")?;
        }
        match self.path.whenever() {
            CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => Ok(()),
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

/// A call of a population function, such as `median_of(account.mrr)`.
///
/// Two calls are equal where their answers are the same whoever asks: the text,
/// the members, the scripts that it reaches and the zone.
#[derive(Clone)]
pub struct PopulationCall {
    text: Arc<str>,
    key: Arc<str>,
    reads: Arc<[Cell]>,
    /// What `rule` has compiled of it.
    question: Arc<dyn Any + Send + Sync>,
}

impl PopulationCall {
    /// A call with its canonical text, all that its answer depends on, the facts
    /// that it reads of each member, and what was compiled of it.
    pub fn new(text: &str, key: &str, reads: Vec<Cell>, question: Arc<dyn Any + Send + Sync>) -> PopulationCall {
        PopulationCall { text: text.into(), key: key.into(), reads: reads.into(), question }
    }

    /// As an author could have written it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same for calls with the same answers.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The facts of each member that it reads.
    pub fn reads(&self) -> &[Cell] {
        &self.reads
    }

    /// What was compiled of it; `None` where that is no `T`.
    pub fn question<T: Any>(&self) -> Option<&T> {
        self.question.downcast_ref()
    }
}

impl fmt::Debug for PopulationCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PopulationCall").field(&self.key).finish()
    }
}

impl PartialEq for PopulationCall {
    fn eq(&self, other: &PopulationCall) -> bool {
        self.key == other.key
    }
}

impl Eq for PopulationCall {}

impl Hash for PopulationCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for PopulationCall {
    fn partial_cmp(&self, other: &PopulationCall) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PopulationCall {
    fn cmp(&self, other: &PopulationCall) -> Ordering {
        self.key.cmp(&other.key)
    }
}
