//! Where a run's candidates come from: a scan of its own, or its share of a scan
//! that several runs make together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use super::evaluation_budget::EvaluationBudget;
use crate::facts::Facts;
use crate::store::customers::facts::Scan;

/// How long others wait for a run before they ask whether it is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Where a run's accounts come from.
pub(crate) enum Walk<'a> {
    Own(Scan<'a>),
    Shared(Share),
}

/// What a walk gives next.
pub(crate) enum NextAccounts {
    Accounts(Vec<Facts>),
    /// There are no more.
    End,
    /// The others went on without it: the rest it has to walk over alone.
    Left,
}

/// A run's share of a walk.
pub(crate) struct Share {
    chunks: mpsc::Receiver<Result<Vec<Facts>, String>>,
    company: Arc<Company>,
}

/// Who deals it out.
pub(super) struct ShareSender {
    chunks: mpsc::Sender<Result<Vec<Facts>, String>>,
    company: Arc<Company>,
}

/// Whether the others may go on without a run: decided once, by whoever is first.
struct Company(AtomicU8);

const OPEN: u8 = 0;
const LEFT: u8 = 1;
const STAYS: u8 = 2;

impl Company {
    /// Whether it is decided like this now.
    fn decide(&self, how: u8) -> bool {
        self.0.compare_exchange(OPEN, how, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A share, and who deals it out.
pub(super) fn share() -> (ShareSender, Share) {
    let (sender, chunks) = mpsc::channel(1);
    let company = Arc::new(Company(AtomicU8::new(OPEN)));
    (ShareSender { chunks: sender, company: company.clone() }, Share { chunks, company })
}

impl Share {
    /// From now on the run is never left behind; `false` when it was already.
    pub fn stay(&self) -> bool {
        self.company.decide(STAYS)
    }
}

impl ShareSender {
    /// Hands accounts over, or why there are no more; `false` when it takes
    /// nothing: it is gone, or it is slow and was left behind.
    pub async fn hand_over(&self, mut chunk: Result<Vec<Facts>, String>, budget: &EvaluationBudget) -> bool {
        loop {
            match self.chunks.send_timeout(chunk, PATIENCE).await {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(_)) if budget.is_slow() && self.company.decide(LEFT) => return false,
                Err(SendTimeoutError::Timeout(back)) => chunk = back,
                Err(SendTimeoutError::Closed(_)) => return false,
            }
        }
    }
}

impl Walk<'_> {
    /// The next accounts.
    pub(crate) async fn next(&mut self) -> anyhow::Result<NextAccounts> {
        match self {
            Walk::Own(scan) => {
                let accounts = scan.next().await?;
                Ok(if accounts.is_empty() { NextAccounts::End } else { NextAccounts::Accounts(accounts) })
            }
            Walk::Shared(share) => match share.chunks.recv().await {
                Some(Ok(chunk)) => Ok(NextAccounts::Accounts(chunk)),
                Some(Err(error)) => anyhow::bail!("the shared walk failed: {error}"),
                None if share.company.0.load(Ordering::Acquire) == LEFT => Ok(NextAccounts::Left),
                None => Ok(NextAccounts::End),
            },
        }
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self {
            Walk::Own(scan) => Ok(scan.close().await?),
            Walk::Shared(_) => Ok(()),
        }
    }
}
