//! One evaluation of a document, by whoever holds it.

use std::sync::Arc;

use super::write_results;
use crate::clock::Instant;
use crate::ids;
use crate::postgres::describe_error;
use crate::store::documents::evaluations::Evaluation;
use crate::store::lease::Lost;
use crate::store::messages::insert::{NoticeText, OwnerNotice};
use crate::store::{FailureKind, failure_kind};
use crate::worker::runs::evaluation_budget::BudgetSpent;
use crate::worker::shared::Shared;

/// Whether an evaluation is over, however it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluated {
    /// It is done, or has failed, which is recorded: nobody waits for it.
    Over,
    /// It is left open: somebody else has it, or takes it over once the lease has
    /// ended.
    Open,
}

/// Evaluates a document at its slot. What fails for good is recorded as failed; a
/// database that is away leaves it open.
pub async fn evaluate(shared: &Arc<Shared>, evaluation: &Evaluation, now: Instant) -> Evaluated {
    match attempt(shared, evaluation, now).await {
        Ok(()) => Evaluated::Over,
        Err(error) if error.is::<Lost>() => {
            tracing::warn!(document = %evaluation.document, slot = %evaluation.slot, "somebody else has the evaluation");
            Evaluated::Open
        }
        Err(error) => {
            let why = describe_error(error.as_ref());
            tracing::error!(document = %evaluation.document, slot = %evaluation.slot, "the evaluation failed: {why}");
            Evaluated::Open
        }
    }
}

async fn attempt(shared: &Arc<Shared>, evaluation: &Evaluation, now: Instant) -> anyhow::Result<()> {
    let document = match shared.document(&evaluation.document, &evaluation.revision).await? {
        Ok(document) => document,
        Err(why) => return fail(shared, evaluation, &format!("it cannot be used: {why}"), now).await,
    };
    let tally = match write_results(shared, &document, evaluation).await {
        Ok(tally) => tally,
        Err(error) if error.is::<Lost>() => return Err(error),
        Err(error) if error.is::<BudgetSpent>() || failure_kind(&error) == FailureKind::Lasting => {
            return fail(shared, evaluation, &describe_error(error.as_ref()), now).await;
        }
        Err(error) => return Err(error),
    };
    if tally.undecided > 0 {
        tracing::warn!(
            document = %evaluation.document, slot = %evaluation.slot, undecided = tally.undecided, of = tally.subjects,
            "not everything could be decided"
        );
    }
    Ok(shared.store.finish_evaluation(evaluation, &tally, now).await??)
}

/// Ends an evaluation as failed, visibly. The owners hear of the first that fails, and
/// again only when one has succeeded meanwhile.
async fn fail(shared: &Shared, evaluation: &Evaluation, why: &str, now: Instant) -> anyhow::Result<()> {
    let (document, slot) = (&evaluation.document, evaluation.slot);
    tracing::error!(document = %document, slot = %slot, "the evaluation failed: {why}");
    let text = format!(
        "The document {document} could not be evaluated at {}: {why}.\n\nWhat it found before stays, and is what \
         others read until it succeeds. The next slot tries again; this is said once until one has succeeded.",
        slot.format("%Y-%m-%d %H:%M UTC")
    );
    let text = NoticeText { subject: &format!("Not evaluated: {document}"), text: &text };
    let id = ids::notice(&["not evaluated", document, &slot.to_rfc3339()]);
    let alerts_to = shared.config.alerts_to.as_deref();
    let notice = alerts_to.map(|to| OwnerNotice::alert(id, document, to, text));
    Ok(shared.store.fail_evaluation(evaluation, why, notice.as_ref(), now).await??)
}
