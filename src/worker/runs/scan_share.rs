//! Where a run's candidates come from: a scan of its own, or its share of a scan
//! that several runs make together.

use tokio::sync::mpsc;

use crate::facts::Facts;
use crate::store::customers::facts::Scan;

/// Where a run's accounts come from.
pub(crate) enum Walk<'a> {
    Own(Scan<'a>),
    Shared(Share),
}

/// A run's share of a walk.
pub(crate) struct Share {
    chunks: mpsc::Receiver<Result<Vec<Facts>, String>>,
}

impl Share {
    /// What comes through a channel: chunks, or why there are no more.
    pub(crate) fn new(chunks: mpsc::Receiver<Result<Vec<Facts>, String>>) -> Share {
        Share { chunks }
    }
}

impl Walk<'_> {
    /// The next accounts; empty when there are no more.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Vec<Facts>> {
        match self {
            Walk::Own(scan) => Ok(scan.next().await?),
            Walk::Shared(share) => match share.chunks.recv().await {
                Some(Ok(chunk)) => Ok(chunk),
                Some(Err(error)) => anyhow::bail!("the shared walk failed: {error}"),
                None => Ok(Vec::new()),
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
