//! What `explain` has to see of a task. Nothing is written.

use uuid::Uuid;

use crate::clock::Instant;
use crate::rehearsal::explanation::{Closing, TaskExplanation};
use crate::store::views::cli::Filter;
use crate::worker::enrollments::snapshot::take_snapshots;
use crate::worker::messages::explain::{concerns, zone_of};
use crate::worker::shared::Shared;

/// Explains a task; `None` when there is none of that id.
pub async fn explain_task(shared: &Shared, id: Uuid, now: Instant) -> anyhow::Result<Option<TaskExplanation>> {
    let store = &shared.store;
    let one = |id: Uuid| Filter { id: Some(id), ..Filter::default() };
    let Some(task) = store.list_tasks(&one(id)).await?.pop() else { return Ok(None) };
    let text = |key: &str| task[key].as_str().unwrap_or_default();
    let enrollment_id: Option<Uuid> = text("enrollment").parse().ok();
    let (mut enrollment, mut closing) = (None, None);
    if let Some(id) = enrollment_id {
        enrollment = store.list_enrollments(&one(id)).await?.pop();
        let found = store.enrollments_by_id(&[(text("account").to_owned(), id)]).await?;
        if let (Some(whole), "open") = (found.first(), text("state"))
            && let Ok(loaded) = shared.loaded(&whole.playbook, &whole.revision).await?
        {
            let seen = take_snapshots(shared, &loaded, now, &found).await?.pop().flatten();
            closing = seen.and_then(|seen| Closing::of_step(&loaded.ready, text("step"), &seen.context));
        }
    }
    let mut stops = if text("state") == "open" { store.stopped().await?.stops } else { Vec::new() };
    stops.retain(|stop| concerns(stop, &task));
    let zone = zone_of(shared, enrollment.as_ref()).await?;
    Ok(Some(TaskExplanation { enrollment, closing, stops, task, now, zone }))
}
