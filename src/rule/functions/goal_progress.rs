//! `goal_progress(plan, goal)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "goal_progress"
    }

    fn summary(&self) -> &'static str {
        "How far a goal of a success plan is, from 0 to 100; none where the account does not have the plan, and as long as nothing was measured."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("plan", ParamKind::OwnPlan), Param::required("goal", ParamKind::Goal)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select g.progress from {goals} g \
          where {whose g} and g.plan = {plan} and g.goal = {goal} and g.at <= {as_of} \
          order by g.at desc limit 1)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let named = call.text("plan").zip(call.text("goal"));
        let record = named.and_then(|(plan, goal)| history.goal(plan, goal, call.as_of));
        record.and_then(|record| record.progress.share).map_or(Value::Null, Value::Float)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.goal_progress("first-success", "reports") ?? 0) < 50"#,
            meaning: "The goal is not half reached, or the account has no such plan.",
        }]
    }
}
