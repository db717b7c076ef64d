//! The last question at the gate: whose mail may have a customer's attention
//! now, by the budget that all playbooks share, and which mail waits because a
//! run that is not through may bring a better one.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::prepare_mail::Prepared;
use crate::clock::Instant;
use crate::enrollment::next_quarter;
use crate::message::budget::BudgetAnswer;
use crate::message::gate::{after_budget, needs_budget};
use crate::postgres::describe_error;
use crate::store::is_about_a_row;
use crate::store::messages::budget::{BudgetRequest, PATIENCE, Rules, UnderWay};
use crate::store::messages::claimed::Claimed;
use crate::store::runs::playbooks::Published;
use crate::store::upkeep::stopped::Halted;
use crate::worker::shared::Shared;

/// Asks for a place in the budget for each mail that passed everything else;
/// what gets none is put back or ended.
pub(crate) async fn reserve(
    shared: &Arc<Shared>,
    ready: &mut [(Claimed, Prepared)],
    halted: &Halted,
    now: Instant,
) -> anyhow::Result<()> {
    let config = &shared.config;
    let asks = |message: &Claimed, prepared: &Prepared| {
        matches!(prepared, Prepared::Mail { .. }) && needs_budget(message.class, message.shadow)
    };
    let asking: Vec<&Claimed> = ready.iter().filter(|(message, kept)| asks(message, kept)).map(|one| &one.0).collect();
    let Some(token) = asking.first().map(|message| message.token) else { return Ok(()) };
    if config.budget.is_off() && asking.iter().all(|message| message.held_until.is_none()) {
        return Ok(());
    }
    let asking: Vec<BudgetRequest<'_>> =
        asking.into_iter().map(|message| BudgetRequest { account: &message.account_id, id: message.id }).collect();
    let rules = Rules {
        budget: &config.budget,
        touch_events: &config.store.touch_events,
        paused: &halted.playbooks,
        account_mail: &halted.account_mail,
    };
    let mut answers = ask(shared, &asking, token, rules, now).await?;
    for (message, prepared) in ready.iter_mut() {
        let Some(answer) = answers.remove(&message.id) else { continue };
        let answer = after_budget(answer, message.valid_until, now);
        if let Some(held) = Prepared::of(answer, message.valid_until) {
            *prepared = held;
        }
    }
    Ok(())
}

/// The answer of each mail. Where the database refuses what they share, each
/// account asks alone, so that one at fault, or in somebody's way, holds up no
/// other: its mail looks again later.
async fn ask(
    shared: &Shared,
    asking: &[BudgetRequest<'_>],
    token: Uuid,
    rules: Rules<'_>,
    now: Instant,
) -> anyhow::Result<BTreeMap<Uuid, BudgetAnswer>> {
    let together = shared.store.reserve(asking, token, rules, now).await;
    if !together.as_ref().is_err_and(is_about_a_row) {
        return Ok(together?);
    }
    let mut accounts: BTreeMap<&str, Vec<BudgetRequest<'_>>> = BTreeMap::new();
    for one in asking {
        accounts.entry(one.account).or_default().push(*one);
    }
    let mut answers = BTreeMap::new();
    for (account, asking) in accounts {
        match shared.store.reserve(&asking, token, rules, now).await {
            Ok(theirs) => answers.extend(theirs),
            Err(error) if is_about_a_row(&error) => {
                tracing::error!(account, "its attention budget cannot be asked: {}", describe_error(&error));
                let at = next_quarter(now, shared.config.recheck);
                let reason = format!("the attention budget cannot be asked: {}", describe_error(&error));
                answers
                    .extend(asking.iter().map(|one| (one.id, BudgetAnswer::StepBack { at, reason: reason.clone() })));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answers)
}

/// The runs whose mail may still be missing. A slot that is due counts from
/// its instant on, also before somebody has opened its run.
pub(crate) async fn under_way(
    shared: &Arc<Shared>,
    published: &[Published],
    paused: &[String],
    now: Instant,
) -> anyhow::Result<UnderWay> {
    if shared.config.budget.is_off() {
        return Ok(UnderWay::default());
    }
    let mut slots = shared.store.runs_under_way(now).await?;
    for playbook in published {
        if !playbook.present || paused.contains(&playbook.id) || playbook.slots_after >= now {
            continue;
        }
        let Ok(loaded) = shared.loaded(&playbook.id, &playbook.revision).await? else { continue };
        if loaded.ready.on.as_ref().is_some_and(|on| on.every_minute) {
            // Nobody comes in most minutes.
            continue;
        }
        let since = playbook.slots_after.max(now - PATIENCE);
        if let Some(slot) = loaded.ready.schedule.latest_between(since, now) {
            slots.push((playbook.id.clone(), slot));
        }
    }
    Ok(UnderWay::of(slots))
}
