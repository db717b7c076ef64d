//! `open_tickets()`, `open_tickets(severity)`, `open_tickets(severity, topic)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "open_tickets"
    }

    fn summary(&self) -> &'static str {
        "How many tickets are open, of that severity and topic if those are given; the severity \"any\" is every one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many tickets of the contact are open, of that severity and topic if those are given; the severity \"any\" is every one.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::optional("severity", ParamKind::Text).names(NameKind::Severity),
                Param::optional("topic", ParamKind::Text).names(NameKind::Topic),
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
        "(select count(*) from {tickets} t \
          where {whose t} and {named t} \
          and t.opened_at < {as_of} and (t.closed_at is null or t.closed_at >= {as_of}))"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{tickets} t",
            alias: "t",
            rows: "{named t} and t.opened_at < {as_of} and (t.closed_at is null or t.closed_at >= {as_of})",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let open = call.named_tickets(history).filter(|ticket| {
            ticket.opened_at < call.as_of && ticket.closed_at.is_none_or(|closed| closed >= call.as_of)
        });
        Value::Int(open.count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"account.open_tickets() >= 5"#,
                meaning: "Five tickets or more are open.",
            },
            Example {
                expression: r#"account.open_tickets("urgent") > 0"#,
                meaning: "An urgent ticket is open.",
            },
        ]
    }
}
