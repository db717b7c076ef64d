//! A task that nobody does in time is told to the manager, once. It stays with
//! whoever has it.

use std::sync::Arc;

use crate::action::staff::Staff;
use crate::clock::Instant;
use crate::facts::Csm;
use crate::ids;
use crate::store::messages::insert::OwnerNotice;
use crate::store::tasks::escalations::Overdue;
use crate::worker::enrollments::snapshot::current;
use crate::worker::shared::Shared;
use crate::zone::find_zone;

const BATCH: i64 = 100;

/// Tells managers of every task that has been overdue for two business days.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let overdue = shared.store.overdue_tasks(now, &halted, BATCH).await?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let staff = shared.store.staff(false, now).await?;
    for task in &overdue {
        tell(shared, &staff, task, now).await?;
    }
    Ok(overdue.len())
}

async fn tell(shared: &Shared, staff: &Staff, task: &Overdue, now: Instant) -> anyhow::Result<()> {
    let config = &shared.config;
    let manager = manager(staff, task).map(|manager| staff.taker(manager, now, config.timezone));
    let to = match manager {
        Some(taker) => Some(taker.csm.email.clone()),
        None => {
            let current = current(shared, &task.playbook).await?;
            let named = current.and_then(|loaded| loaded.ready.playbook.alerts_to.clone());
            named.or_else(|| config.alerts_to.clone())
        }
    };
    let account = task.account_name.as_deref().unwrap_or(&task.account_id);
    let zone = manager.and_then(|taker| taker.csm.timezone.as_deref()).and_then(find_zone);
    let zone = zone.unwrap_or(config.timezone);
    let who = task.assignee.as_deref().map_or("nobody", |id| staff.find(id).map_or(id, |known| &known.csm.name));
    let due = task.due_at.map(|due| due.with_timezone(&zone).format("%-d %B %Y, %H:%M").to_string());
    let mut text = format!(
        "{}\n\nAccount: {account}\nAssigned to: {who}\nWas due: {} ({zone})\n\n\
         It is still open two business days later. It stays with them; this is said once.",
        task.title,
        due.unwrap_or_default(),
    );
    if let Some(cover) = manager.and_then(|taker| taker.covers) {
        text.push_str(&format!("\n\nYou cover for {cover}."));
    }
    if let Some(url) = config.pages_url() {
        text.push_str(&format!("\n\n{url}/tasks/{}", task.id));
    }
    let notice = OwnerNotice {
        id: ids::notice(&["overdue", &task.id.to_string()]),
        account: &task.account_id,
        playbook: &task.playbook,
        step: &task.step,
        audience: if manager.is_some() { "manager" } else { "alerts_to" },
        to: to.as_deref(),
        subject: &format!("Overdue: {}", task.title),
        text: &text,
    };
    shared.store.escalate_task(task, &notice, now).await?;
    Ok(())
}

/// The manager of whoever has the task; of a task that no CSM has, the manager
/// of the account's CSM.
fn manager<'a>(staff: &'a Staff, task: &Overdue) -> Option<&'a Csm> {
    let colleague = |id: &Option<String>| id.as_deref().and_then(|id| staff.find(id));
    let holder = colleague(&task.assignee).or_else(|| colleague(&task.csm_id))?;
    staff.find(holder.csm.manager_id.as_deref()?).map(|manager| &manager.csm)
}
