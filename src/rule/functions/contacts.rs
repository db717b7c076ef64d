//! `contacts(role)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "contacts"
    }

    fn summary(&self) -> &'static str {
        "How many contacts with that role are there: known, with an address, and not gone."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("role", ParamKind::Text).names(NameKind::Role)] }
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
          and c.email ~ '[^[:space:]]' \
          and c.created_at < {as_of} and (c.left_at is null or c.left_at > {as_of}))"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{contacts} c",
            alias: "c",
            rows: "c.role = {role} and c.email ~ '[^[:space:]]' \
                and c.created_at < {as_of} and (c.left_at is null or c.left_at > {as_of})",
            fold: PassFold::Hashed,
            value: "count(*) filter (where {rows})",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let reachable = history.contacts.iter().filter(|contact| {
            contact.text("role") == call.text("role")
                && contact
                    .text("email")
                    .is_some_and(|email| !email.trim().is_empty())
                && contact
                    .time("created_at")
                    .is_none_or(|created| created < call.as_of)
                && contact.time("left_at").is_none_or(|left| left > call.as_of)
        });
        Value::Int(reachable.count() as i64)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.contacts("champion") == 0"#,
            meaning: "There is no champion any more.",
        }]
    }
}
