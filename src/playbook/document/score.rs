//! `score:`: how an account or a contact does, from 0 to 100.

use std::collections::HashSet;
use std::sync::Arc;

use super::goal::number;
use super::kind::{DocumentKind, Stage};
use super::{DocumentBody, HEAD, head};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::case::{CASE_HEAD, DocumentCase, Expects, FIXTURES, WORLD, document_case, read_document_cases};
use crate::playbook::form::{STATUSES, SUBJECT, SUBJECTS};
use crate::playbook::reader::form::{ID, STEP_ID};
use crate::playbook::reader::{Fields, Form, Key, KeyNames, KeyRule, Shape, advice, short};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Source, SubjectKind};

/// A score as its author wrote it.
#[derive(Clone, Debug)]
pub struct Score {
    pub subject: SubjectKind,
    /// Account statuses it is for, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// At least one, unless there was an error.
    pub factors: Vec<Factor>,
    /// In the order of the text; none overlaps another.
    pub bands: Vec<Band>,
    pub tests: Vec<DocumentCase<ScoreExpectation>>,
}

/// What a case expects of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreExpectation {
    pub place: Position,
    /// Equal where both are the same to two decimals.
    pub value: Option<Expects<f64>>,
    pub band: Option<Expects<String>>,
    pub factors: Vec<(String, Expects<f64>)>,
    /// Whether the score cannot be decided; `None` where nothing is said.
    pub is_undecided: Option<bool>,
}

/// One part of a score.
#[derive(Clone, Debug)]
pub struct Factor {
    pub id: String,
    pub place: Position,
    /// Above 0; only what it is beside the others' matters.
    pub weight: f64,
    /// Gives 0 to 100, or true or false, which is 100 or 0.
    pub value: Source,
    pub missing: MissingFactor,
}

/// What becomes of a factor that has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFactor {
    /// It is left out, with its weight.
    Skip,
    /// It counts as 0.
    Zero,
    /// The score has no value this time.
    Undecided,
}

/// A name for a range of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub name: String,
    pub place: Position,
    /// Itself included.
    pub from: f64,
    /// Not included, unless it is 100.
    pub to: f64,
}

impl Band {
    /// Whether a value of the score is in it.
    pub fn holds(&self, value: f64) -> bool {
        value >= self.from && (value < self.to || (self.to >= 100.0 && value <= 100.0))
    }
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: "score", noun: "a score", form: &SCORE, stage: Stage::Scores, schedule: head::DAILY, read };

static SCORE: Form = Form::new(
    "a score",
    &[
        &[Key::required(
            "score",
            ID,
            "The id: lower-case letters, digits and `-`. Expressions read it as `account.score(\"…\")`.",
        )],
        HEAD,
        &[
            SUBJECT,
            STATUSES,
            Key::required(
                "factors",
                Shape::list(&Shape::Form(&FACTOR), 1),
                "What the score is made of: its value is the mean of the factors, by their weights.",
            ),
            Key::new(
                "bands",
                Shape::Map { keys: KeyNames::Pattern("^[A-Za-z0-9_ -]{1,100}$"), of: &RANGE, least: 1 },
                "Names for ranges, such as `{ red: 0..40, yellow: 40..70, green: 70..100 }`; a range begins with its first number and ends before its second, but for 100.",
            ),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&SCORE_CASE), 0),
                "Cases that `keepwell test` plays: a world, and the score that it gives.",
            ),
        ],
    ],
);

/// A case of a score.
static SCORE_CASE: Form = document_case(&[
    CASE_HEAD,
    FIXTURES,
    WORLD,
    &[Key::new(
        "expect",
        Shape::Form(&EXPECTED_SCORE),
        "The score at `at`: `{ value: 47.5, band: yellow, factors: { usage: 60 } }`.",
    )],
]);

static EXPECTED_SCORE: Form = Form::new(
    "an expected score",
    &[&[
        Key::new("value", NUMBER_OR_NONE, "Its value, to two decimals; `none` where there shall be no score."),
        Key::new("band", Shape::TextOrNothing, "The band that it is in; `none` where it shall be in none."),
        Key::new(
            "factors",
            Shape::Map { keys: KeyNames::Pattern(""), of: &NUMBER_OR_NONE, least: 1 },
            "Factors by their ids, each from 0 to 100; `none` where one shall be missing.",
        ),
        Key::new("undecided", Shape::Boolean, "`true`: a factor cannot be evaluated, and the case is about this."),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["value"], &["band"], &["factors"], &["undecided"]])]);

pub(super) const NUMBER_OR_NONE: Shape = Shape::Either(&[Shape::Number, Shape::Words(&["none"])]);

static FACTOR: Form = Form::new(
    "a factor",
    &[&[
        Key::required("id", STEP_ID, "What the factor is called: letters, digits, `-` and `_`."),
        Key::required("weight", Shape::Number, "How much it counts beside the others, above 0."),
        Key::required(
            "value",
            Shape::Expression,
            "An expression that gives 0 to 100, or true (100) or false (0). Where something that it calculates with is missing, the factor is missing.",
        ),
        Key::new(
            "missing",
            Shape::Either(&[Shape::Words(MISSING_WORDS), Shape::Whole { least: 0, most: 0 }]),
            "What becomes of the score where the factor is missing: `skip` (default) leaves it out, `0` counts it as 0, `undecided` gives no score.",
        ),
    ]],
);

const RANGE: Shape =
    Shape::text_like(r"^\s*[0-9]+(\.[0-9]+)?\s*\.\.\s*[0-9]+(\.[0-9]+)?\s*$", "a range, such as `40..70`");
const MISSING_WORDS: &[&str] = &["skip", "undecided"];

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let subject = fields.one_of("for", &SUBJECTS).unwrap_or(SubjectKind::Account);
    let statuses = head::statuses(fields);
    if !fields.has("factors") {
        fields.missing("factors");
    }
    let before = fields.problems().len();
    let nodes = fields.list("factors").unwrap_or_default();
    let factors: Vec<Factor> = nodes.iter().filter_map(|node| factor(file, node, fields)).collect();
    if nodes.is_empty() && fields.has("factors") && fields.problems().len() == before {
        let at = fields.value_place("factors");
        fields.error("KW0103", at, "a score needs at least one factor");
    }
    let mut known = HashSet::new();
    for factor in &factors {
        if !known.insert(factor.id.as_str()) {
            let message = format!("two factors are called `{}`", factor.id);
            fields.error("KW0105", factor.place, message);
        }
    }
    let bands = bands(fields);
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| expectation(file, node, &factors, problems);
    let tests =
        cases.map(|node| read_document_cases(file, node, &SCORE_CASE, expect, fields.problems())).unwrap_or_default();
    DocumentBody::Score(Score { subject, statuses, factors, bands, tests })
}

fn factor(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Factor> {
    let mut inner = Fields::new(file, node, &FACTOR, fields.problems());
    let id = inner.required_text("id").map(|id| id.text.to_string());
    if let Some(id) = &id {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 100 || !id.chars().all(fits) {
            let message = format!("`{}` cannot be the id of a factor", short(id));
            let at = inner.value_place("id");
            inner.error_with_help("KW0104", at, message, "use letters, digits, `-` and `_`");
        }
    }
    let weight = weight(&mut inner);
    let value = inner.required_expression("value");
    let missing = missing(&mut inner);
    inner.finish();
    Some(Factor { id: id?, place: node.place, weight: weight?, value: value?, missing })
}

/// Reads what a case expects.
fn expectation(
    file: &Arc<str>,
    node: &Node,
    factors: &[Factor],
    problems: &mut Vec<Diagnostic>,
) -> Option<ScoreExpectation> {
    let mut fields = Fields::new(file, node, &EXPECTED_SCORE, problems);
    let value = fields.take("value").and_then(|node| number_or_none("value", node, &mut fields));
    let band = fields.take("band").and_then(|node| match (&node.value, node.as_text()) {
        (NodeValue::Null, _) | (_, Some("none")) => Some(Expects { place: node.place, value: None }),
        (_, Some(text)) => Some(Expects { place: node.place, value: Some(text.to_owned()) }),
        _ => {
            fields.wrong_type("band", node, "the name of a band, or `none`");
            None
        }
    });
    let mut expected = Vec::new();
    for entry in fields.mapping("factors").unwrap_or_default() {
        if !factors.iter().any(|factor| factor.id == entry.key) {
            let message = format!("the score has no factor `{}`", short(&entry.key));
            let help = advice(&entry.key, factors.iter().map(|factor| factor.id.as_str()));
            fields.error_with_help("KW0224", entry.key_place, message, help);
        }
        let value = number_or_none(&entry.key, &entry.node, &mut fields);
        expected.extend(value.map(|value| (entry.key.clone(), value)));
    }
    let is_undecided = fields.boolean("undecided");
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error("KW0501", node.place, "a case expects something: a `value`, a `band`, `factors` or `undecided`");
    }
    fields.finish().then_some(ScoreExpectation { place: node.place, value, band, factors: expected, is_undecided })
}

/// A number that a case expects, or that there is none.
pub(super) fn number_or_none(key: &str, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Expects<f64>> {
    let value = match (number(node), node.as_text()) {
        (Some(number), _) => Some(number),
        (None, Some("none")) => None,
        _ => {
            fields.wrong_type(key, node, "a number, or `none`");
            return None;
        }
    };
    Some(Expects { place: node.place, value })
}

fn weight(fields: &mut Fields<'_, '_>) -> Option<f64> {
    let node = fields.required("weight")?;
    let weight = match node.value {
        NodeValue::Int(weight) => weight as f64,
        NodeValue::Float(ref weight) => weight.value,
        _ => {
            fields.wrong_type("weight", node, "a number");
            return None;
        }
    };
    if weight.is_finite() && weight > 0.0 {
        return Some(weight);
    }
    let message = format!("`weight` is {}; it is above 0", node.describe().trim_start_matches("the number "));
    fields.error_with_help("KW0104", node.place, message, "a factor that shall not count is left out");
    None
}

fn missing(fields: &mut Fields<'_, '_>) -> MissingFactor {
    const HELP: &str = "write `skip`, `0` or `undecided`";
    let Some(node) = fields.take("missing") else { return MissingFactor::Skip };
    match (&node.value, node.as_text()) {
        (NodeValue::Int(0), _) => return MissingFactor::Zero,
        (_, Some("skip")) => {}
        (_, Some("undecided")) => return MissingFactor::Undecided,
        (_, Some(text)) => {
            let message = format!("`missing` cannot be `{}`", short(text));
            fields.error_with_help("KW0104", node.place, message, HELP);
        }
        (..) => {
            let message = format!("`missing` cannot be {}", node.describe());
            fields.error_with_help("KW0103", node.place, message, HELP);
        }
    }
    MissingFactor::Skip
}

fn bands(fields: &mut Fields<'_, '_>) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let entries = fields.mapping("bands").unwrap_or_default();
    if entries.is_empty() && fields.has("bands") {
        let at = fields.value_place("bands");
        fields.error("KW0103", at, "`bands` needs at least one range");
    }
    for entry in entries {
        let Some(text) = entry.node.as_text() else {
            fields.wrong_type(&entry.key, &entry.node, "a range, such as `40..70`");
            continue;
        };
        let Some((from, to)) = range(text) else {
            let message = format!("`{}` is no range between 0 and 100: `{}`", short(&entry.key), short(text));
            fields.error_with_help("KW0104", entry.node.place, message, "write it as `40..70`");
            continue;
        };
        let overlapping = bands.iter().find(|band| from < band.to && band.from < to);
        if let Some(other) = overlapping {
            let message = format!("`{}` and `{}` have values in common", short(&entry.key), other.name);
            let help = "a range begins with its first number and ends before its second: `0..40` and `40..70` meet";
            fields.error_with_help("KW0104", entry.node.place, message, help);
            continue;
        }
        bands.push(Band { name: entry.key.clone(), place: entry.key_place, from, to });
    }
    bands
}

fn range(text: &str) -> Option<(f64, f64)> {
    let (from, to) = text.split_once("..")?;
    let number = |text: &str| {
        let text = text.trim();
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        text.parse::<f64>().ok().filter(|number| digits && (0.0..=100.0).contains(number))
    };
    number(from).zip(number(to)).filter(|(from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_and_the_last_holds_100() {
        assert_eq!(range("0..40"), Some((0.0, 40.0)));
        assert_eq!(range(" 40 .. 70.5 "), Some((40.0, 70.5)));
        for wrong in ["", "40", "70..40", "40..40", "0..101", "-1..3", "1..2..3", "a..b", "1e1..20"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
        let place = Position { line: 1, column: 1 };
        let band = |from, to| Band { name: "b".to_owned(), place, from, to };
        assert!(band(0.0, 40.0).holds(39.99) && !band(0.0, 40.0).holds(40.0));
        assert!(band(40.0, 70.0).holds(40.0));
        assert!(band(70.0, 100.0).holds(100.0));
    }
}
