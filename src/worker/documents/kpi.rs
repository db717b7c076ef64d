//! Evaluates a KPI.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::kpi::{KpiOutcome, evaluate};
use crate::facts::{Facts, SubjectId, Value};
use crate::rule::population::PopulationCells;
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
    let ready = &document.ready;
    let ReadyBodyOfDocument::Kpi(kpi) = &ready.body else { return Ok(tally) };
    let store = &shared.store;
    let figures = {
        let _permit = shared.runs.walk().await;
        document.query.figures(store.customers_pool(), evaluation.slot).await?
    };
    let layout = ready.layout.clone();
    let facts = Facts {
        account: String::new(),
        contact: String::new(),
        as_of: evaluation.slot,
        values: vec![Value::Null; layout.cells().len()],
        layout,
    };
    let facts = match PopulationCells::of(&facts.layout) {
        Some(cells) => cells.fill(facts, &figures),
        None => facts,
    };
    tally.subjects = 1;
    let figure = match evaluate(kpi, &ready.sandbox, &Arc::new(facts), ready.zone) {
        KpiOutcome::Figure(figure) => Ok(figure),
        KpiOutcome::Missing(why) => {
            let nobody = SubjectId { account: String::new(), contact: String::new() };
            tally.detail(&nobody, "missing", &why);
            Err(why)
        }
    };
    tally.written = i64::from(figure.is_ok());
    let (id, revision, unit) = (evaluation.document.as_str(), evaluation.revision.as_str(), kpi.unit.name());
    store.write_kpi(&NewKpi { id, at: evaluation.slot, revision, unit, figure }).await?;
    Ok(tally)
}
