//! `active_contacts(days)`, `active_contacts(name, days)`, `active_contacts(name, days, properties)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};
use std::collections::BTreeSet;

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "active_contacts"
    }

    fn summary(&self) -> &'static str {
        "How many distinct contacts had an event, of that name if one is given, in the last days."
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::optional("name", ParamKind::Text).names(NameKind::Event),
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
        "(select count(distinct e.contact_id) from {events} e \
          where {whose e} and {named e} \
          and e.at >= {since} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at >= {since} and e.at < {as_of}",
            fold: PassFold::Sorted,
            value: "count(distinct e.contact_id) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let contacts: BTreeSet<&str> = call
            .events(history)
            .filter_map(|event| event.contact.as_deref())
            .collect();
        Value::Int(contacts.len() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"account.active_contacts(30) <= 1"#,
                meaning: "At most one person did anything in the last 30 days.",
            },
            Example {
                expression: r#"account.active_contacts("login", 30) == 0"#,
                meaning: "No known contact logged in during the last 30 days.",
            },
        ]
    }
}
