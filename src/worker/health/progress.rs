//! When each worker last looked. What stands still without an error, such as
//! one that waits for something that never comes, is found by this alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;

/// A worker is late when it has not finished a round for this many of its
/// intervals: five minutes of one that looks each second.
const INTERVALS: u32 = 300;

/// Only what stands still for this many times as long is ended by whoever
/// watches the process: a relay may take ten minutes to answer, and a mail
/// whose answer nobody waited for is `unknown`.
const STANDSTILL: u32 = 3;

/// When the workers of a daemon last looked. Those of a lane with several
/// copies count as one.
#[derive(Debug)]
pub struct Progress {
    workers: BTreeMap<&'static str, (Duration, Mutex<Looks>)>,
    intervals: u32,
    /// Since when the lanes run.
    start: OnceLock<Stopwatch>,
    /// Since the last moment at which standing still was no fault of theirs.
    excuse: Mutex<Option<Stopwatch>>,
}

/// A worker's last looks.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    /// Since the last one that ended without an error.
    success: Option<Stopwatch>,
    /// Since the last one that ended in any way.
    end: Option<Stopwatch>,
}

/// How long ago a worker finished its last round.
#[derive(Clone, Debug, PartialEq)]
pub struct LastRound {
    pub worker: &'static str,
    /// Since then, or since the daemon began when there was none; `None` before
    /// it begins.
    pub since: Option<Duration>,
    /// Longer than this is too long.
    pub at_most: Duration,
}

impl LastRound {
    /// Whether it is too long ago. Before the daemon begins nothing is late.
    pub fn is_late(&self) -> bool {
        self.since.is_some_and(|since| since > self.at_most)
    }
}

impl Progress {
    /// Of these workers, each with how long it rests between two looks.
    pub fn of(workers: impl Iterator<Item = (&'static str, Duration)>) -> Progress {
        Progress {
            workers: workers.map(|(name, interval)| (name, (interval, Mutex::default()))).collect(),
            intervals: INTERVALS,
            start: OnceLock::new(),
            excuse: Mutex::default(),
        }
    }

    /// The same, where a worker is late after this many of its intervals.
    pub fn with_intervals(self, intervals: u32) -> Progress {
        Progress { intervals, ..self }
    }

    /// The lanes run from now on.
    pub fn begin(&self) {
        let _ = self.start.set(Stopwatch::start());
    }

    /// A worker has looked, without an error.
    pub fn finish_round(&self, worker: &str) {
        if let Some(mut looks) = self.looks(worker) {
            looks.success = Some(Stopwatch::start());
            looks.end = looks.success;
        }
    }

    /// A worker has tried to look.
    pub fn end_attempt(&self, worker: &str) {
        if let Some(mut looks) = self.looks(worker) {
            looks.end = Some(Stopwatch::start());
        }
    }

    /// Each worker's last round, by name.
    pub fn last_rounds(&self) -> Vec<LastRound> {
        let start = self.start.get().copied();
        let of = |(worker, (interval, looks)): (&&'static str, &(Duration, Mutex<Looks>))| LastRound {
            worker,
            since: start.map(|start| lock(looks).success.unwrap_or(start).elapsed()),
            at_most: *interval * self.intervals,
        };
        self.workers.iter().map(of).collect()
    }

    /// What the workers wait for now is away, and to begin anew would not bring
    /// it back: they stand still from now on at the earliest.
    pub fn excuse(&self) {
        *self.excuse.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
    }

    /// Whether no worker stands still. One whose looks end with errors moves.
    pub fn is_moving(&self) -> bool {
        let Some(start) = self.start.get().copied() else { return true };
        let excuse = *self.excuse.lock().unwrap_or_else(PoisonError::into_inner);
        self.workers.values().all(|(interval, looks)| {
            let still = lock(looks).end.unwrap_or(start).elapsed();
            let still = excuse.map_or(still, |excuse| still.min(excuse.elapsed()));
            still <= *interval * self.intervals * STANDSTILL
        })
    }

    fn looks(&self, worker: &str) -> Option<MutexGuard<'_, Looks>> {
        self.workers.get(worker).map(|(_, looks)| lock(looks))
    }
}

fn lock(looks: &Mutex<Looks>) -> MutexGuard<'_, Looks> {
    looks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(progress: &Progress) -> Vec<&'static str> {
        progress.last_rounds().iter().filter(|round| round.is_late()).map(|round| round.worker).collect()
    }

    #[test]
    fn who_stands_still_is_late_and_later_still() {
        let span = Duration::from_millis(20);
        let progress = Progress::of([("one", span), ("other", span * 1000)].into_iter()).with_intervals(2);
        assert!(late(&progress).is_empty() && progress.is_moving(), "nothing has begun");
        progress.begin();
        std::thread::sleep(span * 3);
        assert_eq!(late(&progress), ["one"], "it never finished a round");
        progress.finish_round("one");
        assert!(late(&progress).is_empty());
        while late(&progress).is_empty() {
            progress.end_attempt("one");
            assert!(progress.is_moving());
            std::thread::sleep(span / 4);
        }
        assert!(progress.is_moving(), "it tries");
        std::thread::sleep(span * 7);
        assert!(!progress.is_moving(), "it tries no more");
        progress.excuse();
        assert!(progress.is_moving());
        std::thread::sleep(span * 7);
        assert!(!progress.is_moving(), "an excuse does not last");
    }
}
