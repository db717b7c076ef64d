//! `hours_between(first, then)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::clock::Instant;
use crate::facts::time::hours_since;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "hours_between"
    }

    fn summary(&self) -> &'static str {
        "Whole hours from the first event `first` to the first event `then` after it, such as the time to first value; none until both have happened."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole hours from the contact's first event `first` to the first event `then` after it; none until both have happened.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("first", ParamKind::Text).names(NameKind::Event), Param::required("then", ParamKind::Text).names(NameKind::Event)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from (select min(t.at) from {events} t \
          where {whose t} and t.name = {then} and t.at > f.at and t.at < {as_of}) - f.at) / 3600) \
          from (select min(e.at) as at from {events} e \
          where {whose e} and e.name = {first} and e.at < {as_of}) f)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let next = |name: &str, after: Option<Instant>| call.after(history, name, after);
        let first = call.text("first").and_then(|name| next(name, None));
        let then = first.and_then(|first| next(call.text("then")?, Some(first)));
        match (first, then) {
            (Some(first), Some(then)) => Value::Int(hours_since(then, first)),
            _ => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"(account.hours_between("invite", "login") ?? 9999) > 48"#, meaning: "From the invitation to the first login after it, more than two days went by, or nobody came." }]
    }
}
