//! Whether a daemon does its work, for whatever watches it.
//!
//! Nothing is asked when somebody wants to know: the database and the disk are
//! asked in the background, each by a task of its own, and what they last said
//! is told with its age. A call to the database is never cut off, so an answer
//! that does not come is noticed by its age.
//!
//! `progress` knows when each worker last looked, `probe` keeps a last answer,
//! `disk` asks for free space.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::shared::stop_requested;
use crate::store::Store;

mod disk;
mod probe;
mod progress;

pub use probe::LastAnswer;
use probe::Probe;
pub use progress::{LastRound, Progress};

/// How often the database is asked, and what is stopped.
const DATABASE_INTERVAL: Duration = Duration::from_secs(3);

/// An answer of the database that is older says nothing about now.
const DATABASE_AGE: Duration = Duration::from_secs(10);

/// How often the disk is asked.
const DISK_INTERVAL: Duration = Duration::from_secs(10);

/// A disk that has not answered for so long is away.
const DISK_AGE: Duration = Duration::from_secs(60);

/// With less free space than this a daemon is not ready: 64 MiB, which is four
/// files of Postgres' log.
const LEAST_SPACE: u64 = 64 * 1024 * 1024;

/// What is known of a daemon.
#[derive(Debug)]
pub struct Health {
    progress: Arc<Progress>,
    /// What is stopped, which the database said.
    database: Probe<Vec<String>>,
    /// Free bytes.
    disk: Probe<u64>,
    folder: PathBuf,
    least_space: u64,
    stop: watch::Receiver<bool>,
}

/// The same at one moment.
#[derive(Clone, Debug)]
pub struct HealthReport {
    pub workers: Vec<LastRound>,
    /// What is stopped.
    pub database: LastAnswer<Vec<String>>,
    /// Free bytes.
    pub disk: LastAnswer<u64>,
    /// Whether the disk answers and enough is free.
    pub disk_is_ok: bool,
    /// Why the daemon is not ready; empty when it is.
    pub reasons: Vec<String>,
}

impl Health {
    /// Of a daemon with this progress and data folder, until `stop` turns true.
    /// Nothing is asked before [`Health::watch`].
    pub fn new(progress: Arc<Progress>, folder: &Path, stop: watch::Receiver<bool>) -> Health {
        Health {
            progress,
            database: Probe::default(),
            disk: Probe::default(),
            folder: folder.to_owned(),
            least_space: LEAST_SPACE,
            stop,
        }
    }

    /// The same, where so many bytes have to be free.
    pub fn with_least_space(self, least_space: u64) -> Health {
        Health { least_space, ..self }
    }

    /// Whether no worker stands still; see [`Progress::is_moving`]. Asked all
    /// the time: what a worker waits for while the database is away does not
    /// count.
    pub fn is_moving(&self) -> bool {
        if !self.database.last().is_fresh(DATABASE_AGE) {
            self.progress.excuse();
        }
        self.progress.is_moving()
    }

    /// Begins to ask the database and the disk, until the daemon is to stop.
    pub fn watch(self: &Arc<Health>, store: &Store) {
        tokio::spawn(self.clone().watch_database(store.clone()));
        tokio::spawn(self.clone().watch_disk());
    }

    async fn watch_database(self: Arc<Health>, store: Store) {
        let mut stop = self.stop.clone();
        while !*stop.borrow() {
            let stopped = store.stopped().await;
            // The words of a person may name somebody; the pages show them.
            self.database
                .record(stopped.map(|stopped| stopped.stops.iter().map(|stop| stop.target.to_string()).collect()));
            rest(&mut stop, DATABASE_INTERVAL).await;
        }
    }

    async fn watch_disk(self: Arc<Health>) {
        let mut stop = self.stop.clone();
        while !*stop.borrow() {
            let folder = self.folder.clone();
            let free = tokio::task::spawn_blocking(move || disk::free_bytes(&folder)).await;
            self.disk.record(free.map_err(std::io::Error::other).flatten());
            rest(&mut stop, DISK_INTERVAL).await;
        }
    }

    /// What is known now. Waits for nothing.
    pub fn report(&self) -> HealthReport {
        let workers = self.progress.last_rounds();
        let (database, disk) = (self.database.last(), self.disk.last());
        let mut reasons = Vec::new();
        if *self.stop.borrow() {
            reasons.push("it is stopping".to_owned());
        }
        match &database.answer {
            _ if database.is_fresh(DATABASE_AGE) => {}
            Some((since, _)) => reasons.push(format!("the database last answered {} s ago", since.as_secs())),
            None => reasons.push("the database has not answered yet".to_owned()),
        }
        let answers = disk.is_fresh(DISK_AGE);
        let disk_is_ok = answers && disk.answer.is_some_and(|(_, free)| free >= self.least_space);
        match disk.answer {
            _ if disk_is_ok => {}
            Some((_, free)) if answers => {
                let (free, least) = (free / 1024, self.least_space / 1024);
                reasons.push(format!("the disk of the data folder has {free} KiB left, and {least} are needed"));
            }
            _ => reasons.push("the disk of the data folder does not say how much is free".to_owned()),
        }
        if workers.iter().any(|round| round.since.is_none()) {
            reasons.push("the workers have not begun".to_owned());
        }
        for round in workers.iter().filter(|round| round.is_late()) {
            let since = round.since.unwrap_or_default().as_secs();
            let (worker, at_most) = (round.worker, round.at_most.as_secs());
            reasons.push(format!("{worker} has not finished a round for {since} s, and {at_most} s is the limit"));
        }
        HealthReport { workers, database, disk, disk_is_ok, reasons }
    }
}

impl HealthReport {
    /// Whether all is as it should be. Stops do not count: somebody wanted
    /// them, or has to look, and no restart ends them.
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    pub fn database_is_ok(&self) -> bool {
        self.database.is_fresh(DATABASE_AGE)
    }
}

async fn rest(stop: &mut watch::Receiver<bool>, span: Duration) {
    tokio::select! {
        () = stop_requested(stop) => {}
        () = tokio::time::sleep(span) => {}
    }
}
