//! Calls that come while another is being carried out, carried out together.
//!
//! Nobody waits for company: the first is carried out at once, and those that
//! come meanwhile share the next transaction. So a single sender has no delay,
//! and many have one commit for all of them.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::kept_connection::KeptConnection;

/// Where callers meet. Callers are never cut off: each is carried out or told
/// why not.
pub(crate) struct GroupCommit<T, R> {
    waiting: Mutex<Vec<(T, oneshot::Sender<sqlx::Result<R>>)>>,
    /// Whoever has it carries out what waits.
    connection: Arc<tokio::sync::Mutex<KeptConnection>>,
}

impl<T, R> Default for GroupCommit<T, R> {
    fn default() -> GroupCommit<T, R> {
        GroupCommit { waiting: Mutex::default(), connection: Arc::default() }
    }
}

impl<T, R> GroupCommit<T, R> {
    /// Waits until `item` has been carried out, by this caller or by another.
    /// `carry_out` answers each of its items, in their order, over the connection
    /// that this group has.
    pub async fn ask<F, Fut>(&self, item: T, carry_out: F) -> sqlx::Result<R>
    where
        F: FnOnce(Vec<T>, OwnedMutexGuard<KeptConnection>) -> Fut,
        Fut: Future<Output = Vec<sqlx::Result<R>>>,
    {
        let (answer, mut answered) = oneshot::channel();
        self.lock().push((item, answer));
        let connection = tokio::select! {
            biased;
            answered = &mut answered => return answered.unwrap_or(Err(sqlx::Error::WorkerCrashed)),
            connection = self.connection() => connection,
        };
        let (items, answers): (Vec<T>, Vec<_>) = std::mem::take(&mut *self.lock()).into_iter().unzip();
        for (answer, result) in answers.into_iter().zip(carry_out(items, connection).await) {
            // Whoever asked may have been stopped.
            let _ = answer.send(result);
        }
        answered.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// The connection, once nobody else has it.
    pub async fn connection(&self) -> OwnedMutexGuard<KeptConnection> {
        self.connection.clone().lock_owned().await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(T, oneshot::Sender<sqlx::Result<R>>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn those_who_come_meanwhile_go_together() {
        let group = Arc::new(GroupCommit::<u32, (u32, usize)>::default());
        let (open, opened) = oneshot::channel::<()>();
        let first = tokio::spawn({
            let group = group.clone();
            async move {
                let carry_out = async |items: Vec<u32>, _connection| {
                    let _ = opened.await;
                    items.iter().map(|item| Ok((*item, items.len()))).collect()
                };
                group.ask(0, carry_out).await.expect("an answer")
            }
        });
        tokio::task::yield_now().await;
        let others: Vec<_> = (1..=3)
            .map(|item| {
                let group = group.clone();
                tokio::spawn(async move {
                    let carry_out = async |items: Vec<u32>, _connection| {
                        items.iter().map(|item| Ok((*item, items.len()))).collect()
                    };
                    group.ask(item, carry_out).await.expect("an answer")
                })
            })
            .collect();
        tokio::task::yield_now().await;
        open.send(()).expect("it waits");
        assert_eq!(first.await.expect("it ends"), (0, 1));
        for (item, other) in (1..).zip(others) {
            assert_eq!(other.await.expect("it ends"), (item, 3));
        }
    }
}
