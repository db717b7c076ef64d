//! `days_since_change(column)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_change"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the latest change of that column; none if no change is on record."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("column", ParamKind::ColumnName)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - max(h.at)) / 86400) \
          from {changes} h \
          where h.account_id = {account} and h.became is not null and h.was ? {column} \
          and isfinite(h.at) and h.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{changes} h",
            alias: "h",
            rows: "h.became is not null and h.was ? {column} and isfinite(h.at) and h.at < {as_of}",
            fold: PassFold::Hashed,
            value: "floor(extract(epoch from {as_of} - max(h.at) filter (where {rows})) / 86400)",
        })
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let column = call.text("column").unwrap_or_default();
        let changes = history.changes.iter().filter(|change| change.was.contains_key(column));
        match changes.map(|change| change.at).filter(|at| *at < call.as_of).max() {
            Some(at) => Value::Int(days_since(call.as_of, at)),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"(account.days_since_change("tier") ?? 9999) < 7"#, meaning: "The tier changed within the last week." }]
    }
}
