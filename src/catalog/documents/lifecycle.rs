//! A lifecycle, ready.

use super::DocumentCompiler;
use super::standing::warn_of_unread;
use crate::facts::Standing;
use crate::playbook::SubjectKind;
use crate::playbook::document::Lifecycle;
use crate::rule::{Rule, Wanted};

/// A lifecycle whose clauses are compiled.
#[derive(Debug)]
pub struct ReadyLifecycle {
    /// In their order.
    pub stages: Vec<ReadyStage>,
}

/// One stage.
#[derive(Debug)]
pub struct ReadyStage {
    pub id: String,
    pub enter: Rule,
    pub fall: Option<Rule>,
}

/// Compiles a lifecycle; `None` means that there was an error.
pub(super) fn compile(lifecycle: &Lifecycle, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyLifecycle> {
    compiler.audience(SubjectKind::Account, &lifecycle.statuses);
    warn_of_unread(Standing::Stage, compiler);
    for stage in lifecycle.stages.iter().skip(1).filter(|stage| stage.enter.text.trim() == "true") {
        let message = format!("every account enters `{}` at once, so nobody stays in the stages before it", stage.id);
        let help = "only the first stage is everybody's: say of this one which accounts enter";
        compiler.warn("KW0210", stage.place, message, help);
    }
    let mut stages = Vec::new();
    for stage in &lifecycle.stages {
        let enter = compiler.rule(&stage.enter, Wanted::Verdict);
        let fall = stage.fall.as_ref().map(|fall| compiler.rule(fall, Wanted::Verdict));
        let fall = match fall {
            Some(None) => continue,
            Some(fall) => fall,
            None => None,
        };
        stages.extend(enter.map(|enter| ReadyStage { id: stage.id.clone(), enter, fall }));
    }
    (stages.len() == lifecycle.stages.len()).then_some(ReadyLifecycle { stages })
}
