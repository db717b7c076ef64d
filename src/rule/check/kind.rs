//! What kind of value a part of an expression gives.

use rhai::Position;

use crate::facts::{PropertyFilter, Subject, Type};
use crate::rule::holder::{Holder, Person};

/// The kind of value an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Not known, or already complained about.
    Unknown,
    /// The literal `none`.
    None,
    Bool,
    Int,
    Float,
    Text,
    Time,
    Span,
    /// What a step `set` wrote down: a text, and a number beside a number.
    Label,
    /// A JSON attribute whose kind nothing has said yet.
    Attribute(Holder, String),
    List(Vec<Typed>),
    /// What properties of an event must be equal to.
    Properties(PropertyFilter),
    Subject(Subject),
    Traits(Subject),
    /// A subject that many days earlier.
    Earlier(Subject, i64),
    /// All the attributes of that.
    EarlierTraits(Subject, i64),
    Entry,
    Since(&'static str),
    /// The recipient or the CSM of a text.
    Person(Person),
    PersonTraits(Person),
}

impl Kind {
    pub fn of(ty: Type) -> Kind {
        match ty {
            Type::Bool => Kind::Bool,
            Type::Int => Kind::Int,
            Type::Float => Kind::Float,
            Type::Text => Kind::Text,
            Type::Time => Kind::Time,
            Type::Json => Kind::Unknown,
        }
    }

    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Kind::Bool => Type::Bool,
            Kind::Int => Type::Int,
            Kind::Float => Type::Float,
            Kind::Text => Type::Text,
            Kind::Time => Type::Time,
            _ => return None,
        })
    }

    /// Whether a value of this kind has a text.
    pub fn is_printable(&self) -> bool {
        self.ty().is_some() || matches!(self, Kind::Unknown | Kind::Label | Kind::Attribute(..))
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Kind::Int | Kind::Float)
    }

    pub fn name(&self) -> &'static str {
        match self {
            Kind::Unknown => "a value",
            Kind::None => "`none`",
            Kind::Bool => "true or false",
            Kind::Int => "a whole number",
            Kind::Float => "a number",
            Kind::Text => "text",
            Kind::Time => "a time",
            Kind::Span => "a span of time",
            Kind::Label => "a label",
            Kind::Attribute(..) => "an attribute",
            Kind::List(_) => "a list",
            Kind::Properties(_) => "properties of an event",
            Kind::Subject(_) | Kind::Earlier(..) => "a whole account or contact",
            Kind::Traits(_) | Kind::EarlierTraits(..) | Kind::PersonTraits(_) => "all the attributes",
            Kind::Entry => "the whole enrollment",
            Kind::Since(_) => "the start of a window",
            Kind::Person(_) => "a whole person",
        }
    }
}

/// A part of an expression with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Typed {
    pub kind: Kind,
    pub nullable: bool,
    /// Canonical text: equal texts are the same value.
    pub text: String,
    pub position: Position,
}

/// Whether two kinds can be compared.
pub(crate) fn compatible(a: &Kind, b: &Kind) -> bool {
    let is_any = |kind: &Kind| matches!(kind, Kind::Unknown);
    let fits_label = |kind: &Kind| kind.is_number() || matches!(kind, Kind::Text);
    is_any(a)
        || is_any(b)
        || (a.is_number() && b.is_number())
        || (*a == Kind::Label && fits_label(b))
        || (*b == Kind::Label && fits_label(a))
        || a == b
}
