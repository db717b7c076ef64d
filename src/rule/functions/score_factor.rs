//! `score_factor(name, factor)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "score_factor"
    }

    fn summary(&self) -> &'static str {
        "What a factor was, from 0 to 100, in the score that `score(name)` gives, which a document `score:` has made; none where it was missing."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("What a factor was in the contact's own score; none where it was missing.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::OwnScore), Param::required("factor", ParamKind::Factor)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select (o.factors ->> {factor})::float8 from {own_scores} o \
          where {whose o} and o.name = {name} and o.at <= {as_of} \
          order by (o.contact_id = '') desc, o.at desc, o.contact_id collate \"C\" desc limit 1)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let own = call.score(history, call.as_of).and_then(|score| score.own.as_ref());
        let factor = own.zip(call.text("factor")).and_then(|(own, factor)| own.factors.get(factor));
        factor.map_or(Value::Null, |value| Value::Float(*value))
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.score_factor("health", "usage") ?? 100) < 30"#,
            meaning: "Usage pulls the account's health down.",
        }]
    }
}
