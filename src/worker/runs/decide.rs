//! Deciding a chunk of subjects: the same for a run, a plan, a release and the
//! comparison of two revisions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::enrollment::{Admission, Decision, History, MatchChange, Skip, admit};
use crate::facts::{Facts, SubjectId};
use crate::rule::EvalError;
use crate::worker::revision_cache::Loaded;
use crate::worker::round::unless_panicking;
use crate::worker::shared::Shared;

/// How many enrollments are decided again, or written, at once.
pub(super) const BATCH: usize = 2_000;

/// Decides a chunk off the async threads.
pub async fn decide(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    chunk: Vec<Facts>,
    mut history: HashMap<SubjectId, History>,
) -> anyhow::Result<Vec<(SubjectId, Decision)>> {
    let (shared, loaded) = (shared.clone(), loaded.clone());
    let decided = tokio::task::spawn_blocking(move || {
        chunk
            .into_iter()
            .map(|facts| {
                let subject = facts.subject();
                let history = history.remove(&subject).unwrap_or_default();
                let decision = unless_panicking(|| admit(&loaded.ready, facts, &history, &shared.calendar));
                let fault = || {
                    let error = EvalError::new("a fault of Keepwell's own: see its log");
                    Decision {
                        admission: Admission::Skip(Skip::Undecided(error)),
                        match_change: MatchChange::Unchanged,
                    }
                };
                (subject, decision.unwrap_or_else(fault))
            })
            .collect()
    });
    Ok(decided.await?)
}
