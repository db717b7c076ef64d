//! `tickets_about(text, days)`

use super::fold_case::fold_case;
use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "tickets_about"
    }

    fn summary(&self) -> &'static str {
        "How many tickets were opened in the last days whose subject has that text in it, in capital or small letters."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many tickets the contact opened in the last days whose subject has that text in it.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("part", ParamKind::Part), Param::required("days", ParamKind::Days)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select count(*) from {tickets} t \
          where {whose t} and position({small part} in {small t.subject}) > 0 \
          and t.opened_at >= {since} and t.opened_at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{tickets} t",
            alias: "t",
            rows: "position({small part} in {small t.subject}) > 0 and t.opened_at >= {since} and t.opened_at < {as_of}",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let part = fold_case(call.text("part").unwrap_or_default());
        let about = call.tickets(history).filter(|ticket| {
            let subject = ticket.subject.as_deref().map(fold_case);
            call.contains(ticket.opened_at) && subject.is_some_and(|subject| subject.contains(&part))
        });
        Value::Int(about.count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.tickets_about("export", 30) >= 2"#,
            meaning: "Two tickets or more of the last 30 days are about exports.",
        }]
    }
}
