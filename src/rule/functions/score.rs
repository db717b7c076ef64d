//! `score(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{LATEST_SCORE, Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "score"
    }

    fn summary(&self) -> &'static str {
        "The latest score of that name: the account's own, else the latest of any contact; none without one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("The contact's own latest score of that name; none without one.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::Text).names(NameKind::Score)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select s.value from {scores} s \
          where {whose s} and s.name = {name} and s.seen < {as_of} \
          order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc limit 1)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{scores} s",
            alias: "s",
            rows: "s.name = {name} and s.seen < {as_of}",
            fold: PassFold::First { order: LATEST_SCORE },
            value: "s.value",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        match call.score(history, call.as_of) {
            Some(score) => Value::Float(score.value),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.score("nps") != none && account.score("nps") < 7"#,
            meaning: "The latest NPS answer is below 7.",
        }]
    }
}
