//! Evaluates a KPI.

use std::sync::Arc;

use super::figure::outcome;
use super::loaded::LoadedDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::kpi::KpiOutcome;
use crate::facts::SubjectId;
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::store::documents::kpis::NewKpi;
use crate::worker::shared::Shared;

/// Writes the figure at the slot of the evaluation, or why there is none.
pub(super) async fn write(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
) -> anyhow::Result<EvaluationTally> {
    let mut tally = EvaluationTally::default();
    let ReadyBodyOfDocument::Kpi(kpi) = &document.ready.body else { return Ok(tally) };
    let Some(outcome) = outcome(shared, document, evaluation.slot).await? else { return Ok(tally) };
    tally.subjects = 1;
    let figure = match outcome {
        KpiOutcome::Figure(figure) => Ok(figure),
        KpiOutcome::Missing(why) => {
            let nobody = SubjectId { account: String::new(), contact: String::new() };
            tally.detail(&nobody, "missing", &why);
            Err(why)
        }
    };
    tally.written = i64::from(figure.is_ok());
    let (id, revision, unit) = (evaluation.document.as_str(), evaluation.revision.as_str(), kpi.unit.name());
    shared.store.write_kpi(&NewKpi { id, at: evaluation.slot, revision, unit, figure }).await?;
    Ok(tally)
}
