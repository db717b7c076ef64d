//! `event_before(name, age)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};
use crate::playbook::duration::Duration;

/// Its name.
pub const EVENT_BEFORE: &str = "event_before";

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        EVENT_BEFORE
    }

    fn summary(&self) -> &'static str {
        "When the last event of that name happened that is at least that long ago; none if there is none."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("When the contact's last event of that name happened that is at least that long ago; none if there is none.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("name", ParamKind::Text).names(NameKind::Event),
                Param::required("age", ParamKind::Age),
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
          where {whose e} and {named e} and e.at < {as_of} and e.at <= {as_of} - {age})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at < {as_of} and e.at <= {as_of} - {age}",
            fold: PassFold::Hashed,
            value: "max(e.at) filter (where {rows})",
        })
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let age = call.text("age").and_then(Duration::elapsed_of).unwrap_or_default();
        let until = call.as_of.checked_sub_signed(age);
        match call.events(history).map(|event| event.at).filter(|at| until.is_some_and(|until| *at <= until)).max() {
            Some(at) => Value::Time(at),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.event_before("signed_up", "2h") != none"#,
            meaning: "They signed up two hours ago or earlier.",
        }]
    }
}
