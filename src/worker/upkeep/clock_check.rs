//! A daemon whose clock and the database's are a minute apart does nothing:
//! one of them is wrong, and waits would end too early or too late. Which of
//! them is wrong only a person can say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::{Clock, Deadline, Instant};
use crate::random;
use crate::store::Store;
use crate::store::upkeep::clocks::describe_offset;

/// From here on two clocks do not agree.
pub const APART: chrono::Duration = chrono::Duration::seconds(60);

/// How often a resting daemon says so.
const AGAIN: Duration = Duration::from_secs(20);

/// What one daemon has found.
pub struct Clocks {
    process: Uuid,
    /// While it rests: when it says so again.
    resting: Mutex<Option<Deadline>>,
}

/// An error when the clock and the database's do not agree.
pub async fn check(store: &Store, clock: Clock) -> anyhow::Result<()> {
    let (ahead, _) = store.ahead(clock).await?;
    anyhow::ensure!(ahead.abs() < APART, "this machine: {}; nothing was done", describe_offset(ahead));
    Ok(())
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks { process: random::token(), resting: Mutex::default() }
    }
}

impl Clocks {
    /// The time, when the database agrees; `None` while nothing may be done.
    /// Whoever asks goes by this time and by no earlier one.
    pub async fn agree(&self, store: &Store, clock: Clock) -> anyhow::Result<Option<Instant>> {
        let (ahead, now) = store.ahead(clock).await?;
        if ahead.abs() < APART {
            if self.lock().take().is_some() {
                tracing::info!("the clocks agree again");
                store.report_working(self.process).await?;
            }
            return Ok(Some(now));
        }
        let say = {
            let mut resting = self.lock();
            let say = resting.is_none_or(Deadline::has_passed);
            if say {
                *resting = Some(Deadline::after(AGAIN));
            }
            say
        };
        if say {
            tracing::error!("this machine: {}; nothing is done until they agree", describe_offset(ahead));
            store.report_resting(self.process, ahead).await?;
        }
        Ok(None)
    }

    /// Waits until the database agrees; false when the daemon is asked to stop
    /// before that.
    pub async fn wait(&self, store: &Store, clock: Clock, stop: &mut watch::Receiver<bool>) -> anyhow::Result<bool> {
        while self.agree(store, clock).await?.is_none() {
            tokio::select! {
                () = crate::worker::shared::stop_requested(stop) => return Ok(false),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        Ok(true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Deadline>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
