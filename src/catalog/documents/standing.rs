//! What documents find of where accounts stand, for those who read it.

use std::collections::BTreeMap;

use super::DocumentCompiler;
use crate::facts::{Schema, Standing};
use crate::playbook::document::{Document, DocumentBody};

/// The customer store's schema beside documents: with the stages and tiers that they find.
pub fn schema_beside<'d>(schema: &Schema, documents: impl Iterator<Item = &'d Document>) -> Schema {
    let mut found: BTreeMap<Standing, Vec<String>> = BTreeMap::new();
    for document in documents {
        let (standing, ids): (_, Vec<String>) = match &document.body {
            DocumentBody::Lifecycle(lifecycle) => {
                (Standing::Stage, lifecycle.stages.iter().map(|stage| stage.id.clone()).collect())
            }
            DocumentBody::Tiers(tiers) => (Standing::Tier, tiers.levels.iter().map(|tier| tier.id.clone()).collect()),
            _ => continue,
        };
        let known = found.entry(standing).or_default();
        for id in ids {
            if !known.contains(&id) {
                known.push(id);
            }
        }
    }
    schema.with_found(found)
}

/// Warns where the store's own column is read for every account, so that nothing
/// reads what the document finds.
pub(super) fn warn_of_unread(standing: Standing, compiler: &mut DocumentCompiler<'_, '_>) {
    if compiler.schema().takes(standing) {
        return;
    }
    let name = standing.name();
    let at = compiler.document().place;
    let message = format!(
        "the customer store's own `account.{name}` is read for every account, and never what this document finds"
    );
    let help = "map a column of texts that may be null, or none at all, or take this document away";
    compiler.warn("KW0231", at, message, help);
}
