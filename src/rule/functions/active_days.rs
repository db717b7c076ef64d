//! `active_days(name, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};
use std::collections::BTreeSet;

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "active_days"
    }

    fn summary(&self) -> &'static str {
        "On how many distinct UTC days of the window an event of that name happened."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("On how many distinct UTC days of the window the contact made an event of that name.")
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
        "(select count(distinct (e.at at time zone 'UTC')::date) from {events} e \
          where {whose e} and {named e} \
          and e.at >= {since} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at >= {since} and e.at < {as_of}",
            fold: PassFold::Sorted,
            value: "count(distinct (e.at at time zone 'UTC')::date) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let days: BTreeSet<_> = call
            .events(history)
            .map(|event| event.at.date_naive())
            .collect();
        Value::Int(days.len() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.active_days("login", 28) < 4"#,
            meaning: "Logins on fewer than four days in four weeks.",
        }]
    }
}
