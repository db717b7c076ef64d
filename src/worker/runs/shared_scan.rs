//! Runs of one slot share one walk over the accounts, and one over the contacts.
//!
//! The walk is dealt out: each run gets the accounts that its own prefilter
//! keeps, with the facts it asks for, and is carried out as if it walked alone,
//! with its own row, lease, verdict and counts. Runs end one after the other,
//! in their order. A run that is taken over later walks alone.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::run;
use super::scan_share::Share;
use crate::clock::Instant;
use crate::facts::{Facts, Subject};
use crate::store::LEASE;
use crate::store::customers::facts::{self, FactQuery};
use crate::store::runs::Run;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// How many accounts wait for all runs of a walk at most, twice.
const WAITING: usize = 5_000;
/// How many a run gets at once.
const FEWEST: usize = 50;
const MOST: usize = 1_000;

/// Carries out runs of one slot that this process holds; gives how each ended.
pub async fn carry_out(shared: &Arc<Shared>, runs: Vec<Run>, now: Instant) -> Vec<(Run, anyhow::Result<()>)> {
    let (mut usable, mut alone) = (Vec::new(), Vec::new());
    for run in runs {
        match shared.loaded(&run.playbook, &run.revision).await {
            Ok(Ok(loaded)) => usable.push((run, loaded)),
            _ => alone.push(run),
        }
    }
    let mut ended = Vec::new();
    let (accounts, contacts): (Vec<_>, Vec<_>) =
        usable.into_iter().partition(|(_, loaded)| loaded.entry.layout().subject() == Subject::Account);
    for mut usable in [accounts, contacts] {
        if usable.len() < 2 {
            alone.extend(usable.into_iter().map(|(run, _)| run));
            continue;
        }
        let queries: Vec<&FactQuery> = usable.iter().map(|(_, loaded)| &loaded.entry).collect();
        let walk = FactQuery::shared_walk(&queries, shared.store.relations());
        let slot = usable[0].0.slot;
        let started = match &walk {
            Ok(walk) => walk.start(shared.store.pool(), slot, None).await.map_err(anyhow::Error::from),
            Err(unknown) => Err(anyhow::anyhow!("{unknown}")),
        };
        match started {
            Ok(scan) => ended.extend(share_out(shared, std::mem::take(&mut usable), scan, now).await),
            Err(error) => tracing::warn!(%slot, "no shared walk: {error:#}"),
        }
        alone.extend(usable.into_iter().map(|(run, _)| run));
    }
    for run in alone {
        let result = run::carry_out(shared, &run, now).await;
        ended.push((run, result));
    }
    ended
}

/// One run under way.
struct Dealt {
    run: Run,
    /// `None` when it takes no more.
    sender: Option<mpsc::Sender<Result<Vec<Facts>, String>>>,
    /// Kept for it and not handed over yet.
    waiting: Vec<Facts>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Dealt {
    fn start(shared: &Arc<Shared>, run: Run, now: Instant) -> Dealt {
        let (sender, chunks) = mpsc::channel(1);
        let (shared, own) = (shared.clone(), run.clone());
        let task = tokio::spawn(async move { run::carry_out_on(&shared, &own, Some(Share::new(chunks)), now).await });
        Dealt { run, sender: Some(sender), waiting: Vec::new(), task }
    }

    /// Hands over what waits. A run that is lost or failed takes no more.
    async fn hand_over(&mut self) {
        let chunk = std::mem::take(&mut self.waiting);
        if let Some(sender) = &self.sender
            && !chunk.is_empty()
            && sender.send(Ok(chunk)).await.is_err()
        {
            self.sender = None;
        }
    }
}

async fn share_out(
    shared: &Arc<Shared>,
    runs: Vec<(Run, Arc<Loaded>)>,
    mut scan: facts::Scan<'_>,
    now: Instant,
) -> Vec<(Run, anyhow::Result<()>)> {
    let enough = (WAITING / runs.len()).clamp(FEWEST, MOST);
    let mut dealt: Vec<Dealt> = runs.into_iter().map(|(run, _)| Dealt::start(shared, run, now)).collect();
    let failed = loop {
        match scan.next_of_each().await {
            Ok(chunks) if chunks.is_empty() => break None,
            Ok(chunks) => {
                for (one, chunk) in dealt.iter_mut().zip(chunks) {
                    one.waiting.extend(chunk);
                    if one.waiting.len() >= enough {
                        one.hand_over().await;
                    }
                }
            }
            Err(error) => break Some(error.to_string()),
        }
        if dealt.iter().all(|one| one.sender.is_none()) {
            break None;
        }
        renew_runs(shared, &dealt).await;
    };
    if let Err(error) = scan.close().await {
        tracing::warn!("closing the shared walk: {error:#}");
    }
    let mut ended = Vec::new();
    let mut rest = dealt.into_iter();
    while let Some(mut one) = rest.next() {
        one.hand_over().await;
        if let (Some(sender), Some(error)) = (&one.sender, &failed) {
            // Gone already is as good as told.
            let _ = sender.send(Err(error.clone())).await;
        }
        // The end of its accounts: now it commits.
        drop(one.sender.take());
        loop {
            match tokio::time::timeout(LEASE.to_std().unwrap_or_default() / 3, &mut one.task).await {
                Ok(done) => {
                    let result = done.unwrap_or_else(|fault| Err(anyhow::anyhow!("the run broke off: {fault}")));
                    ended.push((one.run, result));
                    break;
                }
                Err(_) => renew_runs(shared, rest.as_slice()).await,
            }
        }
    }
    ended
}

/// Keeps the runs that wait for their accounts or their turn ours.
async fn renew_runs(shared: &Shared, waiting: &[Dealt]) {
    let runs: Vec<Run> = waiting.iter().map(|one| one.run.clone()).collect();
    if let Err(error) = shared.store.renew_runs(&runs).await {
        tracing::warn!("keeping runs: {error:#}");
    }
}
