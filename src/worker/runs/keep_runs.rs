//! Waiting without losing a run.

use std::future::Future;
use std::pin::pin;

use crate::postgres::describe_error;
use crate::store::LEASE;
use crate::store::runs::Run;
use crate::worker::shared::Shared;

/// Waits for `work` and keeps these runs ours meanwhile, as far as they still
/// are. `work` is never cut off: whoever has lost a run finds out by the next
/// thing it writes.
pub(super) async fn keep_runs<T>(shared: &Shared, runs: &[Run], work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(LEASE.to_std().unwrap_or_default() / 3, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => renew(shared, runs).await,
        }
    }
}

/// Renews the leases of runs, as far as they are still ours.
pub(super) async fn renew(shared: &Shared, runs: &[Run]) {
    if let Err(error) = shared.store.renew_runs(runs).await {
        tracing::warn!("keeping runs: {}", describe_error(&error));
    }
}
