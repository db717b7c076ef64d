//! Compares where an account stands with what a case expects.

use crate::evaluation::standing::StandingOutcome;
use crate::facts::Standing;
use crate::playbook::case::Expects;
use crate::playbook::document::StandingExpectation;
use crate::rehearsal::Failure;

/// Every difference between what a document finds and what a case expects of it;
/// `present` is where the account stood before.
pub(super) fn compare(
    standing: Standing,
    present: Option<&str>,
    outcome: &StandingOutcome,
    expected: &StandingExpectation,
) -> Vec<Failure> {
    let (what, mut failures) = (standing.name(), Vec::new());
    let (is, clause) = match outcome {
        StandingOutcome::Stays => (present, None),
        StandingOutcome::Moves(found) => (found.to.as_deref(), Some(found.clause.name())),
        StandingOutcome::Undecided { clause, why } => {
            if expected.is_undecided != Some(true) {
                let message = format!("the {what} is undecided: {clause}: {why}");
                return vec![Failure { place: expected.place, message }];
            }
            (present, None)
        }
    };
    let named = |id: Option<&str>| id.map_or("none".to_owned(), |id| format!("`{id}`"));
    if expected.is_undecided == Some(true) && !matches!(outcome, StandingOutcome::Undecided { .. }) {
        let message = format!("the {what} should be undecided, and is {}", named(is));
        failures.push(Failure { place: expected.place, message });
    }
    if let Some(Expects { place, value }) = &expected.id
        && value.as_deref() != is
    {
        let message = format!("the {what} should be {}, and is {}", named(value.as_deref()), named(is));
        failures.push(Failure { place: *place, message });
    }
    if let Some(Expects { place, value }) = &expected.by
        && value.as_deref() != clause
    {
        let moved = |clause: Option<&str>| match clause {
            Some(clause) => format!("move by `{clause}`"),
            None => "stay".to_owned(),
        };
        let verb = match clause {
            Some("none") => "leaves all of them, since no clause holds".to_owned(),
            Some(clause) => format!("moves by `{clause}`"),
            None => "stays".to_owned(),
        };
        let message = format!("the account should {}, and {verb}", moved(value.as_deref()));
        failures.push(Failure { place: *place, message });
    }
    failures
}
