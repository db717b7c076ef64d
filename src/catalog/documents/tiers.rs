//! Tiers, ready.

use super::DocumentCompiler;
use super::standing::{ReadyStandings, compile_levels, warn_of_unread};
use crate::facts::Standing;
use crate::playbook::SubjectKind;
use crate::playbook::document::Tiers;

/// Tiers whose conditions are compiled.
pub type ReadyTiers = ReadyStandings;

/// Compiles tiers; `None` means that there was an error.
pub(super) fn compile(tiers: &Tiers, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyTiers> {
    compiler.audience(SubjectKind::Account, &tiers.statuses);
    warn_of_unread(Standing::Tier, compiler);
    let behind = tiers.levels.len().saturating_sub(1);
    for tier in tiers.levels.iter().take(behind).filter(|tier| tier.enter.text.trim() == "true") {
        let message = format!("every account is in `{}`, so none is ever in the tiers behind it", tier.id);
        compiler.warn(
            "KW0210",
            tier.place,
            message,
            "only the last tier is everybody else's: say of this one which accounts are in it",
        );
    }
    compile_levels(&tiers.levels, compiler)
}
