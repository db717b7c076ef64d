//! `days_to_return()`, `days_to_return(name)`

use std::collections::BTreeSet;

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_to_return"
    }

    fn summary(&self) -> &'static str {
        "How many UTC days after the first day with an event, of that name if one is given, the next one was; none until there is one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many UTC days after the contact's first day with an event the next one was; none until there is one.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::optional("name", ParamKind::Text).names(NameKind::Event)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select d.days[2] - d.days[1] from (select array( \
            select distinct (e.at at time zone 'UTC')::date as day from {events} e \
            where {whose e} and {named e} and e.at < {as_of} order by day limit 2) as days) d)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at < {as_of}",
            fold: PassFold::Sorted,
            value: "(array_agg(distinct (e.at at time zone 'UTC')::date order by (e.at at time zone 'UTC')::date) \
                filter (where {rows}))[2] - min((e.at at time zone 'UTC')::date) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let days: BTreeSet<_> = call.events(history).map(|event| event.at.date_naive()).collect();
        let mut days = days.into_iter();
        match (days.next(), days.next()) {
            (Some(first), Some(second)) => Value::Int((second - first).num_days()),
            _ => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.days_to_return() ?? 999) > 7"#,
            meaning: "Nobody came back within a week of the first day, or at all.",
        }]
    }
}
