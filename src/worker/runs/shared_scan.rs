//! Runs of one slot share one walk over the accounts, and one over the contacts.
//!
//! The walk is dealt out: each run gets the accounts that its own prefilter
//! keeps, with the facts it asks for, and is carried out as if it walked alone,
//! with its own row, lease, verdict and counts. Runs end one after the other,
//! in their order; nobody waits for one whose rules have worked for long: it
//! walks alone over what is left, and ends when it ends. A run that is taken
//! over later walks alone, too.

use std::sync::Arc;

use tokio::task::{JoinError, JoinHandle};

use super::evaluation_budget::EvaluationBudget;
use super::keep_runs::{keep_runs, renew};
use super::run;
use super::run_capacity::PlaybookClaim;
use super::scan_share::{PATIENCE, Share, ShareSender, share};
use crate::clock::Instant;
use crate::facts::{Facts, Subject};
use crate::postgres::describe_error;
use crate::store::customers::facts::{self, FactQuery};
use crate::store::runs::Run;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// How many accounts wait for all runs of a walk at most, twice.
const WAITING: usize = 5_000;
/// How many a run gets at once.
const FEWEST: usize = 50;
const MOST: usize = 1_000;

/// A run that was opened, and keeps its playbook from another one meanwhile.
pub(crate) struct OpenedRun {
    pub run: Run,
    pub claim: Option<PlaybookClaim>,
}

/// A run, and how it ended.
pub(crate) type EndedRun = (Run, anyhow::Result<()>);

/// Carries out runs of one slot that this process holds; gives how each ended.
pub(crate) async fn carry_out(shared: &Arc<Shared>, runs: Vec<OpenedRun>, now: Instant) -> Vec<EndedRun> {
    let (mut accounts, mut contacts, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for opened in runs {
        match shared.loaded(&opened.run.playbook, &opened.run.revision).await {
            // Those whom an event has called, and portfolios, are looked up by name.
            Ok(Ok(loaded)) if opened.run.events_from.is_some() || loaded.ready.portfolio.is_some() => {
                alone.push(opened)
            }
            Ok(Ok(loaded)) if loaded.entry.layout().subject() == Subject::Account => accounts.push((opened, loaded)),
            Ok(Ok(loaded)) => contacts.push((opened, loaded)),
            _ => alone.push(opened),
        }
    }
    let mut turns = Turns { shared, ended: Vec::new(), late: Vec::new() };
    for mut usable in [accounts, contacts] {
        if usable.len() > 1 {
            let queries: Vec<&FactQuery> = usable.iter().map(|(_, loaded)| &loaded.entry).collect();
            let walk = FactQuery::shared_walk(&queries, shared.store.relations());
            let held: Vec<Run> = usable.iter().map(|(opened, _)| opened.run.clone()).collect();
            let slot = usable[0].0.run.slot;
            let permit = keep_runs(shared, &held, shared.runs.walk()).await;
            let started = match &walk {
                Ok(walk) => walk.start(shared.store.customers_pool(), slot, None).await.map_err(anyhow::Error::from),
                Err(unknown) => Err(anyhow::anyhow!("{unknown}")),
            };
            match started {
                Ok(scan) => {
                    let dealt = deal_out(shared, std::mem::take(&mut usable), scan, now).await;
                    drop(permit);
                    turns.end(dealt).await;
                }
                Err(error) => tracing::warn!(%slot, "no shared walk: {}", describe_error(error.as_ref())),
            }
        }
        alone.extend(usable.into_iter().map(|(opened, _)| opened));
    }
    let mut rest = alone.into_iter();
    while let Some(opened) = rest.next() {
        let one = RunTask::start(shared, opened, None, now);
        let waiting: Vec<Run> = rest.as_slice().iter().map(|opened| opened.run.clone()).collect();
        turns.wait(one, &waiting).await;
    }
    turns.finish().await
}

/// One run under way.
struct RunTask {
    run: Run,
    budget: Arc<EvaluationBudget>,
    /// `None` when it takes no more.
    sender: Option<ShareSender>,
    /// Kept for it and not handed over yet.
    waiting: Vec<Facts>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RunTask {
    /// Begins a run, on its share of a walk if there is one.
    fn start(shared: &Arc<Shared>, opened: OpenedRun, dealt: Option<(ShareSender, Share)>, now: Instant) -> RunTask {
        let OpenedRun { run, claim } = opened;
        let (sender, share) = dealt.unzip();
        let budget = EvaluationBudget::of(shared.config.limits.run);
        let (shared, own, spent) = (shared.clone(), run.clone(), budget.clone());
        let task = tokio::spawn(async move {
            let _claim = claim;
            run::carry_out_on(&shared, &own, &spent, share, now).await
        });
        RunTask { run, budget, sender, waiting: Vec::new(), task }
    }

    /// Hands over what waits. A run that is lost, failed or slow takes no more.
    async fn hand_over(&mut self) {
        let chunk = std::mem::take(&mut self.waiting);
        if let Some(sender) = &self.sender
            && !chunk.is_empty()
            && !sender.hand_over(Ok(chunk), &self.budget).await
        {
            self.sender = None;
        }
    }
}

/// Deals a walk out to all its runs; gives them with what is still kept for
/// each, and with why the walk ended early.
async fn deal_out(
    shared: &Arc<Shared>,
    runs: Vec<(OpenedRun, Arc<Loaded>)>,
    mut scan: facts::Scan<'_>,
    now: Instant,
) -> (Vec<RunTask>, Option<String>) {
    let enough = (WAITING / runs.len()).clamp(FEWEST, MOST);
    let mut dealt: Vec<RunTask> =
        runs.into_iter().map(|(opened, _)| RunTask::start(shared, opened, Some(share()), now)).collect();
    let failed = loop {
        match scan.next_of_each().await {
            Ok(chunks) if chunks.is_empty() => break None,
            Ok(chunks) => {
                for (one, chunk) in dealt.iter_mut().zip(chunks) {
                    if one.sender.is_none() {
                        continue;
                    }
                    one.waiting.extend(chunk);
                    if one.waiting.len() >= enough {
                        one.hand_over().await;
                    }
                }
            }
            Err(error) => break Some(describe_error(&error)),
        }
        if dealt.iter().all(|one| one.sender.is_none()) {
            break None;
        }
        renew(shared, &runs_of(&dealt)).await;
    };
    if let Err(error) = scan.close().await {
        tracing::warn!("closing the shared walk: {}", describe_error(&error));
    }
    (dealt, failed)
}

/// The runs among these that wait for their accounts or their turn.
fn runs_of(waiting: &[RunTask]) -> Vec<Run> {
    waiting.iter().map(|one| one.run.clone()).collect()
}

/// Runs that end in their order, but for those that are late.
struct Turns<'a> {
    shared: &'a Arc<Shared>,
    ended: Vec<EndedRun>,
    late: Vec<RunTask>,
}

impl Turns<'_> {
    /// Lets the runs of a walk end, one after the other.
    async fn end(&mut self, (dealt, failed): (Vec<RunTask>, Option<String>)) {
        let mut rest = dealt.into_iter();
        while let Some(mut one) = rest.next() {
            one.hand_over().await;
            if let (Some(sender), Some(error)) = (&one.sender, &failed) {
                // Gone already is as good as said.
                sender.hand_over(Err(error.clone()), &one.budget).await;
            }
            // The end of its accounts: now it commits.
            drop(one.sender.take());
            self.wait(one, &runs_of(rest.as_slice())).await;
        }
    }

    /// Waits for a run, unless it is slow; those that wait behind it stay ours.
    async fn wait(&mut self, mut one: RunTask, waiting: &[Run]) {
        loop {
            match tokio::time::timeout(PATIENCE, &mut one.task).await {
                Ok(done) => return self.ended.push((one.run, result(done))),
                Err(_) if one.budget.is_slow() => return self.late.push(one),
                Err(_) => renew(self.shared, waiting).await,
            }
        }
    }

    /// Waits for those that are late; they keep themselves ours.
    async fn finish(mut self) -> Vec<EndedRun> {
        for one in self.late {
            self.ended.push((one.run, result(one.task.await)));
        }
        self.ended
    }
}

/// How a run ended.
fn result(done: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    done.unwrap_or_else(|fault| Err(anyhow::anyhow!("the run broke off: {fault}")))
}
