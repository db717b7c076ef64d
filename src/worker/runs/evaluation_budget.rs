//! How long the rules of one run may work, all accounts together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From here on others do not wait for a run any more.
const SLOW: Duration = Duration::from_secs(5);

/// The time that the rules of a run have, and how much of it is spent. It is a
/// processor's time: a busy machine fails no run. Whoever takes a run over
/// begins with a new one.
#[derive(Debug)]
pub struct EvaluationBudget {
    limit: Duration,
    /// In microseconds.
    spent: AtomicU64,
}

/// The rules of a run worked for as long as they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its rules worked for longer than {} s, which is what a run has (`limits: {{ run: … }}` in the configuration)",
    .limit.as_secs()
)]
pub struct BudgetSpent {
    limit: Duration,
}

impl EvaluationBudget {
    /// A budget of so much.
    pub fn of(limit: Duration) -> Arc<EvaluationBudget> {
        Arc::new(EvaluationBudget { limit, spent: AtomicU64::new(0) })
    }

    /// Takes what was spent off it; an error once nothing is left.
    pub fn spend(&self, worked: Duration) -> Result<(), BudgetSpent> {
        let worked = u64::try_from(worked.as_micros()).unwrap_or(u64::MAX);
        self.spent.fetch_add(worked, Ordering::Relaxed);
        if self.spent() > self.limit { Err(BudgetSpent { limit: self.limit }) } else { Ok(()) }
    }

    /// Whether it has taken so long already that others should go on without it.
    pub fn is_slow(&self) -> bool {
        self.spent() > SLOW
    }

    fn spent(&self) -> Duration {
        Duration::from_micros(self.spent.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_adds_up() {
        let budget = EvaluationBudget::of(Duration::from_secs(12));
        assert_eq!(budget.spend(Duration::from_secs(4)), Ok(()));
        assert!(!budget.is_slow());
        assert_eq!(budget.spend(Duration::from_secs(4)), Ok(()));
        assert!(budget.is_slow());
        let spent = budget.spend(Duration::from_secs(5)).expect_err("nothing is left");
        assert_eq!(
            spent.to_string(),
            "its rules worked for longer than 12 s, which is what a run has (`limits: { run: … }` in the configuration)"
        );
    }
}
