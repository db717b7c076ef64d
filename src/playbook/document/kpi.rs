//! `kpi:`: a figure about all accounts together, such as the churn rate.

use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::score::{NUMBER_OR_NONE, number_or_none};
use super::{DocumentBody, HEAD, head};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::Source;
use crate::playbook::case::{CASE_HEAD, DocumentCase, Expects, FIXTURES, WORLD, document_case, read_document_cases};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape};
use crate::playbook::yaml::Node;

/// A KPI as its author wrote it.
#[derive(Clone, Debug)]
pub struct Kpi {
    /// The accounts that functions over all accounts count, where they do not say
    /// it, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// Gives the figure.
    pub value: Source,
    pub unit: KpiUnit,
    /// The formula in words.
    pub formula: Option<String>,
    /// Where the definition comes from.
    pub source: Option<String>,
    pub tests: Vec<DocumentCase<KpiExpectation>>,
}

/// What the numbers of a figure are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KpiUnit {
    Percent,
    Days,
    Money,
    Count,
    Ratio,
}

impl KpiUnit {
    pub const ALL: [KpiUnit; 5] = [KpiUnit::Percent, KpiUnit::Days, KpiUnit::Money, KpiUnit::Count, KpiUnit::Ratio];

    /// What authors write.
    pub const fn name(self) -> &'static str {
        match self {
            KpiUnit::Percent => "percent",
            KpiUnit::Days => "days",
            KpiUnit::Money => "money",
            KpiUnit::Count => "count",
            KpiUnit::Ratio => "ratio",
        }
    }
}

/// What a case expects of a KPI.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiExpectation {
    pub place: Position,
    /// Equal where both are the same to two decimals.
    pub value: Option<Expects<f64>>,
    /// Words of the reason why there shall be no figure.
    pub missing: Option<(Position, String)>,
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: "kpi", noun: "a KPI", form: &KPI, stage: Stage::Figures, schedule: head::DAILY, read };

static KPI: Form = Form::new(
    "a KPI",
    &[
        &[Key::required("kpi", ID, "The id: lower-case letters, digits and `-`, such as `churn-rate`.")],
        HEAD,
        &[
            STATUSES,
            Key::required(
                "value",
                Shape::Expression,
                "The figure, made of functions over all accounts: `share_of(account.status == \"churned\", account.ago(30).status == \"active\")`. Where something that it calculates with is missing, so is the figure.",
            ),
            Key::required(
                "unit",
                Shape::Words(UNITS),
                "What the number is: `percent`, `days`, `money`, `count` or `ratio`.",
            ),
            Key::new("formula", Shape::Text, "The formula in words, for those who read the figure."),
            Key::new("source", Shape::Text, "Where the definition comes from, and what it leaves out."),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&KPI_CASE), 0),
                "Cases that `keepwell test` plays: a world, and the figure that it gives.",
            ),
        ],
    ],
);

const UNITS: &[&str] = &["percent", "days", "money", "count", "ratio"];

/// A case of a KPI.
static KPI_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_KPI),
        "The figure at `at`: `{ value: 4.5 }`, or why there is none: `{ missing: \"on record\" }`.",
    )],
]);

static EXPECTED_KPI: Form = Form::new(
    "an expected figure",
    &[&[
        Key::new("value", NUMBER_OR_NONE, "The figure, to two decimals; `none` where there shall be none."),
        Key::new("missing", Shape::Text, "Words of the reason why there is no figure."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["value"], &["missing"]])]);

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let statuses = head::statuses(fields);
    let place = fields.value_place("kpi");
    let value = fields.required_expression("value");
    if !fields.has("unit") {
        fields.missing("unit");
    }
    let unit = fields.one_of("unit", &KpiUnit::ALL.map(|unit| (unit.name(), unit)));
    let text = |fields: &mut Fields<'_, '_>, key| fields.string(key).map(|text| text.trim().to_owned());
    let (formula, source) = (text(fields, "formula"), text(fields, "source"));
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| expectation(file, node, problems);
    let tests =
        cases.map(|node| read_document_cases(file, node, &KPI_CASE, expect, fields.problems())).unwrap_or_default();
    let value = value.unwrap_or_else(|| crate::playbook::reader::inline(file, place, "0"));
    DocumentBody::Kpi(Kpi { statuses, value, unit: unit.unwrap_or(KpiUnit::Count), formula, source, tests })
}

/// Reads what a case expects.
fn expectation(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<KpiExpectation> {
    let mut fields = Fields::new(file, node, &EXPECTED_KPI, problems);
    let value = fields.take("value").and_then(|node| number_or_none("value", node, &mut fields));
    let at = fields.value_place("missing");
    let missing = fields.string("missing").map(|words| (at, words));
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error(
            "KW0501",
            node.place,
            "a case expects something: a `value`, or `missing` with words of the reason",
        );
    }
    fields.finish().then_some(KpiExpectation { place: node.place, value, missing })
}
