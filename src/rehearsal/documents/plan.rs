//! Compares how far the goals of a plan are with what a case expects.

use std::collections::BTreeMap;

use super::CaseWorld;
use super::score::compare_number;
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::plan::{MeasuredPlan, PlanOutcome, evaluate};
use crate::facts::GoalProgress;
use crate::playbook::case::{DocumentCase, Expects};
use crate::playbook::document::{GoalExpectation, GoalState, PlanExpectation};
use crate::rehearsal::Failure;

/// Every difference between a plan and what a case expects of it.
pub(super) fn compare(ready: &ReadyDocument, case: &DocumentCase<PlanExpectation>, world: &CaseWorld) -> Vec<Failure> {
    let ReadyBodyOfDocument::Plan(plan) = &ready.body else { return Vec::new() };
    let (expected, mut failures) = (&case.expect, Vec::new());
    let (id, at) = (ready.document.id.as_str(), world.facts.as_of);
    let had = world.history.plans.iter().filter(|record| record.plan == id && record.since < at);
    let since = had.map(|record| record.since).min();
    let mut records: Vec<_> = world.history.goals.iter().filter(|record| record.plan == id && record.at < at).collect();
    records.sort_by_key(|record| record.at);
    let before: BTreeMap<String, GoalProgress> =
        records.into_iter().map(|record| (record.goal.clone(), record.progress.clone())).collect();
    let outcome = evaluate(plan, &ready.sandbox, &world.facts, ready.zone, since, &before);
    let undecided = match &outcome {
        PlanOutcome::Undecided(why) => Some(format!("whether the account gets the plan is undecided: {why}")),
        PlanOutcome::Measured(measured) => {
            let first = measured.undecided.first();
            first.map(|(goal, why)| format!("the goal `{goal}` is undecided: {why}"))
        }
        PlanOutcome::Without => None,
    };
    match (undecided, expected.is_undecided) {
        (Some(message), None | Some(false)) => return vec![Failure { place: expected.place, message }],
        (None, Some(true)) => {
            let message = "something should be undecided, and nothing is".to_owned();
            failures.push(Failure { place: expected.place, message });
        }
        _ => {}
    }
    let measured = match &outcome {
        PlanOutcome::Measured(measured) => Some(measured),
        PlanOutcome::Without | PlanOutcome::Undecided(_) => None,
    };
    if let Some(Expects { place, value: Some(wanted) }) = &expected.has_plan
        && *wanted != measured.is_some()
    {
        let message = match wanted {
            true => "the account should have the plan, and does not",
            false => "the account should not have the plan, and does",
        };
        failures.push(Failure { place: *place, message: message.to_owned() });
    }
    // Goals that `like` brings along belong to the plan that is not there.
    let is_without = matches!(&expected.has_plan, Some(Expects { value: Some(false), .. }));
    for goal in expected.goals.iter().filter(|_| !is_without) {
        compare_goal(goal, measured, &mut failures);
    }
    failures
}

fn compare_goal(expected: &GoalExpectation, measured: Option<&MeasuredPlan>, failures: &mut Vec<Failure>) {
    let what = format!("the goal `{}`", expected.id);
    let Some(progress) = measured.and_then(|measured| measured.goals.get(&expected.id)) else {
        let message = match measured {
            Some(_) => format!("{what} is not measured"),
            None => format!("{what} is not there: the account does not have the plan"),
        };
        failures.push(Failure { place: expected.place, message });
        return;
    };
    compare_number(&format!("the progress of {what}"), expected.progress.as_ref(), progress.share, failures);
    compare_number(&format!("the value of {what}"), expected.value.as_ref(), progress.value, failures);
    if let Some(Expects { place, value: Some(wanted) }) = &expected.state
        && *wanted != progress.state
    {
        let name = GoalState::name;
        let message = format!("{what} should be {}, and is {}", name(*wanted), name(progress.state));
        failures.push(Failure { place: *place, message });
    }
    let reached: Vec<String> = progress.milestones.keys().cloned().collect();
    if let Some(wanted) = expected.milestones.as_ref().filter(|wanted| **wanted != reached) {
        let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = format!("the milestones of {what} should be {}, and are {}", listed(wanted), listed(&reached));
        failures.push(Failure { place: expected.place, message });
    }
}
