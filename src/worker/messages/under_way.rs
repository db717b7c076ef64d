//! The messages that a stop waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the messages whose body may be on its way, until their outcome is written.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    /// Counts one more, until what is returned is dropped.
    pub(super) fn begin(&self) -> Body {
        self.0.fetch_add(1, Ordering::SeqCst);
        Body(self.clone())
    }

    /// Whether there is one.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// One of them, from before its marker until its outcome is written.
pub(super) struct Body(UnderWay);

impl Drop for Body {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
