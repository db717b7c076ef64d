//! Settles what daemons that went away have left behind.

use std::sync::Arc;

use super::Shared;
use crate::clock::Instant;

/// Frees expired claims that had not reached the marker, and says of the
/// others that nobody knows.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let (freed, unknown) = shared.store.settle_expired(now).await?;
    if freed > 0 {
        tracing::warn!(freed, "claims of a daemon that went away are free again");
    }
    if unknown > 0 {
        tracing::error!(unknown, "messages whose outcome nobody knows; they are not sent again");
    }
    Ok((freed + unknown) as usize)
}
