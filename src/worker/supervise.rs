//! The daemon: runs the workers until it is told to stop.
//!
//! Lanes, so that a slow relay does not hold up an evaluation: one for files and
//! runs, one for enrollments and tasks, some for mail, one for what comes back,
//! one that watches the database's epoch. Each looks again at once while there is
//! work, else after a pause. An error or a panic in a lane is logged and backs
//! off; it never ends the process. Stopping lets what is under way finish.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::enrollments::{advancer, enroll_requests, late_goals};
use super::messages::{auto_stop, bounce_collector, deliverer, digester, resend};
use super::runs::publisher::{self, Files, Fingerprint};
use super::runs::{run, scheduler};
use super::tasks::{closer, escalator, handover};
use super::upkeep::clock_check::Clocks;
use super::upkeep::database_epoch::Watch;
use super::upkeep::janitor;
use super::{Round, Shared};
use crate::clock::{Clock, Instant};
use crate::store::Store;
use crate::store::runs::playbooks::Missing;

/// Mail has several lanes: one whose relay is silent, for as long as ten
/// minutes, does not hold up what was planned after it. The relay's sessions
/// are shared, so there are no more of them.
const MAIL_LANES: usize = 4;

/// How long a lane rests when nothing is due.
const REST: Duration = Duration::from_secs(1);

/// How long a lane rests after a fault.
const BACK_OFF: Duration = Duration::from_secs(5);

/// What a lane asks for after a fault, before it tries again: for example that
/// a private Postgres is started again.
pub type Mend = Arc<dyn Fn() + Send + Sync>;

/// How long a stop waits for what is under way. A run that takes longer is
/// finished by the next daemon, once its lease is over.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

/// Runs all lanes until `stop` turns true, as long as `clock` and the
/// database's agree; see [`Clocks`]. Then returns when each has finished
/// what it was doing, at the latest after 25 seconds. `published` is how the
/// files stood before they were last published.
pub async fn supervise(
    shared: Arc<Shared>,
    clock: Clock,
    files: Files,
    published: Fingerprint,
    mend: Mend,
    watch: Arc<Watch>,
    stop: watch::Receiver<bool>,
) {
    let published = Arc::new(Mutex::new(published));
    let mut stopping = stop.clone();
    let time = Time { store: shared.store.clone(), clock, clocks: Arc::default() };
    let runs = lane("runs", time.clone(), mend.clone(), stop.clone(), {
        let shared = shared.clone();
        move |now| {
            let (shared, files, published) = (shared.clone(), files.clone(), published.clone());
            async move {
                let mut round = Round::default();
                let found = publisher::fingerprint(&files);
                if *known(&published) != found {
                    match publisher::publish(&shared, &files, Missing::Doubted, now).await {
                        Ok(_) => *known(&published) = found,
                        // It is tried again; until then what is in force goes on.
                        Err(error) => round.took(Err(error))?,
                    }
                }
                round.took(scheduler::tick(&shared, now).await)?;
                round.took(run::tick(&shared, now).await)?;
                round.end()
            }
        }
    });
    let enrollments = lane("enrollments", time.clone(), mend.clone(), stop.clone(), {
        let shared = shared.clone();
        move |now| {
            let shared = shared.clone();
            async move {
                let mut round = Round::default();
                round.took(advancer::tick(&shared, now).await)?;
                round.took(closer::tick(&shared, now).await)?;
                round.took(late_goals::tick(&shared, now).await)?;
                round.took(auto_stop::tick(&shared, now).await)?;
                round.took(enroll_requests::tick(&shared, now).await)?;
                round.took(handover::tick(&shared, now).await)?;
                round.took(escalator::tick(&shared, now).await)?;
                round.took(digester::tick(&shared, now).await)?;
                round.end()
            }
        }
    });
    let epoch = lane("epoch", time.clone(), mend.clone(), stop.clone(), {
        let shared = shared.clone();
        move |now| {
            let (shared, watch) = (shared.clone(), watch.clone());
            async move { watch.look(&shared.store, now).await.map(|()| 0) }
        }
    });
    // Of its own: a mailbox that cannot be read holds up nothing else.
    let returns = lane("returns", time.clone(), mend.clone(), stop.clone(), {
        let shared = shared.clone();
        move |now| {
            let shared = shared.clone();
            async move { bounce_collector::tick(&shared, now).await }
        }
    });
    let mut lanes = vec![runs, enrollments, epoch, returns];
    for _ in 0..MAIL_LANES {
        lanes.push(lane("mail", time.clone(), mend.clone(), stop.clone(), {
            let (shared, stop) = (shared.clone(), stop.clone());
            move |now| {
                let (shared, stop) = (shared.clone(), stop.clone());
                async move {
                    let mut round = Round::default();
                    round.took(janitor::tick(&shared, now).await)?;
                    round.took(resend::tick(&shared, now, &stop).await)?;
                    round.took(deliverer::tick_until(&shared, now, &stop).await)?;
                    round.end()
                }
            }
        }));
    }
    let lanes = async {
        for lane in lanes {
            if let Err(error) = lane.await {
                tracing::error!("a lane ended badly: {error}");
            }
        }
    };
    let late = async {
        super::asked(&mut stopping).await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::select! {
        () = lanes => {}
        () = late => tracing::warn!("stopped without waiting for what was still under way"),
    }
}

fn known(published: &Mutex<Fingerprint>) -> MutexGuard<'_, Fingerprint> {
    // A poisoned fingerprint is still a fingerprint.
    published.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where lanes learn the time.
#[derive(Clone)]
struct Time {
    store: Store,
    clock: Clock,
    clocks: Arc<Clocks>,
}

impl Time {
    async fn now(&self) -> super::Result<Option<Instant>> {
        self.clocks.agree(&self.store, self.clock).await
    }
}

fn lane<F, Fut>(name: &'static str, time: Time, mend: Mend, mut stop: watch::Receiver<bool>, tick: F) -> JoinHandle<()>
where
    F: Fn(Instant) -> Fut + Send + 'static,
    Fut: Future<Output = super::Result<usize>> + Send + 'static,
{
    tokio::spawn(async move {
        while !*stop.borrow() {
            let looked = match time.now().await {
                Ok(Some(now)) => tokio::spawn(tick(now)).await,
                // Nothing is due as long as nobody knows the time.
                Ok(None) => Ok(Ok(0)),
                Err(error) => Ok(Err(error)),
            };
            // A task of its own: a panic ends this look and not the lane.
            let rest = match looked {
                Ok(Ok(0)) => REST,
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => {
                    tracing::error!(lane = name, "failed: {error:#}");
                    let mend = mend.clone();
                    let _ = tokio::task::spawn_blocking(move || mend()).await;
                    BACK_OFF
                }
                Err(panic) => {
                    tracing::error!(lane = name, "failed: {panic}");
                    BACK_OFF
                }
            };
            tokio::select! {
                () = super::asked(&mut stop) => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    })
}
