//! What a held run would bring if a person let it in now: by the decisions of the
//! release, with nothing written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::candidates::{self, windows};
use super::decide::decide;
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::plan::{PlannedEffect, Rendering, Workload, collisions, follow_way, weigh};
use crate::clock::Instant;
use crate::effect::kind;
use crate::enrollment::{Admission, Enrollment};
use crate::facts::{Facts, SubjectId};
use crate::playbook::guardrails::Ramp;
use crate::worker::enrollments::advancer::foresee;
use crate::worker::portfolio;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// A held run.
#[derive(Clone, Copy, Debug)]
pub struct HeldRun<'a> {
    pub playbook: &'a str,
    pub revision: &'a str,
    pub slot: Instant,
}

/// What would come of those of a held run who were looked at.
#[derive(Clone, Debug, Default)]
pub struct ApprovalOutlook {
    /// How those who are let in enter; `None` where all do at once.
    pub ramp: Option<Ramp>,
    /// Those whose reason to enter is gone.
    pub gone: BTreeSet<SubjectId>,
    /// What the others would get on their whole way.
    pub effects: Vec<PlannedEffect>,
    /// The mails of those who were asked for, as they would read.
    pub mails: Vec<PlannedEffect>,
    /// Whose open tasks would become more at once.
    pub workload: Vec<Workload>,
    /// The other playbooks in which their accounts are.
    pub others: BTreeMap<SubjectId, BTreeSet<String>>,
    /// Those whom the revision before would not enroll; `None` where this one is not
    /// new, or that one cannot be used.
    pub new: Option<BTreeSet<SubjectId>>,
}

/// What would come of those who wait in a held run, with the mails of those of
/// `shown`. The inner error says why nobody can say.
pub async fn look_at_held(
    shared: &Arc<Shared>,
    run: HeldRun<'_>,
    held: &[Enrollment],
    shown: &[SubjectId],
    now: Instant,
) -> anyhow::Result<Result<ApprovalOutlook, String>> {
    match look(shared, run, held, shown, now).await {
        Err(error) if error.is::<BudgetSpent>() => Ok(Err(error.to_string())),
        looked => looked,
    }
}

async fn look(
    shared: &Arc<Shared>,
    run: HeldRun<'_>,
    held: &[Enrollment],
    shown: &[SubjectId],
    now: Instant,
) -> anyhow::Result<Result<ApprovalOutlook, String>> {
    let loaded = match shared.loaded(run.playbook, run.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => return Ok(Err(why)),
    };
    let subjects: Vec<SubjectId> = held.iter().map(Enrollment::subject).collect();
    let mut entering = Vec::new();
    for (_, admission) in decided(shared, &loaded, &subjects, run.slot, now).await? {
        if let Admission::Enroll(enrollment) = admission {
            entering.push(*enrollment);
        }
    }
    let enter: BTreeSet<SubjectId> = entering.iter().map(Enrollment::subject).collect();
    let mails_of: Vec<Enrollment> = entering.iter().filter(|one| shown.contains(&one.subject())).cloned().collect();
    let foreseen = foresee(shared, &loaded, entering, now).await?;
    let effects = follow_way(shared, &loaded, foreseen, now, Rendering::default()).await?;
    let mut assigned: BTreeMap<String, u64> = BTreeMap::new();
    for effect in effects.iter().filter(|effect| effect.kind == kind::TASK && effect.after.is_zero()) {
        if let Some(assignee) = &effect.to {
            *assigned.entry(assignee.clone()).or_default() += 1;
        }
    }
    let rendering = Rendering { texts: true, ..Rendering::default() };
    let foreseen = foresee(shared, &loaded, mails_of, now).await?;
    let mut mails = follow_way(shared, &loaded, foreseen, now, rendering).await?;
    mails.retain(|effect| effect.kind == kind::MAIL);
    mails.sort_by(|one, other| (&one.subject, one.after).cmp(&(&other.subject, other.after)));
    let together = [(run.playbook, subjects.as_slice())].into_iter().collect();
    let others = collisions(shared, &together).await?.remove(run.playbook).unwrap_or_default();
    let ramp = loaded.ready.playbook.guardrails.over(&shared.config.guardrails).ramp;
    Ok(Ok(ApprovalOutlook {
        ramp,
        gone: subjects.iter().filter(|subject| !enter.contains(*subject)).cloned().collect(),
        workload: weigh(shared, &assigned, &[], now).await?,
        effects,
        mails,
        others,
        new: new_by_the_change(shared, run, &subjects).await?,
    }))
}

/// Those whom the revision of the run before would not enroll at the slot.
async fn new_by_the_change(
    shared: &Arc<Shared>,
    run: HeldRun<'_>,
    subjects: &[SubjectId],
) -> anyhow::Result<Option<BTreeSet<SubjectId>>> {
    let earlier = shared.store.earlier_run(run.playbook, run.slot).await?;
    let Some(earlier) = earlier.filter(|earlier| earlier.revision != run.revision) else { return Ok(None) };
    let Ok(before) = shared.loaded(run.playbook, &earlier.revision).await? else { return Ok(None) };
    let mut new: BTreeSet<SubjectId> = subjects.iter().cloned().collect();
    for (subject, admission) in decided(shared, &before, subjects, run.slot, run.slot).await? {
        if let Admission::Enroll(_) = admission {
            new.remove(&subject);
        }
    }
    Ok(Some(new))
}

/// How a revision decides subjects by the facts of an instant, as a release does.
async fn decided(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    subjects: &[SubjectId],
    slot: Instant,
    as_of: Instant,
) -> anyhow::Result<Vec<(SubjectId, Admission)>> {
    let budget = EvaluationBudget::of(shared.config.limits.run);
    let facts = portfolio::fetch(shared, loaded, &loaded.entry, as_of, &windows(subjects), Some(&budget)).await?;
    let history = candidates::recall(shared, loaded, subjects, Some(slot), None).await?;
    let known: Vec<Facts> = facts.into_iter().flatten().collect();
    let decided = decide(shared, loaded, known, history, &budget).await?;
    Ok(decided.into_iter().map(|(subject, decision)| (subject, decision.admission)).collect())
}
