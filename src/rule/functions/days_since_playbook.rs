//! `days_since_playbook(id)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_playbook"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the account, or any of its contacts, last entered that playbook; none if it never did."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole days since the contact itself last entered that contact playbook; none if it never did.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("id", ParamKind::PlaybookId)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - max(n.started_at)) / 86400) \
          from {enrollments} n \
          where {whose n} and (n.playbook = {id}) is true \
          and not n.shadow and n.state not in ('held', 'ghost') \
          and n.started_at < {as_of})"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let entered = call
            .enrollments(history)
            .map(|enrollment| enrollment.started_at);
        match entered.max() {
            Some(at) => Value::Int(days_since(call.as_of, at)),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.days_since_playbook("renewal-plan") ?? 9999) > 60"#,
            meaning: "Not entered the renewal playbook for two months.",
        }]
    }
}
