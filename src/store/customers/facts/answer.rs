//! What answers a cell: a column, an attribute or a function.

use crate::facts::{Arg, Cell, CellPath, Column, Schema, Subject, Type};
use crate::rule::functions::{self, FactSource, Function};

/// The instants that can be read lie from here …
pub(in crate::store) const FIRST: &str = "'0001-01-01 00:00:00+00'";
/// … to before here.
pub(in crate::store) const END: &str = "'10000-01-01 00:00:00+00'";

/// A column of the account, by its name and the way into it, as the latest
/// change before an instant left it.
pub(crate) const AS_IT_WAS: &str = "(select h.became {value} from {changes} h \
    where h.account_id = {account} and h.at < {as_of} order by h.at desc, h.id desc limit 1)";

/// What answers a cell.
pub(crate) struct Answer<'a> {
    pub(crate) subject: Subject,
    /// How many days earlier.
    pub(crate) ago: Option<i64>,
    pub(crate) by: By<'a>,
}

pub(crate) enum By<'a> {
    Column(&'a Column),
    Trait(&'a str),
    Call(&'static dyn Function, &'a [Arg]),
}

impl<'a> Answer<'a> {
    /// For rows of such subjects; `None` when nothing answers.
    pub(crate) fn find(cell: &'a Cell, rows: Subject, schema: &'a Schema) -> Option<Answer<'a>> {
        let subject = cell.subject;
        if rows == Subject::Account && subject == Subject::Contact {
            return None;
        }
        let ago = match &cell.path {
            CellPath::Ago { days, path } => {
                let of_contact = subject == Subject::Contact && !matches!(**path, CellPath::Call { .. });
                (!of_contact).then_some(Some(*days))?
            }
            _ => None,
        };
        let by = match cell.path.whenever() {
            CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => return None,
            CellPath::Column(name) => By::Column(schema.stored(subject, name)?),
            CellPath::Trait(key) => By::Trait(key),
            CellPath::Call { function, args } => {
                let function = functions::find(function)?;
                if subject == Subject::Contact {
                    function.of_contact()?;
                }
                if ago.is_some() && !function.has_past() {
                    return None;
                }
                By::Call(function, args)
            }
        };
        Some(Answer { subject, ago, by })
    }

    pub(crate) fn source(&self) -> FactSource {
        match self.by {
            By::Column(_) | By::Trait(_) => FactSource::Customers,
            By::Call(function, _) => function.source(),
        }
    }

    /// Whether it can be missing.
    pub(crate) fn nullable(&self) -> bool {
        match self.by {
            By::Column(column) => column.nullable || self.ago.is_some(),
            By::Trait(_) => true,
            By::Call(function, args) => function.gives(args).nullable,
        }
    }

    /// Whether it is read as JSON from the history of the account, which may
    /// hold what the column cannot hold today.
    pub(crate) fn is_recorded(&self) -> bool {
        self.ago.is_some() && !matches!(self.by, By::Call(..))
    }

    /// What its expression is cast to.
    pub(crate) fn cast(&self) -> &'static str {
        if self.is_recorded() {
            return "jsonb";
        }
        match self.ty() {
            Type::Bool => "boolean",
            Type::Int => "int8",
            Type::Float => "float8",
            Type::Text => "text",
            Type::Time => "timestamptz",
            Type::Json => "jsonb",
        }
    }

    pub(crate) fn ty(&self) -> Type {
        match self.by {
            By::Column(column) => column.ty,
            By::Trait(_) => Type::Json,
            By::Call(function, args) => function.gives(args).ty,
        }
    }
}
