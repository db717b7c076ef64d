//! The last question at the gate: whose mail may have a customer's attention
//! now, by the budget that all playbooks share, and which mail waits because a
//! run that is not through may bring a better one.

use std::sync::Arc;

use super::Shared;
use super::gate::Prepared;
use crate::clock::Instant;
use crate::enrollment::budget::Answer;
use crate::store::budget::{Asking, PATIENCE, Rules, UnderWay};
use crate::store::outbox::{Claimed, Wait};

/// Asks for a place in the budget for each mail that passed everything else;
/// what gets none is put back or ended.
pub(super) async fn reserve(
    shared: &Arc<Shared>,
    ready: &mut [(Claimed, Prepared)],
    paused: &[String],
    now: Instant,
) -> super::Result<()> {
    let config = &shared.config;
    let asks = |message: &Claimed, prepared: &Prepared| {
        matches!(prepared, Prepared::Mail { .. }) && matches!(message.class.as_str(), "lifecycle" | "marketing")
    };
    let asking: Vec<&Claimed> = ready.iter().filter(|(message, kept)| asks(message, kept)).map(|one| &one.0).collect();
    let Some(token) = asking.first().map(|message| message.token) else { return Ok(()) };
    if config.budget.is_off() && asking.iter().all(|message| message.held_until.is_none()) {
        return Ok(());
    }
    let asking: Vec<Asking<'_>> =
        asking.into_iter().map(|message| Asking { account: &message.account_id, id: message.id }).collect();
    let rules = Rules { budget: &config.budget, touch_events: &config.store.touch_events, paused };
    let mut answers = shared.store.reserve(&asking, token, rules, now).await?;
    for (message, prepared) in ready.iter_mut() {
        match answers.remove(&message.id) {
            None | Some(Answer::Go) => {}
            Some(Answer::Later { at, reason, .. }) => {
                *prepared = Prepared::Later { next_at: at, reason, wait: Wait::Budget };
            }
            Some(Answer::StepBack { at, reason }) => {
                *prepared = Prepared::Later { next_at: at, reason, wait: Wait::Retry };
            }
            Some(Answer::Outranked { reason }) => *prepared = Prepared::ended("skipped", reason),
        }
    }
    Ok(())
}

/// The runs whose mail may still be missing. A slot that is due counts from
/// its instant on, also before somebody has opened its run.
pub(super) async fn under_way(shared: &Arc<Shared>, paused: &[String], now: Instant) -> super::Result<UnderWay> {
    if shared.config.budget.is_off() {
        return Ok(UnderWay::default());
    }
    let mut slots = shared.store.runs_under_way(now).await?;
    for playbook in shared.store.published().await? {
        if !playbook.present || paused.contains(&playbook.id) || playbook.slots_after >= now {
            continue;
        }
        let Ok(loaded) = shared.loaded(&playbook.id, &playbook.revision).await? else { continue };
        let since = playbook.slots_after.max(now - PATIENCE);
        if let Some(slot) = loaded.ready.schedule.latest_between(since, now) {
            slots.push((playbook.id, slot));
        }
    }
    Ok(UnderWay::of(slots))
}
