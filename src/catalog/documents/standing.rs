//! Lifecycles and tiers, ready, and what others may read of what they find.

use std::collections::BTreeMap;

use super::DocumentCompiler;
use crate::facts::{Schema, Standing};
use crate::playbook::document::{Document, DocumentBody, StandingLevel};
use crate::rule::{Rule, Wanted};

/// A lifecycle or tiers whose clauses are compiled.
#[derive(Debug)]
pub struct ReadyStandings {
    /// In their order.
    pub levels: Vec<ReadyLevel>,
}

/// One stage or tier.
#[derive(Debug)]
pub struct ReadyLevel {
    pub id: String,
    /// Which accounts come to it.
    pub enter: Rule,
    /// What is asked of accounts that are in it: `fall` of a stage, `keep` of a tier.
    pub inside: Option<Rule>,
}

/// Compiles stages or tiers; `None` means that there was an error.
pub(super) fn compile_levels(
    levels: &[StandingLevel],
    compiler: &mut DocumentCompiler<'_, '_>,
) -> Option<ReadyStandings> {
    let mut ready = Vec::new();
    for level in levels {
        let enter = compiler.rule(&level.enter, Wanted::Verdict);
        let inside = match level.inside.as_ref().map(|inside| compiler.rule(inside, Wanted::Verdict)) {
            Some(None) => continue,
            Some(inside) => inside,
            None => None,
        };
        ready.extend(enter.map(|enter| ReadyLevel { id: level.id.clone(), enter, inside }));
    }
    (ready.len() == levels.len()).then_some(ReadyStandings { levels: ready })
}

/// The customer store's schema beside documents: with the stages and tiers that they find.
pub fn schema_beside<'d>(schema: &Schema, documents: impl Iterator<Item = &'d Document>) -> Schema {
    let mut found: BTreeMap<Standing, Vec<String>> = BTreeMap::new();
    for document in documents {
        let (standing, standings) = match &document.body {
            DocumentBody::Lifecycle(lifecycle) => (Standing::Stage, lifecycle),
            DocumentBody::Tiers(tiers) => (Standing::Tier, tiers),
            _ => continue,
        };
        let known = found.entry(standing).or_default();
        for level in &standings.levels {
            if !known.contains(&level.id) {
                known.push(level.id.clone());
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
