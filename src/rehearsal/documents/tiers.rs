//! Compares what `tiers:` finds with what a case expects.

use super::{CaseWorld, standing};
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::standing::evaluate;
use crate::evaluation::tiers::next_tier;
use crate::facts::Standing;
use crate::playbook::case::DocumentCase;
use crate::playbook::document::StandingExpectation;
use crate::rehearsal::Failure;

/// Every difference between the tier of the account and what a case expects of it.
pub(super) fn compare(
    ready: &ReadyDocument,
    case: &DocumentCase<StandingExpectation>,
    world: &CaseWorld,
) -> Vec<Failure> {
    let ReadyBodyOfDocument::Tiers(tiers) = &ready.body else { return Vec::new() };
    let present = world.present(Standing::Tier);
    let outcome = evaluate(next_tier, tiers, &ready.sandbox, &world.facts, ready.zone, present.as_deref());
    standing::compare(Standing::Tier, present.as_deref(), &outcome, &case.expect)
}
