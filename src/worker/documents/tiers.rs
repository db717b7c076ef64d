//! Evaluates `tiers:` for all accounts.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use super::standing::{AccountFacts, AccountOutcome, write_moves};
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::standing::{StandingOutcome, evaluate};
use crate::evaluation::tiers::next_tier;
use crate::facts::Standing;
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::worker::shared::Shared;

/// Writes the accounts that come to another tier at the slot of the evaluation.
pub(super) async fn write(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
) -> anyhow::Result<EvaluationTally> {
    write_moves(shared, document, evaluation, Standing::Tier, outcome).await
}

fn outcome(document: &LoadedDocument, account: AccountFacts) -> AccountOutcome {
    account.judge(|facts, present| match &document.ready.body {
        ReadyBodyOfDocument::Tiers(tiers) => {
            evaluate(next_tier, tiers, &document.ready.sandbox, facts, document.ready.zone, present)
        }
        _ => StandingOutcome::Stays,
    })
}
