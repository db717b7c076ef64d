//! `lifecycle:`: the stages that an account goes through.

use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::standing::{self, STANDING_ID, StandingWords, Standings};
use super::{DocumentBody, HEAD, head};
use crate::playbook::case::{CASE_HEAD, FIXTURES, WORLD, document_case};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape};

/// A lifecycle as its author wrote it.
pub type Lifecycle = Standings;

pub(super) static KIND: DocumentKind = DocumentKind {
    word: "lifecycle",
    noun: "a lifecycle",
    form: &LIFECYCLE,
    stage: Stage::Standing,
    schedule: head::DAILY,
    read,
};

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
        Key::new(
            "by",
            Shape::Words(CLAUSES),
            "What moved it there: `enter` or `fall`; `stays` where it was there before.",
        ),
        Key::new("undecided", Shape::Boolean, "`true`: a clause cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["stage"], &["by"], &["undecided"]])]);

const CLAUSES: &[&str] = &["enter", "fall", "stays"];

static WORDS: StandingWords = StandingWords {
    level: "stage",
    document: "a lifecycle",
    levels: "stages",
    form: &STAGE,
    enter: "enter",
    inside: "fall",
    case: &LIFECYCLE_CASE,
    expected: &EXPECTED_STAGE,
    clauses: CLAUSES,
};

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    DocumentBody::Lifecycle(standing::read(file, &WORDS, fields))
}
