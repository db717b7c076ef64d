//! `days_since_event(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_event"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the last event of that name; none if it never happened."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole days since the contact's last event of that name; none if there was never one.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("name", ParamKind::Text).names(NameKind::Event),
                Param::optional("properties", ParamKind::Properties),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - max(e.at)) / 86400) \
          from {events} e \
          where {whose e} and {named e} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at < {as_of}",
            fold: PassFold::Hashed,
            value: "floor(extract(epoch from {as_of} - max(e.at) filter (where {rows})) / 86400)",
        })
    }

    fn counts_days(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        match call.events(history).map(|event| event.at).max() {
            Some(at) => Value::Int(days_since(call.as_of, at)),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.days_since_event("login") ?? 9999) >= 14"#,
            meaning: "Nobody has logged in for two weeks, or ever.",
        }]
    }
}
