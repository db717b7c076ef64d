//! Settles what daemons that went away have left behind, and forgets what has
//! been kept for its time.

use std::sync::Arc;

use crate::clock::Instant;
use crate::message::duplicate;
use crate::worker::runs::event_watch::LATE;
use crate::worker::shared::Shared;

/// Frees expired claims that had not reached the marker, and says of the
/// others that nobody knows. Then forgets a batch of what is old.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let (freed, unknown) = shared.store.settle_expired(now).await?;
    if freed > 0 {
        tracing::warn!(freed, "claims of a daemon that went away are free again");
    }
    if unknown > 0 {
        tracing::error!(unknown, "messages whose outcome nobody knows; they are not sent again");
    }
    Ok((freed + unknown) as usize + forget(shared, now).await? as usize)
}

async fn forget(shared: &Shared, now: Instant) -> anyhow::Result<u64> {
    let retention = &shared.config.retention;
    // Longer than there has been time is for ever.
    let before = |kept: Option<chrono::Duration>| kept.and_then(|kept| now.checked_sub_signed(kept));
    // A day longer than it is needed: clocks differ.
    let mut forgotten = shared.store.forget_said(now - duplicate::WINDOW * 2).await?;
    forgotten += shared.store.forget_event_looks(now - LATE * 2).await?;
    if let Some(before) = before(retention.bodies) {
        forgotten += shared.store.forget_bodies(before).await?;
    }
    if let Some(before) = before(retention.evidence) {
        forgotten += shared.store.forget_evidence(before).await?;
    }
    if let Some(before) = before(retention.answers) {
        forgotten += shared.store.forget_answers(before).await?;
    }
    Ok(forgotten)
}
