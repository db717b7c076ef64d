//! `tiers:`: how much attention an account is worth: A, B and C by value and potential.

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

/// Tiers as their author wrote them.
#[derive(Clone, Debug)]
pub struct Tiers {
    /// Account statuses they are for, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// The best first; at least one, unless there was an error.
    pub levels: Vec<Tier>,
    pub tests: Vec<DocumentCase<StandingExpectation>>,
}

/// One tier.
#[derive(Clone, Debug)]
pub struct Tier {
    pub id: String,
    pub place: Position,
    /// An account is in the first tier whose condition holds.
    pub when: Source,
    /// An account that is in this tier stays where this holds, as long as no better tier takes it.
    pub keep: Option<Source>,
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: "tiers", noun: "a document of tiers", form: &TIERS, stage: Stage::Standing, schedule: head::DAILY, read };

static TIERS: Form = Form::new(
    "a document of tiers",
    &[
        &[Key::required("tiers", ID, "The id: lower-case letters, digits and `-`.")],
        HEAD,
        &[
            STATUSES,
            Key::required(
                "levels",
                Shape::list(&Shape::Form(&TIER), 1),
                "The tiers, the best first. An account is in the first one whose `when` holds.",
            ),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&TIERS_CASE), 0),
                "Cases that `keepwell test` plays: a world, and the tier of the account in it.",
            ),
        ],
    ],
);

static TIER: Form = Form::new(
    "a tier",
    &[&[
        Key::required("id", STANDING_ID, "What the tier is called. Expressions read it as `account.tier`."),
        Key::required("when", Shape::Expression, "Which accounts are in it; `true` of the last tier is all others."),
        Key::new(
            "keep",
            Shape::Expression,
            "Which accounts stay in it once they are, although `when` does not hold any more: so that nobody moves to and fro. Default: none.",
        ),
    ]],
);

static TIERS_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_TIER),
        "The tier at `at`, and whether the account was in it before: `{ tier: A, by: when }`.",
    )],
]);

static EXPECTED_TIER: Form = Form::new(
    "an expected tier",
    &[&[
        Key::new("tier", Shape::TextOrNothing, "The tier that the account is in; `none` where it shall be in none."),
        Key::new("by", Shape::Words(CLAUSES), "What moved it there: `when`; `stays` where it was there before."),
        Key::new("undecided", Shape::Boolean, "`true`: a condition cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["tier"], &["by"], &["undecided"]])]);

const CLAUSES: &[&str] = &["when", "stays"];

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let statuses = head::statuses(fields);
    if !fields.has("levels") {
        fields.missing("levels");
    }
    let before = fields.problems().len();
    let nodes = fields.list("levels").unwrap_or_default();
    let levels: Vec<Tier> = nodes.iter().filter_map(|node| tier(file, node, fields)).collect();
    if nodes.is_empty() && fields.has("levels") && fields.problems().len() == before {
        let at = fields.value_place("levels");
        fields.error("KW0103", at, "a document of tiers needs at least one tier");
    }
    check_ids("tier", levels.iter().map(|tier| (tier.id.as_str(), tier.place)), fields);
    let ids: Vec<String> = levels.iter().map(|tier| tier.id.clone()).collect();
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| {
        expectation(file, node, ("tier", &EXPECTED_TIER, CLAUSES), &ids, problems)
    };
    let tests =
        cases.map(|node| read_document_cases(file, node, &TIERS_CASE, expect, fields.problems())).unwrap_or_default();
    DocumentBody::Tiers(Tiers { statuses, levels, tests })
}

fn tier(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Tier> {
    let mut inner = Fields::new(file, node, &TIER, fields.problems());
    let id = standing_id("tier", &mut inner);
    let when = inner.required_expression("when");
    let keep = inner.expression("keep");
    inner.finish();
    Some(Tier { id: id?, place: node.place, when: when?, keep })
}
