//! What documents about the whole ask of all accounts at an instant: one pass for
//! all of them, whose figures the store keeps for each.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use crate::clock::Instant;
use crate::facts::Layout;
use crate::playbook::document::Stage;
use crate::store::customers::facts::FactQuery;
use crate::worker::shared::Shared;

/// Asks together what those of these documents ask that are about the whole and are
/// not evaluated yet. One that is there is evaluated alone.
pub(super) async fn gather<'d>(
    shared: &Shared,
    documents: impl Iterator<Item = &'d Arc<LoadedDocument>>,
    slot: Instant,
) -> anyhow::Result<()> {
    let is_about_all = |document: &&Arc<LoadedDocument>| document.ready.document.kind.stage == Stage::Figures;
    let mut documents: Vec<_> = documents.filter(is_about_all).collect();
    if documents.len() < 2 {
        return Ok(());
    }
    let store = &shared.store;
    let evaluated = store.evaluated_at(slot).await?;
    documents.retain(|document| !evaluated.contains(&document.ready.document.id));
    if documents.len() < 2 {
        return Ok(());
    }
    let mut layout = Layout::default();
    documents.iter().for_each(|document| layout.merge(document.ready.layout.cells()));
    let query = FactQuery::new(Arc::new(layout), store.relations())?;
    let _permit = shared.runs.walk().await;
    query.figures(store.customers_pool(), slot).await?;
    Ok(())
}
