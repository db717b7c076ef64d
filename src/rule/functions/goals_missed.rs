//! `goals_missed()` and `goals_missed(plan)`

use std::collections::BTreeSet;

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};
use crate::playbook::document::GoalState;

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "goals_missed"
    }

    fn summary(&self) -> &'static str {
        "How many goals of the account's success plans, or of one of them, are missed: their time is over, and they are not reached. A plan whose file is gone has none."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::optional("plan", ParamKind::OwnPlan)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, args: &[Arg]) -> &'static str {
        if args.is_empty() {
            "(select count(*) from (select distinct on (g.plan, g.goal) g.plan, g.state from {goals} g \
              where {whose g} and g.at <= {as_of} order by g.plan, g.goal, g.at desc) l \
              where l.state = 'missed' \
              and not exists (select from {playbooks} f where f.id = l.plan and not f.present))"
        } else {
            "(select count(*) from (select distinct on (g.plan, g.goal) g.plan, g.state from {goals} g \
              where {whose g} and g.plan = {plan} and g.at <= {as_of} \
              order by g.plan, g.goal, g.at desc) l \
              where l.state = 'missed' \
              and not exists (select from {playbooks} f where f.id = l.plan and not f.present))"
        }
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let asked = call.text("plan");
        let is_asked = |plan: &str| asked.is_none_or(|asked| asked == plan);
        let goals: BTreeSet<(&str, &str)> = history
            .goals
            .iter()
            .filter(|record| record.in_force && is_asked(&record.plan))
            .map(|record| (record.plan.as_str(), record.goal.as_str()))
            .collect();
        let latest = goals.into_iter().filter_map(|(plan, goal)| history.goal(plan, goal, call.as_of));
        let missed = latest.filter(|record| record.progress.state == GoalState::Missed).count();
        Value::Int(i64::try_from(missed).unwrap_or(i64::MAX))
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: "account.goals_missed() > 0",
                meaning: "The time of some goal is over, and it is not reached.",
            },
            Example {
                expression: r#"account.goals_missed("first-success") == 0"#,
                meaning: "No goal of this plan is missed, or the account does not have the plan.",
            },
        ]
    }
}
