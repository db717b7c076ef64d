//! Whose statement is next: workers on one database take turns as chance has
//! it, one statement at a time, so that any of them can stand still between
//! any two of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::support::wire::{Deciding, Fate, Statement, Watcher};

/// How long the others wait for one that computes, or waits for a lock.
const PATIENCE: Duration = Duration::from_millis(4);

/// How long a dead worker may go on without its database.
const LAST_MOMENT: Duration = Duration::from_millis(100);

/// The turns of all workers.
#[derive(Default)]
pub struct Turns {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Default)]
struct Table {
    waiting: Vec<(usize, oneshot::Sender<Fate>)>,
    /// Statements that are being carried out.
    under_way: usize,
    /// Of each worker: how many statements it has still to live, and how it
    /// then ends; `None` for one that lives.
    ends: Vec<Option<(usize, Fate)>>,
    dead: Vec<bool>,
}

/// One worker's place.
pub struct Seat {
    pub turns: Arc<Turns>,
    pub worker: usize,
}

impl Turns {
    /// A new round; some may end in it.
    pub fn begin(&self, ends: &[Option<(usize, Fate)>]) {
        let mut table = self.table.lock().unwrap();
        table.dead = vec![false; ends.len()];
        table.ends = ends.to_vec();
    }

    pub fn has_died(&self, worker: usize) -> bool {
        self.table.lock().unwrap().dead[worker]
    }

    /// Comes when a worker has died and had a moment to notice. One that tries
    /// again and again to write what it knows does so until then.
    pub async fn end_of(&self, worker: usize) {
        loop {
            let changed = self.changed.notified();
            if self.has_died(worker) {
                break;
            }
            changed.await;
        }
        tokio::time::sleep(LAST_MOMENT).await;
    }

    /// Lets the workers take turns until all of them have finished; `before` is
    /// called before each turn with its number.
    pub async fn take(
        &self,
        mut chance: impl FnMut(usize) -> usize,
        finished: impl Fn() -> usize,
        workers: usize,
        mut before: impl AsyncFnMut(usize),
    ) {
        let mut turn = 0;
        loop {
            let _ = tokio::time::timeout(PATIENCE, self.everybody_waits(&finished, workers)).await;
            if finished() == workers {
                return;
            }
            let next = {
                let mut table = self.table.lock().unwrap();
                let count = table.waiting.len();
                if count == 0 {
                    continue;
                }
                table.waiting.swap_remove(chance(count))
            };
            before(turn).await;
            turn += 1;
            self.go(next.0, next.1);
        }
    }

    async fn everybody_waits(&self, finished: &impl Fn() -> usize, workers: usize) {
        loop {
            let changed = self.changed.notified();
            {
                let table = self.table.lock().unwrap();
                let mut waiting: Vec<usize> = table.waiting.iter().map(|(worker, _)| *worker).collect();
                waiting.sort_unstable();
                waiting.dedup();
                if table.under_way == 0 && waiting.len() + finished() >= workers {
                    return;
                }
            }
            changed.await;
        }
    }

    fn go(&self, worker: usize, go: oneshot::Sender<Fate>) {
        let mut table = self.table.lock().unwrap();
        let dead = table.dead[worker];
        let fate = match &mut table.ends[worker] {
            _ if dead => Fate::Before,
            Some((0, fate)) => *fate,
            Some((left, _)) => {
                *left -= 1;
                Fate::Passes
            }
            None => Fate::Passes,
        };
        if fate != Fate::Passes {
            table.dead[worker] = true;
        }
        if fate != Fate::Before {
            table.under_way += 1;
        }
        // Its connection may be gone.
        if go.send(fate).is_err() && fate != Fate::Before {
            table.under_way -= 1;
        }
        self.changed.notify_waiters();
    }

    /// Somebody has finished.
    pub fn notice(&self) {
        self.changed.notify_waiters();
    }
}

impl Watcher for Seat {
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a> {
        Box::pin(async move {
            // Said at every return of a connection, and changes nothing.
            if statement.text == "begin; rollback" {
                return if self.turns.has_died(self.worker) { Fate::Before } else { Fate::Passes };
            }
            let (go, gone) = oneshot::channel();
            self.turns.table.lock().unwrap().waiting.push((self.worker, go));
            self.turns.changed.notify_waiters();
            gone.await.unwrap_or(Fate::Before)
        })
    }

    fn answered(&self, statement: &Statement, _: Fate) {
        if statement.text != "begin; rollback" {
            self.turns.table.lock().unwrap().under_way -= 1;
            self.turns.changed.notify_waiters();
        }
    }
}
