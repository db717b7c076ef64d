//! How many open tasks each colleague has before a slot and after it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::clock::Instant;
use crate::worker::shared::Shared;

/// One colleague's open tasks that are not put off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// A CSM's id or an address.
    pub csm: String,
    /// `None` for an address.
    pub name: Option<String>,
    pub before: u64,
    /// With what the slot assigns, and without what it closes.
    pub after: u64,
}

/// The workload of everybody for whom the slot assigns or closes something, in
/// order of their ids.
pub(in crate::worker::runs) async fn weigh(
    shared: &Shared,
    assigned: &BTreeMap<String, u64>,
    stopped: &[(String, Uuid)],
    slot: Instant,
) -> anyhow::Result<Vec<Workload>> {
    let closed = shared.store.open_tasks_of(stopped, slot).await?;
    if assigned.is_empty() && closed.is_empty() {
        return Ok(Vec::new());
    }
    let mut loads = Vec::new();
    for count in shared.store.open_counts(slot).await? {
        let Some(csm) = count.assignee else { continue };
        let (more, less) = (assigned.get(&csm).copied(), closed.get(&csm).copied());
        if more.is_some() || less.is_some() {
            let before = u64::try_from(count.open).unwrap_or(0);
            let after = before.saturating_sub(less.unwrap_or(0)) + more.unwrap_or(0);
            loads.push(Workload { csm, name: count.name, before, after });
        }
    }
    for (csm, more) in assigned {
        if !loads.iter().any(|load| load.csm == *csm) {
            loads.push(Workload { csm: csm.clone(), name: None, before: 0, after: *more });
        }
    }
    loads.sort_by(|one, other| one.csm.cmp(&other.csm));
    Ok(loads)
}
