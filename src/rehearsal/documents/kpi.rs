//! Compares a KPI with what a case expects.

use super::CaseWorld;
use super::score::compare_number;
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::kpi::{KpiOutcome, evaluate};
use crate::playbook::case::DocumentCase;
use crate::playbook::document::KpiExpectation;
use crate::rehearsal::Failure;

/// Every difference between a KPI and what a case expects of it.
pub(super) fn compare(ready: &ReadyDocument, case: &DocumentCase<KpiExpectation>, world: &CaseWorld) -> Vec<Failure> {
    let ReadyBodyOfDocument::Kpi(kpi) = &ready.body else { return Vec::new() };
    let (expected, mut failures) = (&case.expect, Vec::new());
    let (figure, why) = match evaluate(kpi, &ready.sandbox, &world.facts, ready.zone) {
        KpiOutcome::Figure(figure) => (Some(figure), None),
        KpiOutcome::Missing(why) => (None, Some(why)),
    };
    compare_number("the figure", expected.value.as_ref(), figure, &mut failures);
    if let (Some(failure), Some(why)) = (failures.first_mut(), &why) {
        failure.message.push_str(&format!(": {why}"));
    }
    if let Some((place, words)) = &expected.missing {
        let message = match (&why, figure) {
            (Some(why), _) if why.contains(words.as_str()) => None,
            (Some(why), _) => Some(format!("there is no figure for another reason: {why}")),
            (None, figure) => Some(format!("there should be no figure, and it is {}", figure.unwrap_or_default())),
        };
        failures.extend(message.map(|message| Failure { place: *place, message }));
    }
    failures
}
