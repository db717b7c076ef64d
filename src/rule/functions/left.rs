//! `left(role, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "left"
    }

    fn summary(&self) -> &'static str {
        "How many contacts with that role left in the last days."
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("role", ParamKind::Text).names(NameKind::Role),
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

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select count(*) from {contacts} c \
          where c.account_id = {account} and c.role = {role} \
          and c.left_at >= {since} and c.left_at < {as_of})"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{contacts} c",
            alias: "c",
            rows: "c.role = {role} and c.left_at >= {since} and c.left_at < {as_of}",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let gone = history.contacts.iter().filter(|contact| {
            contact.text("role") == call.text("role")
                && contact
                    .time("left_at")
                    .is_some_and(|left| call.contains(left))
        });
        Value::Int(gone.count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.left("champion", 30) > 0"#,
            meaning: "A champion left in the last 30 days.",
        }]
    }
}
