//! `answer_text(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "answer_text"
    }

    fn summary(&self) -> &'static str {
        "What somebody of the account wrote with the latest answer of that name: a score's, such as `nps`, or a survey's id; none without an answer, and where it has no words."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("What the contact itself wrote with the latest answer of that name; none without an answer, and where it has no words.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::Answers)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Text)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select v.comment from {answers} v \
          where {whose v} and {name} in (v.score, v.survey) and v.answered_at < {as_of} \
          order by v.answered_at desc, v.message desc limit 1)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let latest = call.answers(history).max_by_key(|answer| (answer.at, &answer.id));
        latest.and_then(|answer| answer.text.as_deref()).map_or(Value::Null, Value::text)
    }

    fn has_past(&self) -> bool {
        false
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"contains(account.answer_text("nps") ?? "", "price")"#,
            meaning: "The latest NPS answer speaks of the price.",
        }]
    }
}
