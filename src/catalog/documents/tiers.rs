//! Tiers, ready.

use super::DocumentCompiler;
use super::standing::warn_of_unread;
use crate::facts::Standing;
use crate::playbook::SubjectKind;
use crate::playbook::document::Tiers;
use crate::rule::{Rule, Wanted};

/// Tiers whose conditions are compiled.
#[derive(Debug)]
pub struct ReadyTiers {
    /// The best first.
    pub levels: Vec<ReadyTier>,
}

/// One tier.
#[derive(Debug)]
pub struct ReadyTier {
    pub id: String,
    pub when: Rule,
    pub keep: Option<Rule>,
}

/// Compiles tiers; `None` means that there was an error.
pub(super) fn compile(tiers: &Tiers, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyTiers> {
    compiler.audience(SubjectKind::Account, &tiers.statuses);
    warn_of_unread(Standing::Tier, compiler);
    let behind = tiers.levels.len().saturating_sub(1);
    for tier in tiers.levels.iter().take(behind).filter(|tier| tier.when.text.trim() == "true") {
        let message = format!("every account is in `{}`, so none is ever in the tiers behind it", tier.id);
        compiler.warn("KW0210", tier.place, message, "only the last tier is everybody else's: say of this one which accounts are in it");
    }
    let mut levels = Vec::new();
    for tier in &tiers.levels {
        let when = compiler.rule(&tier.when, Wanted::Verdict);
        let keep = tier.keep.as_ref().map(|keep| compiler.rule(keep, Wanted::Verdict));
        let keep = match keep {
            Some(None) => continue,
            Some(keep) => keep,
            None => None,
        };
        levels.extend(when.map(|when| ReadyTier { id: tier.id.clone(), when, keep }));
    }
    (levels.len() == tiers.levels.len()).then_some(ReadyTiers { levels })
}
