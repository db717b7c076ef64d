//! Compares a score with what a case expects.

use super::CaseWorld;
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::score::{ScoreOutcome, evaluate};
use crate::playbook::case::{DocumentCase, Expects};
use crate::playbook::document::ScoreExpectation;
use crate::rehearsal::Failure;

/// Values are the same that differ by no more.
const TOLERANCE: f64 = 0.005;

/// Every difference between a score and what a case expects of it.
pub(super) fn compare(ready: &ReadyDocument, case: &DocumentCase<ScoreExpectation>, world: &CaseWorld) -> Vec<Failure> {
    let ReadyBodyOfDocument::Score(score) = &ready.body else { return Vec::new() };
    let (expected, mut failures) = (&case.expect, Vec::new());
    let outcome = evaluate(score, &ready.sandbox, &world.facts, ready.zone);
    let made = match &outcome {
        ScoreOutcome::Made(made) => Some(made),
        ScoreOutcome::Empty | ScoreOutcome::Undecided { .. } => None,
    };
    if let ScoreOutcome::Undecided { factor, why } = &outcome {
        if expected.is_undecided != Some(true) {
            let message = format!("the score is undecided: the factor `{factor}`: {why}");
            return vec![Failure { place: expected.place, message }];
        }
    } else if expected.is_undecided == Some(true) {
        let value = made.map_or("there is none".to_owned(), |made| format!("it is {}", number(made.value)));
        failures
            .push(Failure { place: expected.place, message: format!("the score should be undecided, and {value}") });
    }
    compare_number("the score", expected.value.as_ref(), made.map(|made| made.value), &mut failures);
    for (id, expected) in &expected.factors {
        let value = made.and_then(|made| made.factors.get(id)).copied();
        compare_number(&format!("the factor `{id}`"), Some(expected), value, &mut failures);
    }
    if let Some(Expects { place, value }) = &expected.band {
        let band = made.and_then(|made| made.band.as_ref());
        if band != value.as_ref() {
            let name = |band: Option<&String>| band.map_or("none".to_owned(), |band| format!("`{band}`"));
            let message = format!("the band should be {}, and is {}", name(value.as_ref()), name(band));
            failures.push(Failure { place: *place, message });
        }
    }
    failures
}

/// Adds what a number is and should not be.
pub(super) fn compare_number(
    what: &str,
    expected: Option<&Expects<f64>>,
    is: Option<f64>,
    failures: &mut Vec<Failure>,
) {
    let Some(Expects { place, value }) = expected else { return };
    let same = match (value, is) {
        (Some(wanted), Some(is)) => (wanted - is).abs() <= TOLERANCE,
        (wanted, is) => wanted.is_none() && is.is_none(),
    };
    if !same {
        let word = |value: Option<f64>| value.map_or("missing".to_owned(), number);
        let message = format!("{what} should be {}, and is {}", word(*value), word(is));
        failures.push(Failure { place: *place, message });
    }
}

/// A number to two decimals at most.
fn number(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}
