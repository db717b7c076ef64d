//! `plan:` a success plan: goals that are agreed with an account, and measured.

use std::collections::HashSet;
use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::plan_case::{PLAN_CASE, expectation};
use super::{DocumentBody, Goal, HEAD, PlanExpectation, goal, head};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::Source;
use crate::playbook::case::{DocumentCase, read_document_cases};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;

/// A success plan as its author wrote it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Account statuses it is for, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// Who gets it, from the first time on that it holds; `None` is everybody.
    pub when: Option<Source>,
    /// At least one, unless there was an error.
    pub goals: Vec<Goal>,
    pub tests: Vec<DocumentCase<PlanExpectation>>,
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: "plan", noun: "a plan", form: &PLAN, stage: Stage::Agreements, schedule: head::DAILY, read };

static PLAN: Form = Form::new(
    "a plan",
    &[
        &[Key::required(
            "plan",
            ID,
            "The id: lower-case letters, digits and `-`. Expressions read it as `account.goal_progress(\"…\", \"GOAL\")`.",
        )],
        HEAD,
        &[
            STATUSES,
            Key::new(
                "when",
                Shape::Expression,
                "Which accounts get the plan: from the first time on that it holds. Without it all get it; with `false` those alone to whom a step `plan` gives it.",
            ),
            Key::required(
                "goals",
                Shape::list(&Shape::Form(&goal::GOAL), 1),
                "What is agreed, and how it is measured.",
            ),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&PLAN_CASE), 0),
                "Cases that `keepwell test` plays: a world, and how far the goals are in it.",
            ),
        ],
    ],
);

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let statuses = head::statuses(fields);
    let when = fields.expression("when");
    if !fields.has("goals") {
        fields.missing("goals");
    }
    let before = fields.problems().len();
    let nodes = fields.list("goals").unwrap_or_default();
    let goals: Vec<Goal> = nodes.iter().filter_map(|node| goal::read(file, node, fields)).collect();
    if nodes.is_empty() && fields.has("goals") && fields.problems().len() == before {
        let at = fields.value_place("goals");
        fields.error("KW0103", at, "a plan needs at least one goal");
    }
    let mut known = HashSet::new();
    for goal in &goals {
        if !known.insert(goal.id.as_str()) {
            fields.error("KW0105", goal.place, format!("two goals are called `{}`", goal.id));
        }
    }
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| expectation(file, node, &goals, problems);
    let tests =
        cases.map(|node| read_document_cases(file, node, &PLAN_CASE, expect, fields.problems())).unwrap_or_default();
    DocumentBody::Plan(Plan { statuses, when, goals, tests })
}
