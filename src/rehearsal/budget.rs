//! The time in which a playbook's cases are played.

use std::time::Duration;

use crate::clock::Allowance;

/// What all cases of one playbook have together, counted on the thread that made
/// it: a processor's time, so that a busy machine fails no case.
#[derive(Debug)]
pub(super) struct CaseBudget {
    limit: Duration,
    allowance: Allowance,
}

impl CaseBudget {
    /// So much from now on.
    pub fn of(limit: Duration) -> CaseBudget {
        CaseBudget { limit, allowance: Allowance::of(limit) }
    }

    /// As much as it takes.
    pub fn unlimited() -> CaseBudget {
        CaseBudget::of(Duration::from_secs(u32::MAX.into()))
    }

    pub fn is_spent(&self) -> bool {
        self.allowance.is_spent()
    }

    /// What there was at the beginning.
    pub fn seconds(&self) -> u64 {
        self.limit.as_secs()
    }
}
