//! `used([names], days)`

use std::collections::BTreeSet;

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "used"
    }

    fn summary(&self) -> &'static str {
        "How many of these events happened at all in the last days."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many of these events the contact made at all in the last days.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("names", ParamKind::Texts).names(NameKind::Event), Param::required("days", ParamKind::Days)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select count(distinct e.name) from {events} e \
          where {whose e} and e.name = any({names}) \
          and e.at >= {since} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "e.name = any({names}) and e.at >= {since} and e.at < {as_of}",
            fold: PassFold::Sorted,
            value: "count(distinct e.name) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let used: BTreeSet<&str> = call
            .events(history)
            .map(|event| &*event.name)
            .filter(|name| call.list.iter().any(|wanted| wanted == name))
            .collect();
        Value::Int(used.len() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"account.used(["report", "import", "api call"], 30) < 2"#, meaning: "At most one of the three main features was used in the last 30 days." }]
    }
}
