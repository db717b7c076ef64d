//! `events(name, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "events"
    }

    fn summary(&self) -> &'static str {
        "How many events of that name happened in the last days."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many events of that name the contact made in the last days.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("name", ParamKind::Text).names(NameKind::Event),
                Param::required("days", ParamKind::Days),
                Param::optional("properties", ParamKind::Properties),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select count(*) from {events} e \
          where {whose e} and {named e} \
          and e.at >= {since} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at >= {since} and e.at < {as_of}",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        Value::Int(call.events(history).count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.events("login", 30) < 3"#,
            meaning: "Fewer than three logins in the last 30 days.",
        }]
    }
}
