//! Compares the figures of a report with what a case expects.

use super::CaseWorld;
use super::score::compare_number;
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::playbook::case::DocumentCase;
use crate::playbook::document::ReportExpectation;
use crate::rehearsal::Failure;

/// Every difference between a report and what a case expects of it.
pub(super) fn compare(
    ready: &ReadyDocument,
    case: &DocumentCase<ReportExpectation>,
    world: &CaseWorld,
) -> Vec<Failure> {
    let ReadyBodyOfDocument::Report(report) = &ready.body else { return Vec::new() };
    let (expected, mut failures) = (&case.expect, Vec::new());
    let report = report.maker.make(&ready.sandbox, &world.facts);
    match (report.failures().next(), expected.is_undecided) {
        (Some((figure, why)), None | Some(false)) => {
            let message = format!("the figure `{figure}` is undecided: {why}");
            return vec![Failure { place: expected.place, message }];
        }
        (None, Some(true)) => {
            let message = "something should be undecided, and nothing is".to_owned();
            failures.push(Failure { place: expected.place, message });
        }
        _ => {}
    }
    for wanted in &expected.figures {
        let Some(figure) = report.figures.iter().find(|figure| figure.id == wanted.id) else { continue };
        let what = |noun: &str| format!("the figure `{}` {noun}", wanted.id);
        compare_number(&what("before"), wanted.before.as_ref(), figure.before.value(), &mut failures);
        compare_number(&what("after"), wanted.after.as_ref(), figure.after.value(), &mut failures);
        compare_number(&what("in money"), wanted.worth.as_ref(), figure.worth(), &mut failures);
    }
    compare_number("the gain", expected.gain.as_ref(), report.gain(), &mut failures);
    failures
}
