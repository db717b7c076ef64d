//! Open tasks close themselves when their problem is gone, also after the
//! enrollment has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Instant;
use crate::enrollment::{State, next_quarter, stops};
use crate::postgres::describe_error;
use crate::rule::Verdict;
use crate::store::tasks::auto_close::OpenTask;
use crate::store::{FailureKind, failure_kind};
use crate::worker::enrollments::snapshot::{gone, take_snapshots};
use crate::worker::revision_cache::Loaded;
use crate::worker::round::Round;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// Looks at every open task whose look is due, as of the latest quarter hour.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let next = next_quarter(now, shared.config.recheck);
    let at = next - shared.config.recheck;
    let mut groups: BTreeMap<(String, String), Vec<OpenTask>> = BTreeMap::new();
    let due = shared.store.due_tasks(now, &halted, BATCH).await?;
    let handled = due.len();
    // The first quarter hour of a new one is still to come.
    let (new, due): (Vec<OpenTask>, Vec<OpenTask>) = due.into_iter().partition(|task| task.refreshed_at >= at);
    shared.store.look_at_tasks_again(&new.iter().collect::<Vec<_>>(), Some(next)).await?;
    for task in due {
        groups.entry((task.playbook.clone(), task.revision.clone())).or_default().push(task);
    }
    let mut round = Round::default();
    for ((playbook, revision), tasks) in groups {
        let looked = match shared.loaded(&playbook, &revision).await? {
            Ok(loaded) => look(shared, &loaded, at, next, &tasks).await,
            Err(why) => Err(anyhow::anyhow!(why)),
        };
        let looked = match looked {
            Err(error) if failure_kind(&error) == FailureKind::Lasting => {
                tracing::error!(%playbook, %revision, "its tasks cannot be looked at: {}", describe_error(error.as_ref()));
                let again = shared.store.look_at_tasks_again(&tasks.iter().collect::<Vec<_>>(), Some(next)).await;
                again.map_err(anyhow::Error::from)
            }
            looked => looked,
        };
        round.record(looked.map(|()| 0))?;
    }
    round.end().map(|_| handled)
}

async fn look(
    shared: &Arc<Shared>,
    loaded: &Loaded,
    at: Instant,
    next: Instant,
    tasks: &[OpenTask],
) -> anyhow::Result<()> {
    let store = &shared.store;
    let wanted: Vec<_> = tasks.iter().map(|task| (task.account_id.clone(), task.enrollment_id)).collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let snapshots = take_snapshots(shared, loaded, at, &enrollments).await?;
    let (mut again, mut never) = (Vec::new(), Vec::new());
    for task in tasks {
        let Some((word, rule)) = loaded.ready.closing_rule(&task.step) else {
            never.push(task);
            continue;
        };
        let position = enrollments.iter().position(|one| one.id == task.enrollment_id);
        let Some(seen) = position.and_then(|position| snapshots[position].as_ref()) else {
            let why = position.map_or("the account is gone", |position| gone(&enrollments[position]));
            store.close_task(task, why, at).await?;
            continue;
        };
        if rule.verdict(&loaded.ready.sandbox, &seen.context) == Verdict::True {
            let read = rule.describe_facts(&seen.context.facts);
            let active = position.is_some_and(|position| enrollments[position].state == State::Active);
            // What ends the enrollment first names the reason for its tasks, too.
            let reason = match stops(&loaded.ready, &seen.context) {
                Ok(Some(stop)) if active && word == "goal" => stop.reason,
                _ => format!("{word}: {read}"),
            };
            store.close_task(task, &reason, at).await?;
        } else {
            again.push(task);
        }
    }
    store.look_at_tasks_again(&again, Some(next)).await?;
    store.look_at_tasks_again(&never, None).await?;
    Ok(())
}
