//! Compares what `lifecycle:` finds with what a case expects.

use super::{CaseWorld, standing};
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::lifecycle::next_stage;
use crate::evaluation::standing::evaluate;
use crate::facts::Standing;
use crate::playbook::case::DocumentCase;
use crate::playbook::document::StandingExpectation;
use crate::rehearsal::Failure;

/// Every difference between the stage of the account and what a case expects of it.
pub(super) fn compare(
    ready: &ReadyDocument,
    case: &DocumentCase<StandingExpectation>,
    world: &CaseWorld,
) -> Vec<Failure> {
    let ReadyBodyOfDocument::Lifecycle(lifecycle) = &ready.body else { return Vec::new() };
    let present = world.present(Standing::Stage);
    let outcome = evaluate(next_stage, lifecycle, &ready.sandbox, &world.facts, ready.zone, present.as_deref());
    standing::compare(Standing::Stage, present.as_deref(), &outcome, &case.expect)
}
