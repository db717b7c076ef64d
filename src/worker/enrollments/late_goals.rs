//! Goals that come true after the end: ended enrollments are looked at on the
//! quarter hours as long as their goal still counts.
//!
//! One daemon takes each quarter hour. The database passes by those whose goal
//! cannot hold, thousands at once, and the rest is decided like everything else,
//! within the time that a run has. A quarter hour that is lost with its daemon is
//! made good by the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::clock::{Instant, WorkStopwatch};
use crate::enrollment::{Enrollment, next_quarter, reach_late_goal};
use crate::facts::Facts;
use crate::rule::Context;
use crate::store::customers::facts::{self, FactQuery, SubjectWindow};
use crate::store::enrollments::late_goals::Ended;
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::evaluation_budget::{BudgetSpent, EvaluationBudget};
use crate::worker::shared::Shared;

/// How many are asked about in one statement.
const PAGE: usize = 2_000;

/// Looks at everything that has ended, once each quarter hour; returns how many
/// goals came true. Nothing is done for a customer, so that only a stop of
/// everything keeps it.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let next = next_quarter(now, shared.config.recheck);
    let quarter = next - shared.config.recheck;
    let store = &shared.store;
    if shared.halted().await?.is_none() || !store.take_look("hindsight", quarter).await? {
        return Ok(0);
    }
    let mut found = 0;
    for (playbook, revision) in store.revisions_with_late_goals().await? {
        if let Ok(loaded) = shared.loaded(&playbook, &revision).await?
            && let Some(query) = &loaded.late_goal
        {
            match look(shared, &loaded, query, quarter).await {
                // The next quarter hour tries again.
                Err(error) if error.is::<BudgetSpent>() => {
                    tracing::error!(%playbook, %revision, "late goals were not all looked at: {error}");
                    continue;
                }
                looked => found += looked?,
            }
        }
        store.end_late_goals(&playbook, &revision, next).await?;
    }
    Ok(found)
}

async fn look(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    query: &FactQuery,
    quarter: Instant,
) -> anyhow::Result<usize> {
    let (store, ready) = (&shared.store, &loaded.ready);
    let (mut found, budget) = (0, EvaluationBudget::of(shared.config.limits.run));
    let mut last: Option<Ended> = None;
    loop {
        let page = store
            .late_goal_candidates(&ready.playbook.id, &ready.revision, quarter, last.as_ref(), PAGE as i64)
            .await?;
        let is_last = page.len() < PAGE;
        last = page.last().cloned();
        // Of missed quarter hours the last at which it counted is as good as all.
        let mut groups: BTreeMap<Instant, Vec<Ended>> = BTreeMap::new();
        for one in page {
            let at = (next_quarter(one.goal_until, shared.config.recheck) - shared.config.recheck).min(quarter);
            groups.entry(at).or_default().push(one);
        }
        for (at, ended) in groups {
            found += decide(shared, loaded, query, &budget, at, ended).await?;
        }
        if is_last {
            return Ok(found);
        }
    }
}

async fn decide(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    query: &FactQuery,
    budget: &Arc<EvaluationBudget>,
    at: Instant,
    ended: Vec<Ended>,
) -> anyhow::Result<usize> {
    let store = &shared.store;
    let windows: Vec<SubjectWindow> = ended
        .iter()
        .map(|one| SubjectWindow {
            account: one.account_id.clone(),
            contact: one.contact_id.clone(),
            since_entry: Some(one.started_at),
            since_step: Some(one.step_at),
        })
        .collect();
    let facts = facts::fetch(store.customers_pool(), query, at, &windows).await?;
    let mut kept: HashMap<uuid::Uuid, Facts> =
        ended.iter().zip(facts).filter_map(|(one, facts)| facts.map(|facts| (one.id, facts))).collect();
    if kept.is_empty() {
        return Ok(0);
    }
    let wanted: Vec<_> =
        ended.into_iter().filter(|one| kept.contains_key(&one.id)).map(|one| (one.account_id, one.id)).collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let progress = store.progress(&enrollments).await?;
    let (with, budget) = (loaded.clone(), budget.clone());
    let reached = tokio::task::spawn_blocking(move || {
        let mut reached: Vec<Enrollment> = Vec::new();
        let mut watch = WorkStopwatch::start();
        for (enrollment, progress) in enrollments.into_iter().zip(progress) {
            let Some(facts) = kept.remove(&enrollment.id) else { continue };
            let context = Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: with.ready.zone };
            reached.extend(
                crate::worker::round::unless_panicking(|| reach_late_goal(&with.ready, &enrollment, &context))
                    .and_then(Result::ok)
                    .flatten(),
            );
            if let Err(spent) = budget.spend(watch.elapsed()) {
                return (reached, Err(spent));
            }
            watch = WorkStopwatch::start();
        }
        (reached, Ok(()))
    });
    let (reached, within) = reached.await?;
    let count = usize::try_from(store.record_late_goals(&reached).await?)?;
    within?;
    Ok(count)
}
