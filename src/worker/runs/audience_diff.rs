//! Whom a changed playbook would touch that the revision before would not, and
//! the other way round: for the person who is asked to approve it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::candidates::Candidates;
use super::run::decide;
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
pub(crate) async fn told(shared: &Arc<Shared>, run: &Run) -> anyhow::Result<Option<String>> {
    let store = &shared.store;
    let earlier = store.earlier_run(&run.playbook, run.slot).await?;
    let Some(earlier) = earlier.filter(|earlier| earlier.revision != run.revision) else { return Ok(None) };
    let Ok(before) = shared.loaded(&run.playbook, &earlier.revision).await? else { return Ok(None) };
    let Some(would_enter) = audience(shared, &before, run).await? else { return Ok(None) };
    let held = store.held_enrollments(&run.playbook, run.slot).await?;
    let held: BTreeSet<SubjectId> = held.iter().map(|one| one.subject()).collect();
    let new: Vec<&SubjectId> = held.difference(&would_enter).collect();
    let gone: Vec<&SubjectId> = would_enter.difference(&held).collect();
    if new.is_empty() && gone.is_empty() {
        return Ok(Some("The revision before would enroll the same".to_owned()));
    }
    let parts = [listed(&new, "would not enter by the revision before"), listed(&gone, "would enter only by that")];
    Ok(Some(parts.into_iter().flatten().collect::<Vec<_>>().join("; ")))
}

/// Whom a revision would enroll at a run's slot; `None` when the run is lost.
async fn audience(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    run: &Run,
) -> anyhow::Result<Option<BTreeSet<SubjectId>>> {
    let mut found = BTreeSet::new();
    let mut candidates = Candidates::open(shared, loaded, run.slot).await?;
    loop {
        let chunk = candidates.next().await?;
        if chunk.is_empty() {
            break;
        }
        if !shared.store.renew_run(run).await? {
            candidates.close().await?;
            return Ok(None);
        }
        let histories = candidates.histories(&chunk, Some(run.slot)).await?;
        for (subject, Decision { admission, .. }) in decide(shared, loaded, chunk, histories).await? {
            if let Admission::Enroll(_) = admission {
                found.insert(subject);
            }
        }
    }
    candidates.close().await?;
    Ok(Some(found))
}

/// `12 would not enter by the revision before (a1, a2, …)`; nothing of nobody.
fn listed(subjects: &[&SubjectId], what: &str) -> Option<String> {
    let named: Vec<String> = subjects.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if subjects.len() > NAMED { ", …" } else { "" };
    (!subjects.is_empty()).then(|| format!("{} {what} ({}{more})", subjects.len(), named.join(", ")))
}
