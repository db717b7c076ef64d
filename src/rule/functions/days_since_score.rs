//! `days_since_score(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{LATEST_SCORE, Pass, PassFold};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_score"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the score that `score(name)` gives was made; none without one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole days since the score that `score(name)` gives was made; none without one.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::Text).names(NameKind::Score)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - s.at) / 86400) from {scores} s \
          where {whose s} and s.name = {name} and s.seen < {as_of} \
          order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc limit 1)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{scores} s",
            alias: "s",
            rows: "s.name = {name} and s.seen < {as_of}",
            fold: PassFold::First { order: LATEST_SCORE },
            value: "floor(extract(epoch from {as_of} - s.at) / 86400)",
        })
    }

    fn counts_days(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        match call.score(history, call.as_of) {
            Some(score) => Value::Int(days_since(call.as_of, score.at)),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.days_since_score("nps") ?? 9999) > 180"#,
            meaning: "No NPS answer for half a year, or ever.",
        }]
    }
}
