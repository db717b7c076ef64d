//! `lifecycle:`: the stages that an account goes through.

use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::standing::{STANDING_ID, StandingExpectation, check_ids, expectation, standing_id};
use super::{DocumentBody, HEAD, head};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::Source;
use crate::playbook::case::{CASE_HEAD, DocumentCase, FIXTURES, WORLD, document_case, read_document_cases};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape};
use crate::playbook::yaml::Node;

/// A lifecycle as its author wrote it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// Account statuses it is for, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// In their order; at least one, unless there was an error.
    pub stages: Vec<LifecycleStage>,
    pub tests: Vec<DocumentCase<StandingExpectation>>,
}

/// One stage of a lifecycle.
#[derive(Clone, Debug)]
pub struct LifecycleStage {
    pub id: String,
    pub place: Position,
    /// An account that is in an earlier stage, or in none, comes to this one where it holds.
    pub enter: Source,
    /// An account that is in this stage leaves it where it holds; `None`: it never falls back.
    pub fall: Option<Source>,
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: "lifecycle", noun: "a lifecycle", form: &LIFECYCLE, stage: Stage::Standing, schedule: head::DAILY, read };

static LIFECYCLE: Form = Form::new(
    "a lifecycle",
    &[
        &[Key::required("lifecycle", ID, "The id: lower-case letters, digits and `-`.")],
        HEAD,
        &[
            STATUSES,
            Key::required(
                "stages",
                Shape::list(&Shape::Form(&STAGE), 1),
                "The stages in their order. An account is in the last one whose `enter` held, and leaves it by its `fall` alone.",
            ),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&LIFECYCLE_CASE), 0),
                "Cases that `keepwell test` plays: a world, and the stage of the account in it.",
            ),
        ],
    ],
);

static STAGE: Form = Form::new(
    "a stage",
    &[&[
        Key::required("id", STANDING_ID, "What the stage is called. Expressions read it as `account.stage`."),
        Key::required(
            "enter",
            Shape::Expression,
            "An account that is in an earlier stage, or in none, comes to this one where this holds; `true` of the first stage is everybody.",
        ),
        Key::new(
            "fall",
            Shape::Expression,
            "An account that is in this stage falls back where this holds and `enter` does not: to the last earlier stage whose `enter` holds. Default: it never falls back.",
        ),
    ]],
);

static LIFECYCLE_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_STAGE),
        "The stage at `at`, and the clause that moved the account: `{ stage: adopted, by: enter }`.",
    )],
]);

static EXPECTED_STAGE: Form = Form::new(
    "an expected stage",
    &[&[
        Key::new("stage", Shape::TextOrNothing, "The stage that the account is in; `none` where it shall be in none."),
        Key::new("by", Shape::Words(CLAUSES), "What moved it there: `enter` or `fall`; `stays` where it was there before."),
        Key::new("undecided", Shape::Boolean, "`true`: a clause cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["stage"], &["by"], &["undecided"]])]);

const CLAUSES: &[&str] = &["enter", "fall", "stays"];

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let statuses = head::statuses(fields);
    if !fields.has("stages") {
        fields.missing("stages");
    }
    let before = fields.problems().len();
    let nodes = fields.list("stages").unwrap_or_default();
    let stages: Vec<LifecycleStage> = nodes.iter().filter_map(|node| stage(file, node, fields)).collect();
    if nodes.is_empty() && fields.has("stages") && fields.problems().len() == before {
        let at = fields.value_place("stages");
        fields.error("KW0103", at, "a lifecycle needs at least one stage");
    }
    check_ids("stage", stages.iter().map(|stage| (stage.id.as_str(), stage.place)), fields);
    let ids: Vec<String> = stages.iter().map(|stage| stage.id.clone()).collect();
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| {
        expectation(file, node, ("stage", &EXPECTED_STAGE, CLAUSES), &ids, problems)
    };
    let tests = cases
        .map(|node| read_document_cases(file, node, &LIFECYCLE_CASE, expect, fields.problems()))
        .unwrap_or_default();
    DocumentBody::Lifecycle(Lifecycle { statuses, stages, tests })
}

fn stage(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<LifecycleStage> {
    let mut inner = Fields::new(file, node, &STAGE, fields.problems());
    let id = standing_id("stage", &mut inner);
    let enter = inner.required_expression("enter");
    let fall = inner.expression("fall");
    inner.finish();
    Some(LifecycleStage { id: id?, place: node.place, enter: enter?, fall })
}
