//! A lifecycle, ready.

use super::DocumentCompiler;
use super::standing::{ReadyStandings, compile_levels, warn_of_unread};
use crate::facts::Standing;
use crate::playbook::SubjectKind;
use crate::playbook::document::Lifecycle;

/// A lifecycle whose clauses are compiled.
pub type ReadyLifecycle = ReadyStandings;

/// Compiles a lifecycle; `None` means that there was an error.
pub(super) fn compile(lifecycle: &Lifecycle, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyLifecycle> {
    compiler.audience(SubjectKind::Account, &lifecycle.statuses);
    warn_of_unread(Standing::Stage, compiler);
    for stage in lifecycle.levels.iter().skip(1).filter(|stage| stage.enter.text.trim() == "true") {
        let message = format!("every account enters `{}` at once, so nobody stays in the stages before it", stage.id);
        let help = "only the first stage is everybody's: say of this one which accounts enter";
        compiler.warn("KW0210", stage.place, message, help);
    }
    compile_levels(&lifecycle.levels, compiler)
}
