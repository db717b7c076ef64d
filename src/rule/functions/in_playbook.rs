//! `in_playbook(id)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "in_playbook"
    }

    fn summary(&self) -> &'static str {
        "Whether the account, or any of its contacts, is in that playbook."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whether the contact itself is in that contact playbook.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("id", ParamKind::PlaybookId)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Bool)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        // Neither by the index of the playbook nor as one table for all who ask:
        // right after a large run both look cheap, and are read for every chunk.
        "(coalesce((select true from {enrollments} n \
          where {whose n} and (n.playbook = {id}) is true \
          and not n.shadow and n.state not in ('held', 'ghost') \
          and n.started_at < {as_of} and (n.ended_at is null or n.ended_at >= {as_of}) limit 1), false))"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        Value::Bool(
            call.enrollments(history)
                .any(|enrollment| enrollment.ended_at.is_none_or(|ended| ended >= call.as_of)),
        )
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"!account.in_playbook("open-escalation")"#,
            meaning: "No escalation is going on.",
        }]
    }
}
