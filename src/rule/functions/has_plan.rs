//! `has_plan(plan)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, CellPath, History, Type, Value};

pub struct Fact;

/// What authors call it.
const NAME: &str = "has_plan";

/// `has_plan` of the plan of that id.
pub fn has_plan(plan: &str) -> CellPath {
    CellPath::Call { function: NAME, args: vec![Arg::Text(plan.to_owned())] }
}

impl Function for Fact {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Whether the account has that success plan."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("plan", ParamKind::OwnPlan)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Bool)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(coalesce((select p.since < {as_of} or (p.since = {as_of} and p.origin <> 'step') from {plans} p \
          where {whose p} and p.plan = {plan}), false))"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let mut plans = history.plans.iter().filter(|record| Some(&*record.plan) == call.text("plan"));
        Value::Bool(plans.any(|record| record.is_there(call.as_of)))
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"!account.has_plan("first-success")"#,
            meaning: "Nothing was agreed with the account about its first success.",
        }]
    }
}
