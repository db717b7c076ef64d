//! The cases of a report: its figures in a world.

use std::sync::Arc;

use super::Figure;
use super::score::{NUMBER_OR_NONE, number_or_none};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::case::{CASE_HEAD, Expects, FIXTURES, WORLD, document_case};
use crate::playbook::reader::{Fields, Form, Key, KeyNames, KeyRule, Shape, advice, short};
use crate::playbook::yaml::{Entry, Node};

/// What a case expects of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportExpectation {
    pub place: Position,
    pub figures: Vec<FigureExpectation>,
    /// In money, of all figures that have a rate and both values.
    pub gain: Option<Expects<f64>>,
    /// Whether something cannot be evaluated; `None` where nothing is said.
    pub is_undecided: Option<bool>,
}

/// What a case expects of a figure. Numbers are equal where they are the same to two
/// decimals.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureExpectation {
    pub id: String,
    pub place: Position,
    pub before: Option<Expects<f64>>,
    pub after: Option<Expects<f64>>,
    /// What it is worth after, in money.
    pub worth: Option<Expects<f64>>,
}

/// A case of a report.
pub(super) static REPORT_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_REPORT),
        "The report as of `at`: `{ figures: { reports: { before: 3, after: 9, worth: 405 } }, gain: 270 }`.",
    )],
]);

static EXPECTED_REPORT: Form = Form::new(
    "an expected report",
    &[&[
        Key::new(
            "figures",
            Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::Form(&EXPECTED_FIGURE), least: 0 },
            "Figures by their ids.",
        ),
        Key::new(
            "gain",
            NUMBER_OR_NONE,
            "How much more it is worth than before, in money; `none` where no money is shown.",
        ),
        Key::new("undecided", Shape::Boolean, "`true`: something cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["figures"], &["gain"], &["undecided"]])]);

static EXPECTED_FIGURE: Form = Form::new(
    "an expected figure",
    &[&[
        Key::new("before", NUMBER_OR_NONE, "Its value at the beginning of the period; `none` where it is missing."),
        Key::new("after", NUMBER_OR_NONE, "Its value at the end of the period; `none` where it is missing."),
        Key::new("worth", NUMBER_OR_NONE, "What it is worth at the end, in money; `none` where no money is shown."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["before"], &["after"], &["worth"]])]);

/// Reads what a case expects of a report with these figures.
pub(super) fn expectation(
    file: &Arc<str>,
    node: &Node,
    figures: &[Figure],
    problems: &mut Vec<Diagnostic>,
) -> Option<ReportExpectation> {
    let mut fields = Fields::new(file, node, &EXPECTED_REPORT, problems);
    let mut expected = Vec::new();
    for entry in fields.mapping("figures").unwrap_or_default() {
        match figures.iter().find(|figure| figure.id == entry.key) {
            Some(_) => expected.extend(figure_expectation(file, entry, &mut fields)),
            None => {
                let message = format!("the report has no figure `{}`", short(&entry.key));
                let help = advice(&entry.key, figures.iter().map(|figure| figure.id.as_str()));
                fields.error_with_help("KW0104", entry.key_place, message, help);
            }
        }
    }
    let gain = fields.take("gain").and_then(|node| number_or_none("gain", node, &mut fields));
    let is_undecided = fields.boolean("undecided");
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error("KW0501", node.place, "a case expects something: `figures`, `gain` or `undecided`");
    }
    fields.finish().then_some(ReportExpectation { place: node.place, figures: expected, gain, is_undecided })
}

fn figure_expectation(file: &Arc<str>, entry: &Entry, fields: &mut Fields<'_, '_>) -> Option<FigureExpectation> {
    let mut inner = Fields::new(file, &entry.node, &EXPECTED_FIGURE, fields.problems());
    let mut number = |key| inner.take(key).and_then(|node| number_or_none(key, node, &mut inner));
    let (before, after, worth) = (number("before"), number("after"), number("worth"));
    if entry.node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        inner.error("KW0501", entry.node.place, "a case expects something of a figure, such as its value `after`");
    }
    let id = entry.key.clone();
    inner.finish().then_some(FigureExpectation { id, place: entry.key_place, before, after, worth })
}
