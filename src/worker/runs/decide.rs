//! Deciding a chunk of subjects: the same for a run, a plan, a release and the
//! comparison of two revisions.

use std::collections::HashMap;
use std::sync::Arc;

use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use crate::clock::WorkStopwatch;
use crate::enrollment::{Admission, Decision, Guard, History, MatchChange, Skip, UndecidedGuard, admit};
use crate::facts::{Facts, SubjectId};
use crate::rule::EvalError;
use crate::worker::revision_cache::Loaded;
use crate::worker::round::unless_panicking;
use crate::worker::shared::Shared;

/// How many enrollments are decided again, or written, at once.
pub(super) const BATCH: usize = 2_000;

/// How many are decided between two looks at the time.
const BETWEEN_LOOKS: usize = 8;

/// Decides a chunk off the async threads, at the cost of a budget.
///
/// # Errors
/// A [`BudgetSpent`] when that does not suffice: then nothing is decided.
pub async fn decide(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    chunk: Vec<Facts>,
    mut history: HashMap<SubjectId, History>,
    budget: &Arc<EvaluationBudget>,
) -> anyhow::Result<Vec<(SubjectId, Decision)>> {
    let (shared, loaded, budget) = (shared.clone(), loaded.clone(), budget.clone());
    let decided = tokio::task::spawn_blocking(move || {
        let mut decided = Vec::with_capacity(chunk.len());
        let mut watch = WorkStopwatch::start();
        for facts in chunk {
            let subject = facts.subject();
            let history = history.remove(&subject).unwrap_or_default();
            let decision = unless_panicking(|| admit(&loaded.ready, facts, &history, &shared.calendar));
            let fault = || {
                let error = EvalError::new("a fault of Keepwell's own: see its log");
                let undecided = UndecidedGuard { guard: Guard::Clause, error };
                Decision {
                    admission: Admission::Skip(Skip::Undecided(undecided)),
                    match_change: MatchChange::Unchanged,
                }
            };
            decided.push((subject, decision.unwrap_or_else(fault)));
            if decided.len().is_multiple_of(BETWEEN_LOOKS) {
                budget.spend(watch.elapsed())?;
                watch = WorkStopwatch::start();
            }
        }
        budget.spend(watch.elapsed())?;
        Ok::<_, BudgetSpent>(decided)
    });
    Ok(decided.await??)
}
