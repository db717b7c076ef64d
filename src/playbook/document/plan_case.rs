//! The cases of a plan: how far its goals are in a world.

use std::sync::Arc;

use super::score::{NUMBER_OR_NONE, number_or_none};
use super::{Goal, GoalState};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::case::{CASE_HEAD, Expects, FIXTURES, WORLD, document_case};
use crate::playbook::reader::{Fields, Form, Key, KeyNames, KeyRule, Shape, advice, short};
use crate::playbook::yaml::{Entry, Node};

/// What a case expects of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanExpectation {
    pub place: Position,
    /// Whether the account has the plan; `None` where nothing is said.
    pub has_plan: Option<Expects<bool>>,
    pub goals: Vec<GoalExpectation>,
    /// Whether something cannot be decided; `None` where nothing is said.
    pub is_undecided: Option<bool>,
}

/// What a case expects of a goal.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalExpectation {
    pub id: String,
    pub place: Position,
    /// From 0 to 100; equal where both are the same to two decimals.
    pub progress: Option<Expects<f64>>,
    pub value: Option<Expects<f64>>,
    pub state: Option<Expects<GoalState>>,
    /// The milestones that are reached, in the order of their names.
    pub milestones: Option<Vec<String>>,
}

/// A case of a plan.
pub(super) static PLAN_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_PLAN),
        "The plan as of `at`: `{ plan: true, goals: { reports: { progress: 50, state: open } } }`.",
    )],
]);

static EXPECTED_PLAN: Form = Form::new(
    "an expected plan",
    &[&[
        Key::new("plan", Shape::Boolean, "Whether the account has the plan."),
        Key::new(
            "goals",
            Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::Form(&EXPECTED_GOAL), least: 0 },
            "Goals by their ids.",
        ),
        Key::new("undecided", Shape::Boolean, "`true`: something cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["plan"], &["goals"], &["undecided"]])]);

static EXPECTED_GOAL: Form = Form::new(
    "an expected goal",
    &[&[
        Key::new("progress", NUMBER_OR_NONE, "How far it is, from 0 to 100; `none` where nothing was measured."),
        Key::new("value", NUMBER_OR_NONE, "The value that was measured, to two decimals; `none` where it is missing."),
        Key::new("state", Shape::Words(&["open", "reached", "missed"]), "How it stands."),
        Key::new("milestones", Shape::list(&Shape::Text, 0), "The milestones that are reached."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["progress"], &["value"], &["state"], &["milestones"]])]);

const STATES: &[(&str, GoalState)] =
    &[("open", GoalState::Open), ("reached", GoalState::Reached), ("missed", GoalState::Missed)];

/// Reads what a case expects of a plan with these goals.
pub(super) fn expectation(
    file: &Arc<str>,
    node: &Node,
    goals: &[Goal],
    problems: &mut Vec<Diagnostic>,
) -> Option<PlanExpectation> {
    let mut fields = Fields::new(file, node, &EXPECTED_PLAN, problems);
    let place = fields.value_place("plan");
    let has_plan = fields.boolean("plan").map(|value| Expects { place, value: Some(value) });
    let mut expected = Vec::new();
    for entry in fields.mapping("goals").unwrap_or_default() {
        match goals.iter().find(|goal| goal.id == entry.key) {
            Some(goal) => expected.extend(goal_expectation(file, entry, goal, &mut fields)),
            None => {
                let message = format!("the plan has no goal `{}`", short(&entry.key));
                let help = advice(&entry.key, goals.iter().map(|goal| goal.id.as_str()));
                fields.error_with_help("KW0241", entry.key_place, message, help);
            }
        }
    }
    let is_undecided = fields.boolean("undecided");
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error("KW0501", node.place, "a case expects something: `plan`, `goals` or `undecided`");
    }
    fields.finish().then_some(PlanExpectation { place: node.place, has_plan, goals: expected, is_undecided })
}

fn goal_expectation(
    file: &Arc<str>,
    entry: &Entry,
    goal: &Goal,
    fields: &mut Fields<'_, '_>,
) -> Option<GoalExpectation> {
    let node = &entry.node;
    let mut inner = Fields::new(file, node, &EXPECTED_GOAL, fields.problems());
    let progress = inner.take("progress").and_then(|node| number_or_none("progress", node, &mut inner));
    let value = inner.take("value").and_then(|node| number_or_none("value", node, &mut inner));
    let at = inner.value_place("state");
    let state = inner.one_of("state", STATES).map(|state| Expects { place: at, value: Some(state) });
    let has_milestones = inner.has("milestones");
    let mut milestones = Vec::new();
    for name in inner.texts("milestones") {
        if !goal.milestones.iter().any(|milestone| milestone.name == *name.text) {
            let message = format!("the goal has no milestone `{}`", short(&name.text));
            let help = advice(&name.text, goal.milestones.iter().map(|milestone| milestone.name.as_str()));
            inner.error_with_help("KW0241", name.origin.at(1, 1), message, help);
        }
        milestones.push(name.text.to_string());
    }
    milestones.sort();
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        inner.error("KW0501", node.place, "a case expects something of a goal, such as its `progress`");
    }
    let milestones = has_milestones.then_some(milestones);
    let id = entry.key.clone();
    inner.finish().then_some(GoalExpectation { id, place: entry.key_place, progress, value, state, milestones })
}
