//! The one list of workers, and a pass over it.
//!
//! A worker is a function that looks at the database, does what is due and
//! returns how much it did. The daemon runs workers in lanes, each in the order
//! of the list, so that a slow relay does not hold up an evaluation. A pass, as
//! `run --once` makes it, is one round of the same list.
//!
//! To add a worker: a file with its `tick`, and an entry in [`WORKERS`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::enrollments::{advancer, enroll_requests, late_goals};
use super::health::Progress;
use super::messages::{auto_stop, bounce_collector, deliverer, digester, resend};
use super::round::Round;
use super::runs::publisher::{self, FileWatch};
use super::runs::{run, scheduler};
use super::shared::Shared;
use super::tasks::{closer, escalator, handover};
use super::upkeep::database_epoch::{self, EpochWatch};
use super::upkeep::{inventory_recorder, janitor};
use crate::clock::Instant;

/// A worker: what it is for, and when and where it runs.
pub struct Worker {
    /// The name of its file.
    pub name: &'static str,
    /// What it does, in one line.
    pub purpose: &'static str,
    /// The lane of the daemon that runs it; `None` runs in a pass only.
    pub lane: Option<Lane>,
    /// How long it rests in the daemon after a look at which its lane found
    /// nothing due.
    pub interval: Duration,
    work: Work,
}

/// Workers that run one after the other in the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The playbooks' files. A file system that does not answer holds up
    /// nothing else.
    Files,
    /// Runs.
    Runs,
    /// Enrollments and tasks.
    Enrollments,
    /// What has ended. Many of them hold up nothing that is under way.
    Hindsight,
    /// The database's identity.
    Epoch,
    /// What came back. A mailbox that cannot be read holds up nothing else.
    Returns,
    /// What the customers' tables hold. A large table holds up nothing else.
    Inventory,
    /// What leaves.
    Mail,
}

impl Lane {
    pub const ALL: [Lane; 8] = [
        Lane::Files,
        Lane::Runs,
        Lane::Enrollments,
        Lane::Hindsight,
        Lane::Epoch,
        Lane::Returns,
        Lane::Inventory,
        Lane::Mail,
    ];

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Files => "files",
            Lane::Runs => "runs",
            Lane::Enrollments => "enrollments",
            Lane::Hindsight => "hindsight",
            Lane::Epoch => "epoch",
            Lane::Returns => "returns",
            Lane::Inventory => "inventory",
            Lane::Mail => "mail",
        }
    }

    /// How many of it a daemon runs side by side.
    pub fn copies(self) -> usize {
        match self {
            Lane::Files | Lane::Enrollments | Lane::Hindsight | Lane::Epoch | Lane::Returns | Lane::Inventory => 1,
            // A slot of which a run takes minutes holds up none of the others.
            Lane::Runs => 3,
            // One whose relay is silent, for as long as ten minutes, does not
            // hold up what was planned after it. The relay's sessions are
            // shared, so there are no more of them.
            Lane::Mail => 4,
        }
    }

    /// Its workers, in their order.
    pub fn workers(self) -> impl Iterator<Item = &'static Worker> {
        WORKERS.iter().filter(move |worker| worker.lane == Some(self))
    }
}

/// What a worker looks with.
#[derive(Clone)]
pub struct Look {
    pub shared: Arc<Shared>,
    pub now: Instant,
    /// Turns true when nothing further is to be begun.
    pub stop: watch::Receiver<bool>,
}

/// What only a daemon has.
pub struct Daemon {
    pub files: FileWatch,
    pub epoch: EpochWatch,
    /// When its workers last looked; see [`progress`].
    pub progress: Arc<Progress>,
}

/// When the workers of a daemon last looked, before it begins.
pub fn progress() -> Progress {
    let of_daemon = WORKERS.iter().filter(|worker| worker.lane.is_some());
    Progress::of(of_daemon.map(|worker| (worker.name, worker.interval)))
}

/// How much a worker did, once it is done.
type LookFuture = Pin<Box<dyn Future<Output = anyhow::Result<usize>> + Send>>;

/// A worker's function.
#[derive(Clone, Copy)]
enum Work {
    /// Runs in the daemon and in a pass.
    Everywhere(fn(Look) -> LookFuture),
    /// Runs in the daemon only.
    InDaemon(fn(Look, Arc<Daemon>) -> LookFuture),
}

impl Worker {
    /// Whether a pass includes it.
    pub fn is_in_pass(&self) -> bool {
        matches!(self.work, Work::Everywhere(_))
    }

    /// One look in a daemon.
    pub(super) async fn look(&self, look: Look, daemon: &Arc<Daemon>) -> anyhow::Result<usize> {
        match self.work {
            Work::Everywhere(work) => work(look).await,
            Work::InDaemon(work) => work(look, daemon.clone()).await,
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A function of what all share and the time.
macro_rules! everywhere {
    ($tick:path) => {
        Work::Everywhere(|look| Box::pin(async move { $tick(&look.shared, look.now).await }))
    };
}

/// The same, that also has to know when nothing further is to be begun.
macro_rules! until_stopped {
    ($tick:path) => {
        Work::Everywhere(|look| Box::pin(async move { $tick(&look.shared, look.now, &look.stop).await }))
    };
}

/// Every worker, in the order of a pass.
pub const WORKERS: &[Worker] = &[
    Worker {
        name: "publisher",
        purpose: "publishes playbook files that have changed",
        lane: Some(Lane::Files),
        interval: SECOND,
        work: Work::InDaemon(|look, daemon| {
            Box::pin(async move { publisher::tick(&look.shared, &daemon.files, look.now, &look.stop).await })
        }),
    },
    Worker {
        name: "database_epoch",
        purpose: "stops everything when the database was set back to an earlier state",
        lane: Some(Lane::Epoch),
        interval: SECOND,
        work: Work::InDaemon(|look, daemon| {
            Box::pin(async move { database_epoch::tick(&look.shared, &daemon.epoch, look.now).await })
        }),
    },
    // Before any mail, which what came back may suppress or stop.
    Worker {
        name: "bounce_collector",
        purpose: "reads the mailbox for bounces, complaints and unsubscriptions",
        lane: Some(Lane::Returns),
        interval: SECOND,
        work: everywhere!(bounce_collector::tick),
    },
    Worker {
        name: "janitor",
        purpose: "settles claims of daemons that went away and deletes what was kept for its time",
        lane: Some(Lane::Mail),
        interval: SECOND,
        work: everywhere!(janitor::tick),
    },
    // Before the runs, which are held where a name was never seen.
    Worker {
        name: "inventory_recorder",
        purpose: "records which names the customer store holds, once an hour",
        lane: Some(Lane::Inventory),
        interval: MINUTE,
        work: everywhere!(inventory_recorder::tick),
    },
    // Before the runs: a task whose problem is gone is closed, so that a new
    // enrollment makes a new one instead of refreshing it.
    Worker {
        name: "closer",
        purpose: "closes tasks whose problem is gone",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(closer::tick),
    },
    Worker {
        name: "scheduler",
        purpose: "opens the runs of due slots and carries them out",
        lane: Some(Lane::Runs),
        interval: SECOND,
        work: everywhere!(scheduler::tick),
    },
    Worker {
        name: "run",
        purpose: "finishes runs of daemons that went away and releases approved ones",
        lane: Some(Lane::Runs),
        interval: SECOND,
        work: everywhere!(run::tick),
    },
    Worker {
        name: "advancer",
        purpose: "moves waiting enrollments on when they are due",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(advancer::tick),
    },
    Worker {
        name: "late_goals",
        purpose: "finds goals that come true after an enrollment has ended",
        lane: Some(Lane::Hindsight),
        interval: SECOND,
        work: everywhere!(late_goals::tick),
    },
    Worker {
        name: "enroll_requests",
        purpose: "admits subjects that a step has named",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(enroll_requests::tick),
    },
    Worker {
        name: "handover",
        purpose: "hands tasks of colleagues who are away to their cover",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(handover::tick),
    },
    Worker {
        name: "escalator",
        purpose: "tells managers of overdue tasks",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(escalator::tick),
    },
    Worker {
        name: "digester",
        purpose: "gathers what a colleague should hear into one notice",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(digester::tick),
    },
    Worker {
        name: "auto_stop",
        purpose: "stops playbooks whose mail is unwanted or does not arrive",
        lane: Some(Lane::Enrollments),
        interval: SECOND,
        work: everywhere!(auto_stop::tick),
    },
    Worker {
        name: "resend",
        purpose: "sends a mail once more when its outcome is unknown and its step allows it",
        lane: Some(Lane::Mail),
        interval: SECOND,
        work: until_stopped!(resend::tick),
    },
    Worker {
        name: "deliverer",
        purpose: "sends what is due in the outbox",
        lane: Some(Lane::Mail),
        interval: SECOND,
        work: until_stopped!(deliverer::tick_until),
    },
];

/// One round of everything that is due at `now`; returns how much was done.
pub async fn pass(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let (_never, stop) = watch::channel(false);
    pass_until(shared, now, &stop).await
}

/// The same. Asked to stop, it sends nothing further.
pub async fn pass_until(shared: &Arc<Shared>, now: Instant, stop: &watch::Receiver<bool>) -> anyhow::Result<usize> {
    let look = Look { shared: shared.clone(), now, stop: stop.clone() };
    let mut round = Round::default();
    for worker in WORKERS {
        if let Work::Everywhere(work) = worker.work {
            round.record(work(look.clone()).await)?;
        }
    }
    round.end()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_pass_keeps_its_order() {
        let pass: Vec<&str> = WORKERS.iter().filter(|one| one.is_in_pass()).map(|one| one.name).collect();
        assert_eq!(
            pass,
            [
                "bounce_collector",
                "janitor",
                "inventory_recorder",
                "closer",
                "scheduler",
                "run",
                "advancer",
                "late_goals",
                "enroll_requests",
                "handover",
                "escalator",
                "digester",
                "auto_stop",
                "resend",
                "deliverer",
            ]
        );
    }

    #[test]
    fn every_lane_has_its_workers() {
        let lanes: [(Lane, usize, &[&str]); 8] = [
            (Lane::Files, 1, &["publisher"]),
            (Lane::Runs, 3, &["scheduler", "run"]),
            (
                Lane::Enrollments,
                1,
                &["closer", "advancer", "enroll_requests", "handover", "escalator", "digester", "auto_stop"],
            ),
            (Lane::Hindsight, 1, &["late_goals"]),
            (Lane::Epoch, 1, &["database_epoch"]),
            (Lane::Returns, 1, &["bounce_collector"]),
            (Lane::Inventory, 1, &["inventory_recorder"]),
            (Lane::Mail, 4, &["janitor", "resend", "deliverer"]),
        ];
        assert_eq!(lanes.map(|(lane, ..)| lane), Lane::ALL);
        for (lane, copies, names) in lanes {
            assert_eq!(lane.workers().map(|one| one.name).collect::<Vec<_>>(), names, "{lane:?}");
            assert_eq!(lane.copies(), copies, "{lane:?}");
        }
    }

    #[test]
    fn every_worker_says_in_one_line_what_it_is_for() {
        for worker in WORKERS {
            let purpose = worker.purpose;
            assert!((20..90).contains(&purpose.len()) && !purpose.contains('\n'), "{}: {purpose}", worker.name);
            assert!(worker.interval >= SECOND, "{} would never rest", worker.name);
        }
    }

    #[test]
    fn the_list_and_the_files_with_a_worker_agree() {
        let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/worker")];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read_to_string(&path).expect("a text").contains("\npub async fn tick") {
                    files.insert(path.file_stem().expect("a name").to_string_lossy().into_owned());
                }
            }
        }
        let listed: BTreeSet<String> = WORKERS.iter().map(|worker| worker.name.to_owned()).collect();
        assert_eq!(listed.len(), WORKERS.len(), "a name stands twice");
        assert_eq!(files, listed);
    }
}
