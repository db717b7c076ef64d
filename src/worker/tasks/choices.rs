//! What would come of each word that a person can say of an open task, on the
//! facts of now and by the same [`advance`](crate::enrollment::advance()) that
//! the daemon then asks. Nothing is written.

use std::sync::Arc;

use uuid::Uuid;

use crate::action::staff::Staff;
use crate::clock::Instant;
use crate::enrollment::{Enrollment, State};
use crate::facts::OwnActs;
use crate::rehearsal::explanation::{ChoiceOutlook, JourneyOutlook, NothingFollows, TaskChoice, TaskChoices, WayEnd};
use crate::rule::functions::count_own_acts;
use crate::store::views::cli::Filter;
use crate::worker::enrollments::advancer::{foresee_on, look_ahead};
use crate::worker::enrollments::journeys::journey_outlook;
use crate::worker::enrollments::snapshot::{Snapshot, take_snapshots};
use crate::worker::messages::explain::concerns;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What a person can say of a task, and what would come of it; `None` when
/// there is no such task, or it is not open.
pub async fn task_choices(shared: &Arc<Shared>, id: Uuid, now: Instant) -> anyhow::Result<Option<TaskChoices>> {
    choices_of(shared, id, None, now).await
}

/// The same with one outlook alone.
pub async fn task_choice(
    shared: &Arc<Shared>,
    id: Uuid,
    choice: &TaskChoice,
    now: Instant,
) -> anyhow::Result<Option<TaskChoices>> {
    choices_of(shared, id, Some(choice), now).await
}

async fn choices_of(
    shared: &Arc<Shared>,
    id: Uuid,
    only: Option<&TaskChoice>,
    now: Instant,
) -> anyhow::Result<Option<TaskChoices>> {
    let store = &shared.store;
    let Some(task) = store.list_tasks(&Filter { id: Some(id), ..Filter::default() }).await?.pop() else {
        return Ok(None);
    };
    let text = |key: &str| task[key].as_str().unwrap_or_default();
    if text("state") != "open" {
        return Ok(None);
    }
    let nothing = |why: NothingFollows| TaskChoices {
        outcomes: listed_outcomes(&task),
        needs_outcome: false,
        nothing: Some(why),
        stopped: Vec::new(),
        outlooks: Vec::new(),
    };
    let enrollment: Option<Enrollment> = match text("enrollment").parse() {
        Ok(enrollment) => store.enrollments_by_id(&[(text("account").to_owned(), enrollment)]).await?.pop(),
        Err(_) => None,
    };
    let Some(enrollment) = enrollment.filter(|one| one.state == State::Active) else {
        return Ok(Some(nothing(NothingFollows::JourneyOver)));
    };
    let loaded = match shared.loaded(&enrollment.playbook, &enrollment.revision).await? {
        Ok(loaded) => loaded,
        // What cannot be read now may be read again, and go by the outcome then.
        Err(why) => {
            let unknown = nothing(NothingFollows::Unknown(why.to_string()));
            return Ok(Some(TaskChoices { needs_outcome: !unknown.outcomes.is_empty(), ..unknown }));
        }
    };
    let Some(seen) = take_snapshots(shared, &loaded, now, std::slice::from_ref(&enrollment)).await?.pop().flatten()
    else {
        return Ok(Some(nothing(NothingFollows::SubjectGone)));
    };
    let stopped = store.stopped().await?.stops.into_iter().filter(|stop| concerns(stop, &task)).collect();
    let step = text("step");
    let needs_outcome = loaded.ready.reads_outcome(step, enrollment.step.as_deref());
    let staff = Staff::new(store.colleagues().await?, Default::default());
    let outcomes = outcomes(&task, step, &loaded);
    let mut choices: Vec<TaskChoice> =
        outcomes.iter().map(|outcome| TaskChoice::Complete { outcome: Some(outcome.clone()) }).collect();
    if !needs_outcome {
        choices.push(TaskChoice::Complete { outcome: None });
    }
    choices.extend([TaskChoice::Dismiss, TaskChoice::Stop, TaskChoice::Snooze]);
    choices.retain(|choice| only.is_none_or(|only| only == choice));
    let mut outlooks = Vec::with_capacity(choices.len());
    for choice in choices {
        if choice == TaskChoice::Stop {
            let journey = JourneyOutlook { consequences: Vec::new(), end: WayEnd::Stopped };
            outlooks.push(ChoiceOutlook { choice, journey });
            continue;
        }
        let after = after_choice(&seen, step, &choice);
        // Each by itself: what one would give to a colleague is no work of theirs
        // when another one is made.
        let foreseen = foresee_on(shared, &loaded, vec![enrollment.clone()], vec![Some(after.clone())], now).await?;
        let (mut ways, _) = look_ahead(shared, &loaded, foreseen, now).await?;
        let Some(way) = ways.pop() else { continue };
        let journey = journey_outlook(shared, &loaded, &after, &staff, &enrollment, way);
        outlooks.push(ChoiceOutlook { choice, journey });
    }
    Ok(Some(TaskChoices { outcomes, needs_outcome, nothing: None, stopped, outlooks }))
}

/// The outcomes that the task offers; those that the step offers where it has none.
fn outcomes(task: &serde_json::Value, step: &str, loaded: &Loaded) -> Vec<String> {
    let listed = listed_outcomes(task);
    if !listed.is_empty() {
        return listed;
    }
    loaded.ready.action(step).map(|action| action.outcomes().to_vec()).unwrap_or_default()
}

fn listed_outcomes(task: &serde_json::Value) -> Vec<String> {
    task["outcomes"].as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// What is seen once a person has said it.
fn after_choice(seen: &Snapshot, step: &str, choice: &TaskChoice) -> Snapshot {
    let mut after = seen.clone();
    if *choice == TaskChoice::Snooze {
        return after;
    }
    after.open_tasks.retain(|(open, _)| open != step);
    after.context.facts = count_own_acts(&after.context.facts, &OwnActs { opened_tasks: -1, ..OwnActs::default() });
    if let (TaskChoice::Complete { outcome }, Some(progress)) = (choice, &mut after.context.progress) {
        let progress = Arc::make_mut(progress);
        progress.done.insert(step.to_owned());
        progress.outcomes.remove(step);
        progress.outcomes.extend(outcome.clone().map(|outcome| (step.to_owned(), outcome)));
    }
    after
}
