//! `days_since_survey()`

use super::function::{Example, FactSource, Function, Gives, Param};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_survey"
    }

    fn summary(&self) -> &'static str {
        "Whole days since a survey of whatever playbook last asked somebody of the account, or began to; none if none ever did."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole days since a survey of whatever playbook last asked the contact itself, or began to; none if none ever did.")
    }

    fn params(&self) -> &'static [Param] {
        &[]
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - max(coalesce(m.sent_at, m.created_at))) / 86400) \
          from {messages} m \
          where {whose m} and m.survey is not null and not m.shadow \
          and m.state in ('planned', 'deferred', 'sending', 'accepted', 'captured', 'unknown', 'complained') \
          and coalesce(m.sent_at, m.created_at) < {as_of})"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let asked = call.mails(history).filter(|mail| mail.asks).map(|mail| mail.sent_at);
        match asked.filter(|at| *at < call.as_of).max() {
            Some(at) => Value::Int(days_since(call.as_of, at)),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.days_since_survey() ?? 9999) > 30"#,
            meaning: "Nobody of the account was asked anything for a month.",
        }]
    }
}
