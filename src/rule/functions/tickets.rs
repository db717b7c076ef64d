//! `tickets(days)`, `tickets(severity, days)`, `tickets(severity, days, topic)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "tickets"
    }

    fn summary(&self) -> &'static str {
        "How many tickets were opened in the last days, of that severity and topic if those are given; the severity \"any\" is every one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many tickets the contact opened in the last days, of that severity and topic if those are given; the severity \"any\" is every one.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::optional("severity", ParamKind::Text).names(NameKind::Severity),
                Param::required("days", ParamKind::Days),
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
          and t.opened_at >= {since} and t.opened_at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{tickets} t",
            alias: "t",
            rows: "{named t} and t.opened_at >= {since} and t.opened_at < {as_of}",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let opened = call.named_tickets(history).filter(|ticket| call.contains(ticket.opened_at));
        Value::Int(opened.count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"account.tickets(30) > 10"#,
                meaning: "More than ten tickets in the last 30 days.",
            },
            Example {
                expression: r#"account.tickets("urgent", 30) > 2"#,
                meaning: "More than two urgent tickets in the last 30 days.",
            },
            Example {
                expression: r#"account.tickets("any", 30, "billing") >= 3"#,
                meaning: "Three tickets or more about billing in the last 30 days.",
            },
        ]
    }
}
