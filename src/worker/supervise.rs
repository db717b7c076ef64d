//! The daemon: runs the lanes of workers until it is told to stop.
//!
//! A lane looks again at once while it finds work, else after a pause. An error
//! or a panic in a lane is logged and backs off; it never ends the process.
//! Stopping lets what is under way finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::lanes::{Daemon, Lane, Look, Worker};
use super::round::Round;
use super::shared::{Shared, stop_requested};
use super::upkeep::clock_check::Clocks;
use crate::clock::{Clock, Instant};
use crate::postgres::describe_error;

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
/// what it was doing, at the latest after 25 seconds.
pub async fn supervise(shared: Arc<Shared>, clock: Clock, daemon: Daemon, mend: Mend, mut stop: watch::Receiver<bool>) {
    let runner = Runner { shared, clock, clocks: Arc::default(), daemon: Arc::new(daemon), mend, stop: stop.clone() };
    runner.daemon.progress.begin();
    let lanes: Vec<JoinHandle<()>> = Lane::ALL
        .into_iter()
        .flat_map(|lane| std::iter::repeat_n(lane, lane.copies()))
        .map(|lane| tokio::spawn(runner.clone().run(lane)))
        .collect();
    let lanes = async {
        for lane in lanes {
            if let Err(error) = lane.await {
                tracing::error!("a lane ended badly: {error}");
            }
        }
    };
    let late = async {
        stop_requested(&mut stop).await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::select! {
        () = lanes => {}
        () = late => tracing::warn!("stopped without waiting for what was still under way"),
    }
}

/// What runs a lane.
#[derive(Clone)]
struct Runner {
    shared: Arc<Shared>,
    clock: Clock,
    clocks: Arc<Clocks>,
    daemon: Arc<Daemon>,
    mend: Mend,
    stop: watch::Receiver<bool>,
}

/// The workers of a lane, each with how long it still rests.
struct Rota(Vec<(&'static Worker, Duration)>);

impl Rota {
    fn of(workers: impl Iterator<Item = &'static Worker>) -> Rota {
        Rota(workers.map(|worker| (worker, Duration::ZERO)).collect())
    }

    /// Those that look now.
    fn due(&self) -> Vec<&'static Worker> {
        self.0.iter().filter(|(_, left)| left.is_zero()).map(|(worker, _)| *worker).collect()
    }

    /// All look at once: what one found may be work for another.
    fn wake(&mut self) {
        self.0.iter_mut().for_each(|(_, left)| *left = Duration::ZERO);
    }

    /// Lets those that have just looked rest; returns how long it is until
    /// somebody is due again.
    fn rest(&mut self) -> Duration {
        for (worker, left) in self.0.iter_mut().filter(|(_, left)| left.is_zero()) {
            *left = worker.interval;
        }
        let shortest = self.0.iter().map(|(_, left)| *left).min().unwrap_or(BACK_OFF);
        self.0.iter_mut().for_each(|(_, left)| *left -= shortest);
        shortest
    }
}

impl Runner {
    /// Runs a lane until the daemon is asked to stop.
    async fn run(mut self, lane: Lane) {
        let mut rota = Rota::of(lane.workers());
        while !*self.stop.borrow() {
            let due = rota.due();
            let looked = match self.clocks.agree(&self.shared.store, self.clock).await {
                Ok(Some(now)) => tokio::spawn(self.clone().look(due.clone(), now)).await,
                // Nothing is due as long as nobody knows the time.
                Ok(None) => Ok(Ok(0)),
                Err(error) => Ok(Err(error)),
            };
            due.iter().for_each(|worker| self.daemon.progress.end_attempt(worker.name));
            // A task of its own: a panic ends this look and not the lane.
            let rest = match looked {
                Ok(Ok(0)) => rota.rest(),
                Ok(Ok(_)) => {
                    rota.wake();
                    continue;
                }
                Ok(Err(error)) => {
                    tracing::error!(lane = lane.name(), "failed: {}", describe_error(error.as_ref()));
                    let mend = self.mend.clone();
                    let mending = tokio::task::spawn_blocking(move || mend());
                    // It may take minutes to start a database again.
                    tokio::select! {
                        () = stop_requested(&mut self.stop) => {}
                        _ = mending => {}
                    }
                    rota.wake();
                    BACK_OFF
                }
                Err(panic) => {
                    tracing::error!(lane = lane.name(), "failed: {panic}");
                    rota.wake();
                    BACK_OFF
                }
            };
            tokio::select! {
                () = stop_requested(&mut self.stop) => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Lets these workers look, one after the other.
    async fn look(self, workers: Vec<&'static Worker>, now: Instant) -> anyhow::Result<usize> {
        let look = Look { shared: self.shared, now, stop: self.stop };
        let mut round = Round::default();
        for worker in workers {
            let result = worker.look(look.clone(), &self.daemon).await;
            if result.is_ok() {
                self.daemon.progress.finish_round(worker.name);
            }
            round.record(result)?;
        }
        round.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::lanes::WORKERS;

    #[test]
    fn a_worker_rests_for_its_interval_unless_another_found_work() {
        let seconds = Duration::from_secs;
        let mut rota = Rota::of(WORKERS.iter().take(2));
        assert_eq!(rota.due().len(), 2);
        assert_eq!(rota.rest(), WORKERS[0].interval.min(WORKERS[1].interval));

        // One that rests for three seconds, beside one that looks each second.
        rota.0[0].1 = seconds(3);
        rota.0[1].1 = Duration::ZERO;
        for _ in 0..2 {
            assert_eq!(rota.due().iter().map(|one| one.name).collect::<Vec<_>>(), [WORKERS[1].name]);
            assert_eq!(rota.rest(), WORKERS[1].interval);
        }
        assert_eq!(rota.rest(), WORKERS[1].interval);
        assert_eq!(rota.due().len(), 2);

        rota.0[0].1 = seconds(3);
        rota.wake();
        assert_eq!(rota.due().len(), 2);
    }
}
