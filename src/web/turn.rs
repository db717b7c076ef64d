//! Work of a page that looks at many accounts: one such work at a time, and for a while
//! only. Customers' pages need connections, too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::WebState;
use super::language::say;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Somebody else's work did not end.
    Busy,
    /// It takes longer than the page waits.
    Slow,
}

/// How long a page waits for its turn, and then for the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl NoAnswer {
    /// What a reader can do about it.
    pub fn words(self) -> String {
        match self {
            NoAnswer::Busy => say!("it is being looked at for somebody else. Try again in a moment"),
            NoAnswer::Slow => say!("it takes longer than {n} seconds, so it was given up", n = PATIENCE.as_secs()),
        }
    }
}

/// Does it once nobody else's is under way. It keeps its turn until it has really ended,
/// also when the page waits no longer.
pub(super) async fn in_turn<T: Send + 'static>(
    web: &WebState,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, NoAnswer> {
    within(&web.large_looks, PATIENCE, work).await
}

async fn within<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    patience: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, NoAnswer> {
    let turn = tokio::time::timeout(patience, turns.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(NoAnswer::Busy) };
    let work = tokio::spawn(async move {
        let answer = work.await;
        drop(turn);
        answer
    });
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        _ => Err(NoAnswer::Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_keeps_its_turn_until_it_has_ended() {
        let turns = Arc::new(Semaphore::new(1));
        let patience = Duration::from_millis(20);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        assert_eq!(within(&turns, patience, async { ended.await.is_ok() }).await, Err(NoAnswer::Slow));
        // Nobody waits for it any more, and it is still under way.
        assert_eq!(within(&turns, patience, async { 1 }).await, Err(NoAnswer::Busy));
        end.send(()).expect("it is under way");
        assert_eq!(within(&turns, Duration::from_secs(60), async { 2 }).await, Ok(2));
    }
}
