//! `event_at(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "event_at"
    }

    fn summary(&self) -> &'static str {
        "When the last event of that name happened; none if never."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("When the contact's last event of that name happened; none if never.")
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
        Gives::maybe(Type::Time)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select max(e.at) from {events} e \
          where {whose e} and {named e} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at < {as_of}",
            fold: PassFold::Hashed,
            value: "max(e.at) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        match call.events(history).map(|event| event.at).max() {
            Some(at) => Value::Time(at),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.event_at("kickoff") != none"#,
            meaning: "There has been a kickoff.",
        }]
    }
}
