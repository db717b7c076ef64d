//! What a template means once its names are resolved.

use std::fmt;

use crate::diagnostic::Position;
use crate::facts::{Cell, Type, Value};
use crate::playbook::season::Season;

#[derive(Debug)]
pub(super) enum Node {
    Text(Box<str>),
    Print(Expr),
    If { condition: Expr, then: Vec<Node>, otherwise: Vec<Node> },
}

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub kind: Kind,
    /// Where it starts in the playbook's file.
    pub place: Position,
    /// `None` when it depends on the values.
    pub ty: Option<Type>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Literal(Value),
    Name {
        name: Name,
        nullable: bool,
    },
    Not(Box<Expr>),
    /// Gives the right value when the left one holds, else the left one.
    And(Box<Expr>, Box<Expr>),
    /// Gives the left value when it holds, else the right one.
    Or(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Whether the value is one of the list.
    Among(Box<Expr>, Vec<Expr>),
    /// Whether the text contains the other: needle, then haystack.
    Within(Box<Expr>, Box<Expr>),
    /// Missing when either side is.
    Calculate(Operator, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// Both as printed, one after the other; missing when either is.
    Concat(Box<Expr>, Box<Expr>),
    /// A time moved by so many units of this many seconds.
    Shift {
        time: Box<Expr>,
        amount: Box<Expr>,
        unit: i64,
    },
    /// `a if condition else b`; without `else` it may be missing.
    Choose {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    /// The fallback replaces what is missing or blank.
    Default(Box<Expr>, Box<Expr>),
    Format(Box<Expr>, Format),
    /// A time function; missing when the time is.
    Clock(ClockFunction, Box<Expr>),
    /// The calendar period of `now`.
    Period(Box<str>),
    /// Whether `now` lies in the season.
    InSeason(Season),
    /// How many of the conditions hold; one that fails does not.
    HowMany(Vec<Expr>),
    IsMissing(Box<Expr>),
}

/// A leaf: something that is looked up. Its `Display` is what authors write,
/// and the key under which guards remember it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Name {
    Cell(Cell),
    EntryAt,
    Entry(String),
    /// The contact as a whole: whether there is one.
    Recipient,
    RecipientColumn(String),
    RecipientTrait(String),
    /// The CSM as a whole: whether there is one.
    Csm,
    CsmColumn(String),
    Playbook,
    Now,
    Done(String),
    Outcome(String),
    Sent(String),
    Answer(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Cell(cell) => write!(f, "{cell}"),
            Name::EntryAt => write!(f, "entry.at"),
            Name::Entry(column) => write!(f, "entry.{column}"),
            Name::Recipient => write!(f, "recipient"),
            Name::RecipientColumn(column) => write!(f, "recipient.{column}"),
            Name::RecipientTrait(key) => write!(f, "recipient.traits.{key}"),
            Name::Csm => write!(f, "csm"),
            Name::CsmColumn(column) => write!(f, "csm.{column}"),
            Name::Playbook => write!(f, "playbook"),
            Name::Now => write!(f, "now"),
            Name::Done(step) => write!(f, "done({step:?})"),
            Name::Outcome(step) => write!(f, "outcome({step:?})"),
            Name::Sent(step) => write!(f, "sent({step:?})"),
            Name::Answer(step) => write!(f, "answer({step:?})"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    /// Whether it needs an order and so refuses missing values.
    pub fn is_ordering(self) -> bool {
        !matches!(self, Comparison::Equal | Comparison::Unequal)
    }

    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockFunction {
    DaysSince,
    DaysUntil,
    HoursSince,
    HoursUntil,
    Month,
    Weekday,
}

impl ClockFunction {
    pub fn by_name(name: &str) -> Option<ClockFunction> {
        Some(match name {
            "days_since" => ClockFunction::DaysSince,
            "days_until" => ClockFunction::DaysUntil,
            "hours_since" => ClockFunction::HoursSince,
            "hours_until" => ClockFunction::HoursUntil,
            "month" => ClockFunction::Month,
            "weekday" => ClockFunction::Weekday,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    /// `None` is the date as it stands in a sentence.
    Date(Option<Box<str>>),
    Number(u8),
    /// A share as percent; with `scale` 1 the value is percent already.
    Percent {
        decimals: u8,
        scale: f64,
    },
    Upper,
    Lower,
}
