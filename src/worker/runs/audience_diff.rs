//! Whom a changed playbook would touch that the revision before would not, and
//! the other way round: for the person who is asked to approve it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::candidates::Candidates;
use super::decide::decide;
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::keep_runs::keep_runs;
use crate::enrollment::{Admission, Decision};
use crate::facts::SubjectId;
use crate::store::runs::Run;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// How many of each side are named.
const NAMED: usize = 5;

/// How the subjects that a run holds differ from those whom the playbook's
/// previous revision would enroll at the same slot, in words. `None` where the
/// revision is not new, or the one before cannot be used any more.
pub(crate) async fn describe(shared: &Arc<Shared>, run: &Run) -> anyhow::Result<Option<String>> {
    let store = &shared.store;
    let earlier = store.earlier_run(&run.playbook, run.slot).await?;
    let Some(earlier) = earlier.filter(|earlier| earlier.revision != run.revision) else { return Ok(None) };
    let Ok(before) = shared.loaded(&run.playbook, &earlier.revision).await? else { return Ok(None) };
    let would_enter = match audience(shared, &before, run).await {
        Err(error) if error.is::<BudgetSpent>() => {
            return Ok(Some(format!("Whom the revision before would enroll cannot be said: {error}")));
        }
        found => found?,
    };
    let held = store.held_enrollments(&run.playbook, run.slot).await?;
    let held: BTreeSet<SubjectId> = held.iter().map(|one| one.subject()).collect();
    Ok(Some(compare(&held, &would_enter)))
}

/// How those that a run holds differ from those whom the revision before would
/// enroll, in words.
fn compare(held: &BTreeSet<SubjectId>, before: &BTreeSet<SubjectId>) -> String {
    let new: Vec<&SubjectId> = held.difference(before).collect();
    let gone: Vec<&SubjectId> = before.difference(held).collect();
    if new.is_empty() && gone.is_empty() {
        return "The revision before would enroll the same".to_owned();
    }
    let parts = [listed(&new, "would not enter by the revision before"), listed(&gone, "would enter only by that")];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Whom a revision would enroll at a run's slot.
async fn audience(shared: &Arc<Shared>, loaded: &Arc<Loaded>, run: &Run) -> anyhow::Result<BTreeSet<SubjectId>> {
    let open = Candidates::open(shared, loaded, run.slot);
    let mut candidates = keep_runs(shared, std::slice::from_ref(run), open).await?;
    let found = audience_among(shared, loaded, run, &mut candidates).await;
    let closed = candidates.close().await;
    let found = found?;
    closed.map(|()| found)
}

async fn audience_among(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    run: &Run,
    candidates: &mut Candidates<'_>,
) -> anyhow::Result<BTreeSet<SubjectId>> {
    let mut audience = BTreeSet::new();
    let (ours, budget) = (std::slice::from_ref(run), EvaluationBudget::of(shared.config.limits.run));
    loop {
        let chunk = keep_runs(shared, ours, candidates.next()).await?;
        if chunk.is_empty() {
            return Ok(audience);
        }
        shared.store.renew_run(run).await??;
        let histories = candidates.histories(&chunk, Some(run.slot)).await?;
        let decided = keep_runs(shared, ours, decide(shared, loaded, chunk, histories, &budget)).await?;
        for (subject, Decision { admission, .. }) in decided {
            if let Admission::Enroll(_) = admission {
                audience.insert(subject);
            }
        }
    }
}

/// `12 would not enter by the revision before (a1, a2, …)`; nothing of nobody.
fn listed(subjects: &[&SubjectId], what: &str) -> Option<String> {
    let named: Vec<String> = subjects.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if subjects.len() > NAMED { ", …" } else { "" };
    (!subjects.is_empty()).then(|| format!("{} {what} ({}{more})", subjects.len(), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_named_up_to_five() {
        let accounts = |names: &[&str]| -> BTreeSet<SubjectId> {
            let subject = |name: &&str| SubjectId { account: (*name).to_owned(), contact: String::new() };
            names.iter().map(subject).collect()
        };
        let cases: [(&[&str], &[&str], &str); 5] = [
            (&["a"], &["a"], "The revision before would enroll the same"),
            (&[], &[], "The revision before would enroll the same"),
            (&["a", "b"], &["b"], "1 would not enter by the revision before (a)"),
            (&["b"], &["a", "b", "c"], "2 would enter only by that (a, c)"),
            (
                &["a", "b", "c", "d", "e", "f"],
                &["z"],
                "6 would not enter by the revision before (a, b, c, d, e, …); 1 would enter only by that (z)",
            ),
        ];
        for (held, before, words) in cases {
            assert_eq!(compare(&accounts(held), &accounts(before)), words);
        }
    }
}
