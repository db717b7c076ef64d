//! Which rows of a relation a call asks for by names and properties.

use super::always_there::ANY;
use super::function::{Param, ParamKind};
use crate::facts::{Arg, NameKind, PropertyFilter};

/// What a row must be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowNeed<'a> {
    /// This column is equal to that text.
    Column(&'static str, &'a str),
    /// Its `properties` are as asked.
    Properties(&'a PropertyFilter),
}

impl RowNeed<'_> {
    /// The column that is looked at.
    pub fn column(&self) -> &'static str {
        match self {
            RowNeed::Column(name, _) => name,
            RowNeed::Properties(_) => "properties",
        }
    }
}

/// What `{named x}` of a function's text demands of the rows `x`.
pub fn row_needs<'a>(pairs: &[(&Param, &'a Arg)]) -> Vec<RowNeed<'a>> {
    let need = |(param, arg): &(&Param, &'a Arg)| match (param.names, param.kind, *arg) {
        (Some(NameKind::Event), ParamKind::Text, Arg::Text(text)) => Some(RowNeed::Column("name", text)),
        (Some(NameKind::Severity), _, Arg::Text(text)) => (text != ANY).then_some(RowNeed::Column("severity", text)),
        (Some(NameKind::Topic), _, Arg::Text(text)) => Some(RowNeed::Column("topic", text)),
        (_, ParamKind::Properties, Arg::Properties(filter)) => Some(RowNeed::Properties(filter)),
        _ => None,
    };
    pairs.iter().filter_map(need).collect()
}
