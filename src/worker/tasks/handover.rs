//! Open tasks of somebody who went away, or left, go on to whoever covers for
//! them. They come back to nobody by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::action::staff::Held;
use crate::clock::Instant;
use crate::enrollment::next_quarter;
use crate::store::tasks::handovers::HeldTask;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// Looks at every open task whose holder may not be there, once for each
/// quarter hour and as of it.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let store = &shared.store;
    let at = next_quarter(now, shared.config.recheck) - shared.config.recheck;
    if !store.take_look("handover", at).await? {
        return Ok(0);
    }
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let mut absent = store.task_holders().await?;
    let mut staff = store.staff(true, at).await?;
    // Which day it is for them is said by each task's playbook.
    absent.retain(|id| staff.find(id).is_none_or(|one| one.away_from.or(one.away_until).is_some()));
    if absent.is_empty() {
        return Ok(0);
    }
    let mut zones: HashMap<(String, String), Tz> = HashMap::new();
    let mut handled = 0;
    let mut last: Option<HeldTask> = None;
    loop {
        let tasks = store.tasks_held_by(&absent, last.as_ref(), &halted, at, BATCH).await?;
        last = tasks.last().cloned();
        if last.is_none() {
            return Ok(handled);
        }
        let mut going = Vec::new();
        for task in tasks {
            let zone = zone(shared, &mut zones, &task).await?;
            let pool = task.pool.as_ref().and_then(|pool| shared.config.pools.get(pool));
            let csm = task.csm_id.as_deref();
            let held = Held { holder: &task.assignee, pool: pool.map(|members| &**members), due_at: task.due_at, csm };
            if let Some(handover) = staff.handover(&held, at, zone) {
                staff.assign(&handover.to);
                going.push((task, handover));
            }
        }
        handled += store.hand_over(&going, at).await? as usize;
    }
}

/// The zone of a task's playbook; of one that this version cannot use, the
/// configuration's.
async fn zone(shared: &Shared, known: &mut HashMap<(String, String), Tz>, task: &HeldTask) -> anyhow::Result<Tz> {
    let revision = (task.playbook.clone(), task.revision.clone());
    if let Some(zone) = known.get(&revision) {
        return Ok(*zone);
    }
    let loaded = shared.loaded(&task.playbook, &task.revision).await?;
    let zone = loaded.map_or(shared.config.timezone, |loaded| loaded.ready.zone);
    known.insert(revision, zone);
    Ok(zone)
}
