//! Records which names the customer store holds.

use std::sync::Arc;

use chrono::DurationRound;

use crate::clock::Instant;
use crate::worker::shared::Shared;

/// Looks at the customer store, once an hour. Nothing becomes due by it.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let hour = now.duration_trunc(chrono::Duration::hours(1)).unwrap_or(now);
    if !shared.store.take_look("inventory", hour).await? {
        return Ok(0);
    }
    let new = shared.store.record_inventory(now).await?;
    if new > 0 {
        tracing::info!(new, "names that the customer store was not seen to hold before");
    }
    Ok(0)
}
