//! A success plan, ready.

use super::DocumentCompiler;
use crate::playbook::SubjectKind;
use crate::playbook::document::{GoalDue, GoalStart, Milestone, Plan};
use crate::rule::{Rule, Wanted};

/// A success plan whose expressions are compiled.
#[derive(Debug)]
pub struct ReadyPlan {
    /// Who gets it; `None` is everybody.
    pub when: Option<Rule>,
    /// In the order of the text.
    pub goals: Vec<ReadyGoal>,
}

/// One goal of a plan.
#[derive(Debug)]
pub struct ReadyGoal {
    pub id: String,
    pub about: Option<String>,
    pub value: Rule,
    pub start: GoalStart,
    pub target: f64,
    /// Whether less is better.
    pub falls: bool,
    pub due: ReadyDue,
    pub milestones: Vec<Milestone>,
}

/// When the time of a goal is over.
#[derive(Debug)]
pub enum ReadyDue {
    Never,
    /// So many seconds after the account got the plan.
    Within(i64),
    Date(Box<Rule>),
}

/// Compiles a plan; `None` means that there was an error.
pub(super) fn compile(plan: &Plan, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyPlan> {
    compiler.audience(SubjectKind::Account, &plan.statuses);
    let when = plan.when.as_ref().map(|when| compiler.rule(when, Wanted::Verdict));
    let mut goals = Vec::new();
    for goal in &plan.goals {
        let value = compiler.rule(&goal.value, Wanted::Measure);
        let due = match &goal.due {
            GoalDue::Never => Some(ReadyDue::Never),
            GoalDue::Within(seconds) => Some(ReadyDue::Within(*seconds)),
            GoalDue::Date(date) => compiler.rule(date, Wanted::Time).map(|date| ReadyDue::Date(Box::new(date))),
        };
        goals.extend(value.zip(due).map(|(value, due)| ReadyGoal {
            id: goal.id.clone(),
            about: goal.about.clone(),
            value,
            start: goal.start,
            target: goal.target,
            falls: goal.falls,
            due,
            milestones: goal.milestones.clone(),
        }));
    }
    let when = match when {
        Some(when) => Some(when?),
        None => None,
    };
    (goals.len() == plan.goals.len()).then_some(ReadyPlan { when, goals })
}
