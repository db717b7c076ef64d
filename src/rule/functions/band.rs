//! `band(name)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

/// What authors call it.
pub const BAND: &str = "band";

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        BAND
    }

    fn summary(&self) -> &'static str {
        "The band of the score that `score(name)` gives, which a document `score:` has made; none without one."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("The band of the contact's own score; none without one.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::OwnScore)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Text)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select o.band from {own_scores} o \
          where {whose o} and o.name = {name} and o.at <= {as_of} \
          order by (o.contact_id = '') desc, o.at desc, o.contact_id collate \"C\" desc limit 1)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let own = call.score(history, call.as_of).and_then(|score| score.own.as_ref());
        own.and_then(|own| own.band.as_deref()).map_or(Value::Null, Value::text)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.band("health") == "red""#,
            meaning: "The account's health is in the range that the document calls red.",
        }]
    }
}
