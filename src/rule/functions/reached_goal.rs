//! `reached_goal(id)`, `reached_goal(id, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "reached_goal"
    }

    fn summary(&self) -> &'static str {
        "Whether the account, or any of its contacts, has reached the goal of that playbook, within the last days if they are given."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whether the contact itself has reached the goal of that contact playbook, within the last days if they are given.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("id", ParamKind::PlaybookId),
                Param::optional("days", ParamKind::Days),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Bool)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, args: &[Arg]) -> &'static str {
        // As in `in_playbook`: by the keys of the account, whatever looks cheap.
        if args.len() == 1 {
            "(coalesce((select true from {enrollments} n \
          where {whose n} and (n.playbook = {id}) is true \
          and not n.shadow and n.state = 'goal' \
          and coalesce(n.goal_at, n.ended_at) < {as_of} limit 1), false))"
        } else {
            "(coalesce((select true from {enrollments} n \
          where {whose n} and (n.playbook = {id}) is true \
          and not n.shadow and n.state = 'goal' \
          and coalesce(n.goal_at, n.ended_at) >= {since} and coalesce(n.goal_at, n.ended_at) < {as_of} \
          limit 1), false))"
        }
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        Value::Bool(call.enrollments(history).any(|enrollment| {
            enrollment
                .goal_at
                .is_some_and(|reached| call.contains(reached))
        }))
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"account.reached_goal("activation-rescue")"#,
                meaning: "The activation playbook once did its work here.",
            },
            Example {
                expression: r#"account.reached_goal("nps-recovery", 90)"#,
                meaning: "The NPS playbook reached its goal in the last 90 days.",
            },
        ]
    }
}
