//! Whom one text lets in at a slot. Limits of a run (holds, a cap by the day,
//! stops) are not looked at: they say how many go at once, and not who is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Instant;
use crate::enrollment::{Admission, Decision, Enrollment, Skip};
use crate::facts::SubjectId;
use crate::playbook::Mode;
use crate::worker::enrollments::advancer::{foresee, look_ahead};
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::candidates::Candidates;
use crate::worker::runs::decide::decide;
use crate::worker::runs::evaluation_budget::EvaluationBudget;
use crate::worker::shared::Shared;

/// How many are looked at together.
pub(super) const BATCH: usize = 500;

/// Whom a text lets in, and whom it passes over.
#[derive(Clone, Debug, Default)]
pub(super) struct TextAudience {
    pub enter: BTreeMap<SubjectId, Enrollment>,
    /// Candidates that do not enter, by why.
    pub skipped: BTreeMap<SubjectId, &'static str>,
    pub undecided: usize,
}

/// Decides everybody at a slot, with the history that stands under further names,
/// too. A playbook that is paused lets nobody in.
pub(super) async fn audience(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    further: &[String],
    slot: Instant,
) -> anyhow::Result<TextAudience> {
    if loaded.ready.playbook.mode == Mode::Paused {
        return Ok(TextAudience::default());
    }
    let mut candidates = Candidates::open(shared, loaded, slot).await?.with_history_of(further).await?;
    let found = decide_all(shared, loaded, &mut candidates).await;
    let closed = candidates.close().await;
    let found = found?;
    closed.map(|()| found)
}

async fn decide_all(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    candidates: &mut Candidates<'_>,
) -> anyhow::Result<TextAudience> {
    let (mut found, budget) = (TextAudience::default(), EvaluationBudget::of(shared.config.limits.run));
    loop {
        let chunk = candidates.next().await?;
        if chunk.is_empty() {
            return Ok(found);
        }
        let histories = candidates.histories(&chunk, None).await?;
        for (subject, Decision { admission, .. }) in decide(shared, loaded, chunk, histories, &budget).await? {
            match admission {
                Admission::NotCandidate => {}
                Admission::Enroll(enrollment) => {
                    found.enter.insert(subject, *enrollment);
                }
                Admission::Skip(skip) => {
                    found.undecided += usize::from(matches!(skip, Skip::Undecided(_)));
                    found.skipped.insert(subject, skip.name());
                }
            }
        }
    }
}

/// The tasks that those who enter bring on their whole way, as things stand, by
/// whom they go to. In shadow nobody gets any.
pub(super) async fn tasks_of_way(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    audience: &TextAudience,
    slot: Instant,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut assigned = BTreeMap::new();
    if loaded.ready.playbook.mode != Mode::Live {
        return Ok(assigned);
    }
    let entering: Vec<Enrollment> = audience.enter.values().cloned().collect();
    for batch in entering.chunks(BATCH) {
        let foreseen = foresee(shared, loaded, batch.to_vec(), slot).await?;
        let (ways, _) = look_ahead(shared, loaded, foreseen, slot).await?;
        for assignee in ways.iter().flat_map(|way| &way.effects).filter_map(|one| one.effect.assignee()) {
            *assigned.entry(assignee.to_owned()).or_default() += 1;
        }
    }
    Ok(assigned)
}
