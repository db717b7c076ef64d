//! `tickets(days)`, `tickets(severity, days)`

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
        "How many tickets were opened in the last days, of that severity if one is given."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many tickets the contact opened in the last days, of that severity if one is given.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::optional("severity", ParamKind::Text).names(NameKind::Severity),
                Param::required("days", ParamKind::Days),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, args: &[Arg]) -> &'static str {
        if args.len() == 1 {
            "(select count(*) from {tickets} t \
              where {whose t} \
              and t.opened_at >= {since} and t.opened_at < {as_of})"
        } else {
            "(select count(*) from {tickets} t \
              where {whose t} and t.severity = {severity} \
              and t.opened_at >= {since} and t.opened_at < {as_of})"
        }
    }

    fn pass(&self, args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{tickets} t",
            alias: "t",
            rows: if args.len() == 1 {
                "t.opened_at >= {since} and t.opened_at < {as_of}"
            } else {
                "t.severity = {severity} and t.opened_at >= {since} and t.opened_at < {as_of}"
            },
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let opened = call.tickets(history).filter(|ticket| {
            call.contains(ticket.opened_at)
                && call
                    .text("severity")
                    .is_none_or(|severity| ticket.severity.as_deref() == Some(severity))
        });
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
        ]
    }
}
