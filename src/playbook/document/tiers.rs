//! `tiers:`: how much attention an account is worth: A, B and C by value and potential.

use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::standing::{self, STANDING_ID, StandingWords, Standings};
use super::{DocumentBody, HEAD, head};
use crate::playbook::case::{CASE_HEAD, FIXTURES, WORLD, document_case};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape};

/// Tiers as their author wrote them.
pub type Tiers = Standings;

pub(super) static KIND: DocumentKind = DocumentKind {
    word: "tiers",
    noun: "a document of tiers",
    form: &TIERS,
    stage: Stage::Standing,
    schedule: head::DAILY,
    read,
};

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

static WORDS: StandingWords = StandingWords {
    level: "tier",
    document: "a document of tiers",
    levels: "levels",
    form: &TIER,
    enter: "when",
    inside: "keep",
    case: &TIERS_CASE,
    expected: &EXPECTED_TIER,
    clauses: CLAUSES,
};

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    DocumentBody::Tiers(standing::read(file, &WORDS, fields))
}
