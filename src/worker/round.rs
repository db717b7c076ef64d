//! Going on after a fault: with the next piece of work, and with the next subject.

use crate::store::{FailureKind, failure_kind};

/// Independent pieces of work, done one after the other: a fault in one does
/// not keep the next from being done.
#[derive(Default)]
pub(crate) struct Round {
    handled: usize,
    fault: Option<anyhow::Error>,
}

impl Round {
    /// Adds the result of a piece of work. An error only when the database is away:
    /// then there is no next.
    pub fn record(&mut self, done: anyhow::Result<usize>) -> anyhow::Result<()> {
        match done {
            Ok(handled) => self.handled += handled,
            Err(error) if failure_kind(&error) == FailureKind::Database => return Err(error),
            Err(error) => {
                if let Some(first) = self.fault.replace(error) {
                    tracing::error!("failed: {first:#}");
                }
            }
        }
        Ok(())
    }

    /// How much was done, or what went wrong.
    pub fn end(self) -> anyhow::Result<usize> {
        self.fault.map_or(Ok(self.handled), Err)
    }
}

/// A decision about one subject; `None` when it panicked, which is a fault of
/// ours, is logged by the panic itself, and must not stop the subjects beside it.
pub(crate) fn unless_panicking<T>(decide: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decide)).ok()
}
