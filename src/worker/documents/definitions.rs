//! What the documents in force say of themselves.

use std::collections::BTreeMap;

use crate::playbook::document::KpiDefinition;
use crate::store::Store;

/// The definitions of all KPIs in force, by id.
pub async fn kpi_definitions(store: &Store) -> anyhow::Result<BTreeMap<String, KpiDefinition>> {
    let mut definitions = BTreeMap::new();
    for known in store.published_documents().await?.into_iter().filter(|known| known.kind == "kpi" && known.present) {
        let text = store.revision_text(&known.id, &known.revision).await?;
        let definition = text.and_then(|text| KpiDefinition::of_text(&text.file, &text.text));
        definitions.extend(definition.map(|definition| (known.id, definition)));
    }
    Ok(definitions)
}
