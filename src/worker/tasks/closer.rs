//! Open tasks close themselves when their problem is gone, also after the
//! enrollment has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::{Instant, WorkStopwatch};
use crate::enrollment::{Enrollment, State, next_quarter, stops};
use crate::postgres::describe_error;
use crate::rule::Verdict;
use crate::store::tasks::auto_close::OpenTask;
use crate::store::{FailureKind, failure_kind};
use crate::worker::enrollments::snapshot::{Snapshot, gone, take_snapshots};
use crate::worker::enrollments::turns::PlaybookTurns;
use crate::worker::revision_cache::Loaded;
use crate::worker::round::Round;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// Looks at every open task whose look is due, as of the latest quarter hour, of
/// each playbook at as many as its turn allows.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let (mut turns, mut count) = (PlaybookTurns::default(), 0);
    loop {
        let over = turns.over().len();
        count += look_at_due(shared, now, &mut turns).await?;
        // Behind what a slow playbook has due, that of others may be hidden.
        if turns.over().len() == over {
            return Ok(count);
        }
    }
}

async fn look_at_due(shared: &Arc<Shared>, now: Instant, turns: &mut PlaybookTurns) -> anyhow::Result<usize> {
    let Some(mut halted) = shared.halted().await? else { return Ok(0) };
    halted.playbooks.extend_from_slice(turns.over());
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
        if turns.is_over(&playbook) {
            continue;
        }
        let looked = match shared.loaded(&playbook, &revision).await? {
            Ok(loaded) => look(shared, &loaded, at, (now, next), &tasks, turns).await,
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

/// What becomes of a task.
enum Answer {
    /// Nothing closes it.
    Never,
    Closes(String),
    LooksAgain,
}

async fn look(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    at: Instant,
    (now, next): (Instant, Instant),
    tasks: &[OpenTask],
    turns: &mut PlaybookTurns,
) -> anyhow::Result<()> {
    let store = &shared.store;
    let wanted: Vec<_> = tasks.iter().map(|task| (task.account_id.clone(), task.enrollment_id)).collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let snapshots = take_snapshots(shared, loaded, at, &enrollments).await?;
    let (with, budget) = (loaded.clone(), turns.of(&loaded.ready.playbook.id));
    let asked: Vec<(String, Uuid)> = tasks.iter().map(|task| (task.step.clone(), task.enrollment_id)).collect();
    let answers = tokio::task::spawn_blocking(move || {
        let (mut answers, mut watch) = (Vec::with_capacity(asked.len()), WorkStopwatch::start());
        for (step, enrollment) in asked {
            let seen = enrollments.iter().zip(&snapshots).find(|(one, _)| one.id == enrollment);
            answers.push(answer(&with, &step, seen.map(|(one, seen)| (one, seen.as_ref()))));
            if budget.spend(watch.elapsed()).is_err() {
                break;
            }
            watch = WorkStopwatch::start();
        }
        answers
    });
    let answers = answers.await?;
    if answers.len() < tasks.len() {
        turns.end(shared, loaded, now).await?;
    }
    let (mut again, mut never) = (Vec::new(), Vec::new());
    for (task, answer) in tasks.iter().zip(answers) {
        match answer {
            Answer::Never => never.push(task),
            Answer::Closes(why) => drop(store.close_task(task, &why, at).await?),
            Answer::LooksAgain => again.push(task),
        }
    }
    store.look_at_tasks_again(&again, Some(next)).await?;
    store.look_at_tasks_again(&never, None).await?;
    Ok(())
}

/// What the rule of a step says of its task, by the task's enrollment and what is
/// seen of that.
fn answer(loaded: &Loaded, step: &str, seen: Option<(&Enrollment, Option<&Snapshot>)>) -> Answer {
    let Some((word, rule)) = loaded.ready.closing_rule(step) else { return Answer::Never };
    let Some((enrollment, seen)) = seen else { return Answer::Closes("the account is gone".to_owned()) };
    let Some(seen) = seen else { return Answer::Closes(gone(enrollment).to_owned()) };
    if rule.verdict(&loaded.ready.sandbox, &seen.context) != Verdict::True {
        return Answer::LooksAgain;
    }
    // What ends the enrollment first names the reason for its tasks, too.
    match stops(&loaded.ready, &seen.context) {
        Ok(Some(stop)) if enrollment.state == State::Active && word == "goal" => Answer::Closes(stop.reason),
        _ => Answer::Closes(format!("{word}: {}", rule.describe_facts(&seen.context.facts))),
    }
}
