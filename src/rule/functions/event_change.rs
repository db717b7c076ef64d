//! `event_change(name, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "event_change"
    }

    fn summary(&self) -> &'static str {
        "By how many percent the number of events changed against the equally long window before; none when that one was empty."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("By how many percent the number of the contact's events changed against the equally long window before; none when that one was empty.")
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
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select (count(*) filter (where e.at >= {since}) - count(*) filter (where e.at < {since}))::float8 \
          * 100 / nullif(count(*) filter (where e.at < {since}), 0) \
          from {events} e \
          where {whose e} and {named e} \
          and e.at >= {before} and e.at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at >= {before} and e.at < {as_of}",
            fold: PassFold::Hashed,
            value: "(count(*) filter (where {rows} and e.at >= {since}) - count(*) filter (where {rows} and e.at < {since}))::float8 \
                * 100 / nullif(count(*) filter (where {rows} and e.at < {since}), 0)",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let (Some(since), Some(before)) = (call.since, call.before) else {
            return Value::Null;
        };
        let (earlier, later): (Vec<_>, Vec<_>) =
            call.events_since(history, Some(before)).partition(|event| event.at < since);
        let (earlier, later) = (earlier.len() as i64, later.len() as i64);
        match earlier {
            0 => Value::Null,
            earlier => Value::Float((later - earlier) as f64 * 100.0 / earlier as f64),
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.event_change("login", 30) ?? 0) <= -50"#,
            meaning: "Logins halved, or worse, against the 30 days before.",
        }]
    }
}
