//! The figure of a KPI at an instant, whether it is kept or only looked at.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::clock::Instant;
use crate::evaluation::kpi::{KpiOutcome, evaluate};
use crate::facts::{Facts, Value};
use crate::rule::population::PopulationCells;
use crate::worker::shared::Shared;

/// What a KPI in force is at an instant, as its evaluation would find it; nothing is
/// written. `None` where there is no such KPI, or this version cannot use it.
pub async fn look(shared: &Shared, id: &str, at: Instant) -> anyhow::Result<Option<KpiOutcome>> {
    let documents = shared.store.published_documents().await?;
    let Some(known) = documents.into_iter().find(|known| known.id == id && known.present) else { return Ok(None) };
    match shared.document(id, &known.revision).await? {
        Ok(document) => outcome(shared, &document, at).await,
        Err(_) => Ok(None),
    }
}

/// What a document is at an instant; `None` where it is no KPI.
pub(super) async fn outcome(
    shared: &Shared,
    document: &LoadedDocument,
    at: Instant,
) -> anyhow::Result<Option<KpiOutcome>> {
    let ready = &document.ready;
    let ReadyBodyOfDocument::Kpi(kpi) = &ready.body else { return Ok(None) };
    let figures = {
        let _permit = shared.runs.walk().await;
        document.query.figures(shared.store.customers_pool(), at).await?
    };
    let layout = ready.layout.clone();
    let facts = Facts {
        account: String::new(),
        contact: String::new(),
        as_of: at,
        values: vec![Value::Null; layout.cells().len()],
        layout,
        matching: None,
    };
    let facts = match PopulationCells::of(&facts.layout) {
        Some(cells) => cells.fill(facts, &figures),
        None => facts,
    };
    Ok(Some(evaluate(kpi, &ready.sandbox, &Arc::new(facts), ready.zone)))
}
