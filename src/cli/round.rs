//! What a round of `keepwell run --once` did, in counts: what there is more of
//! after it than before.

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::store::Store;

/// What was there at a moment.
pub struct RoundCounts {
    begin: Instant,
    /// State and, of those that are held, how many wait: by playbook and slot.
    runs: BTreeMap<(String, Instant), (String, i64)>,
    entered: i64,
    tasks: i64,
    /// Messages to customers that have left, and those of anybody that never will.
    mails: i64,
    failed: i64,
}

impl RoundCounts {
    /// Counts, for a round whose runs begin at `begin` or later.
    pub async fn take(store: &Store, begin: Instant) -> anyhow::Result<RoundCounts> {
        let runs = store.runs_since(begin).await?.into_iter();
        let runs = runs.map(|(playbook, slot, state, held)| ((playbook, slot), (state, held.unwrap_or(0)))).collect();
        let (mut mails, mut failed) = (0, 0);
        for (_, channel, state, count) in store.message_counts().await? {
            let is = |states: &[State]| states.iter().any(|one| one.name() == state);
            if channel == Channel::OF_CUSTOMERS.name() && is(&[State::Accepted, State::Captured]) {
                mails += count;
            } else if is(&[State::Rejected, State::Failed, State::Unknown, State::Expired]) {
                failed += count;
            }
        }
        let (entered, tasks) = (store.enrollment_count().await?, store.task_counts().await?);
        let tasks = tasks.into_iter().map(|(_, _, count)| count).sum();
        Ok(RoundCounts { begin, runs, entered, tasks, mails, failed })
    }

    /// What was done since, in one line.
    pub async fn describe_since(&self, store: &Store) -> anyhow::Result<String> {
        let now = RoundCounts::take(store, self.begin).await?;
        let new: Vec<&(String, i64)> =
            now.runs.iter().filter(|(run, _)| !self.runs.contains_key(run)).map(|(_, run)| run).collect();
        let held: i64 = new.iter().map(|(_, held)| held).sum();
        let broken = new.iter().filter(|(state, _)| state == "failed").count();
        let more = |after: i64, before: i64| (after - before).max(0);
        Ok(format!(
            "runs {}, entered {}, held {held}, mails {}, tasks {}, failed {}",
            new.len(),
            more(now.entered, self.entered),
            more(now.mails, self.mails),
            more(now.tasks, self.tasks),
            more(now.failed, self.failed) + broken as i64
        ))
    }
}
