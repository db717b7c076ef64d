//! Letting go what a person approved, in batches and as far as the day has
//! room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::breaker;
use super::candidates::{self, windows};
use super::decide::{BATCH, decide};
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::keep_runs::keep_runs;
use crate::clock::Instant;
use crate::enrollment::{Admission, Enrollment};
use crate::facts::{Facts, SubjectId};
use crate::store::runs::Run;
use crate::store::runs::releases::{ReleaseRest, Released};
use crate::worker::portfolio;
use crate::worker::shared::Shared;

/// How long an approval holds that could not be carried out although it was due.
const APPROVAL_HOLDS: chrono::Duration = chrono::Duration::hours(24);

/// Releases an approved run: each subject is decided again by the facts of
/// `as_of`, and only those that were held can enter.
pub(crate) async fn release(shared: &Arc<Shared>, run: &Run, as_of: Instant, now: Instant) -> anyhow::Result<()> {
    let store = &shared.store;
    if run.approved_at.max(run.ramp_at).is_some_and(|due| now - due > APPROVAL_HOLDS) {
        let reason = "the approval could not be carried out for more than a day: approve it again, or discard it";
        store.expire_approval(run, reason).await??;
        return Ok(());
    }
    let loaded = match shared.loaded(&run.playbook, &run.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => anyhow::bail!("revision {} cannot be used: {why}", run.revision),
    };
    let ramp = loaded.ready.playbook.guardrails.over(&shared.config.guardrails).ramp;
    let ramp = ramp.filter(|_| run.ceiling.unwrap_or(0) > 0 && !run.at_once);
    // Somebody may have begun this batch and gone away.
    let before = store.count_enrolled(&run.playbook, run.slot).await?.all.unsigned_abs();
    let in_batch = ramp.map_or(u64::MAX, |ramp| ramp.so_far(run.ramp_batch.unsigned_abs()).saturating_sub(before));
    let mut dropped: BTreeMap<String, i64> = BTreeMap::new();
    let held = store.held_enrollments(&run.playbook, run.slot).await?;
    let mut left = held.len();
    let mut room = usize::try_from(in_batch).unwrap_or(usize::MAX).min(left);
    // When the next day begins, if this one has no room for the whole batch.
    let mut next_day = None;
    if let Some(day) = breaker::day(shared, &loaded, now) {
        let fit = store.keep_room(run, &day, room).await??;
        next_day = (fit < room).then_some(day.until);
        room = fit;
    }
    let budget = EvaluationBudget::of(shared.config.limits.run);
    for batch in held.chunks(BATCH) {
        if room == 0 {
            break;
        }
        store.renew_run(run).await??;
        let subjects: Vec<SubjectId> = batch.iter().map(Enrollment::subject).collect();
        let decide = async {
            let (windows, budget) = (windows(&subjects), &budget);
            let facts = portfolio::fetch(shared, &loaded, &loaded.entry, as_of, &windows, Some(budget)).await?;
            // Edges as they stand: a run, and not this, decides whether one has turned.
            let history = candidates::recall(shared, &loaded, &subjects, Some(run.slot), None).await?;
            let known: Vec<Facts> = facts.into_iter().flatten().collect();
            decide(shared, &loaded, known, history, budget).await
        };
        let decided = match keep_runs(shared, std::slice::from_ref(run), decide).await {
            Err(error) if error.is::<BudgetSpent>() => {
                let reason = format!("the approval could not be carried out: {error}; approve it again, or discard it");
                store.expire_approval(run, &reason).await??;
                return Ok(());
            }
            decided => decided?,
        };
        let mut admissions: HashMap<SubjectId, Admission> =
            decided.into_iter().map(|(subject, decision)| (subject, decision.admission)).collect();
        for held in batch {
            if room == 0 {
                break;
            }
            left -= 1;
            let admission = admissions.remove(&held.subject());
            let admitted = match &admission {
                Some(Admission::Enroll(admitted)) => Some(&**admitted),
                _ => None,
            };
            match store.release(run, held, admitted).await?? {
                Released::Entered => room -= 1,
                Released::Dropped => {
                    let reason = match &admission {
                        Some(Admission::Enroll(_)) => "active",
                        Some(Admission::Skip(skip)) => skip.name(),
                        Some(Admission::NotCandidate) => "no longer matches",
                        None if held.contact.is_empty() => "account gone",
                        None => "contact gone",
                    };
                    *dropped.entry(reason.to_owned()).or_default() += 1;
                }
            }
        }
    }
    let entered = store.count_enrolled(&run.playbook, run.slot).await?;
    let enrolled = entered.all;
    let rest = match (ramp, next_day) {
        _ if left == 0 => None,
        (_, Some(at)) => {
            let reason = format!(
                "approved: {enrolled} have entered, {left} wait; `max_per_day` lets the next in at {}",
                rfc3339(at)
            );
            Some(ReleaseRest { waiting: left as i64, at, reason, ramp_batch: run.ramp_batch })
        }
        (Some(ramp), None) => {
            let (at, batch) = (now + ramp.every, run.ramp_batch + 1);
            let next = ramp.batch(batch.unsigned_abs()).min(left as u64);
            let reason = format!("approved: {enrolled} have entered, {left} wait; the next {next} at {}", rfc3339(at));
            Some(ReleaseRest { waiting: left as i64, at, reason, ramp_batch: batch })
        }
        (None, None) => None,
    };
    store.settle_release(run, entered, &dropped, rest.as_ref(), now).await??;
    tracing::info!(playbook = %run.playbook, slot = %run.slot, enrolled, left, ?dropped, "released");
    Ok(())
}

fn rfc3339(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
