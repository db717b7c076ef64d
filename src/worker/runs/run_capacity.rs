//! How many runs go side by side in this process.
//!
//! A walk over all accounts holds a database connection until it ends, so there
//! are fewer of them than connections; and a playbook has one run at a time, so
//! that one whose runs take long takes no place of others. What the database
//! guarantees (one run for a slot) does not depend on this.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::Store;

/// More walks than this at once would only wait for each other.
const MOST_WALKS: usize = 4;

/// The places for runs.
#[derive(Debug)]
pub struct RunCapacity {
    walks: Arc<Semaphore>,
    playbooks: Arc<Mutex<HashSet<String>>>,
}

/// The right to walk over all accounts, until it is dropped.
#[derive(Debug)]
pub(crate) struct WalkPermit(#[expect(dead_code)] Option<OwnedSemaphorePermit>);

/// A playbook that this process carries out a run of, until it is dropped.
#[derive(Debug)]
pub(crate) struct PlaybookClaim {
    playbook: String,
    claimed: Arc<Mutex<HashSet<String>>>,
}

impl RunCapacity {
    /// For a process with this pool of connections.
    pub fn new(store: &Store) -> RunCapacity {
        RunCapacity::of(store.connections())
    }

    /// For so many connections: those who walk ask for others meanwhile, and
    /// never may all be walking.
    fn of(connections: u32) -> RunCapacity {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let walks = (connections.saturating_sub(1) / 2).clamp(1, MOST_WALKS);
        RunCapacity { walks: Arc::new(Semaphore::new(walks)), playbooks: Arc::default() }
    }

    /// Waits until one more may walk.
    pub(crate) async fn walk(&self) -> WalkPermit {
        // Nobody closes it.
        WalkPermit(self.walks.clone().acquire_owned().await.ok())
    }

    /// Claims a playbook; `None` while a run of it is under way here.
    pub(crate) fn claim(&self, playbook: &str) -> Option<PlaybookClaim> {
        let claimed = self.playbooks.clone();
        let free = lock(&claimed).insert(playbook.to_owned());
        free.then(|| PlaybookClaim { playbook: playbook.to_owned(), claimed })
    }

    /// Whether a run of a playbook is under way here.
    pub(crate) fn is_claimed(&self, playbook: &str) -> bool {
        lock(&self.playbooks).contains(playbook)
    }
}

impl Drop for PlaybookClaim {
    fn drop(&mut self) {
        lock(&self.claimed).remove(&self.playbook);
    }
}

fn lock(claimed: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    // A poisoned set is still a set of names.
    claimed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_is_claimed_once() {
        let capacity = RunCapacity::of(16);
        let claim = capacity.claim("a");
        assert!(claim.is_some() && capacity.claim("a").is_none() && capacity.claim("b").is_some());
        assert!(capacity.is_claimed("a") && !capacity.is_claimed("b"));
        drop(claim);
        assert!(capacity.claim("a").is_some());
    }

    #[test]
    fn walks_leave_connections_for_the_rest() {
        let walks = |connections| RunCapacity::of(connections).walks.available_permits();
        assert_eq!([1, 2, 4, 5, 8, 16, 100].map(walks), [1, 1, 1, 2, 3, 4, 4]);
    }
}
