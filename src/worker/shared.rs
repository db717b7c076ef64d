//! What all workers of a process share, and the request that they stop.

use std::sync::Arc;

use tokio::sync::watch;

use super::documents::loaded::DocumentSlot;
use super::messages::batch_size::Pace;
use super::messages::domain_limits::Domains;
use super::messages::under_way::UnderWay;
use super::revision_cache::{Compiled, Loaded};
use super::runs::run_capacity::RunCapacity;
use crate::config::Config;
use crate::delivery::http::{Http, HttpTimers};
use crate::delivery::{Channel, RelayError};
use crate::playbook::Mode;
use crate::playbook::calendar::Calendar;
use crate::store::Store;
use crate::store::runs::playbooks::Published;
use crate::store::upkeep::stopped::Halted;

/// Looks up an environment variable; `None` when it is not set.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What all workers of a process share.
pub struct Shared {
    pub store: Store,
    pub config: Config,
    pub calendar: Calendar,
    pub channel: Channel,
    /// Sends webhooks and Slack notices.
    pub http: Http,
    /// Where the URLs and secrets of webhooks come from.
    pub variables: Variables,
    pub compiled: Compiled,
    /// How many runs go side by side.
    pub runs: RunCapacity,
    /// How fast messages go.
    pub pace: Pace,
    /// Which domains take them.
    pub domains: Domains,
    /// The messages whose body may be on its way.
    pub under_way: UnderWay,
    /// Where links in mail lead, without a slash at the end.
    pub public_url: String,
    /// Who runs this process, for the record of what it publishes.
    pub operator: String,
}

impl Shared {
    /// For what only looks: nothing leaves, and nothing is published.
    pub fn for_pages(store: Store, config: Config) -> Result<Shared, RelayError> {
        Ok(Shared {
            runs: RunCapacity::new(&store),
            store,
            calendar: Calendar { holidays: config.holidays.clone() },
            channel: Channel::Captured,
            http: Http::new(HttpTimers::default(), &[])?,
            variables: Arc::new(|_: &str| None),
            compiled: Compiled::default(),
            pace: Pace::default(),
            domains: Domains::default(),
            under_way: UnderWay::default(),
            public_url: config.customers_url(),
            operator: String::new(),
            config,
        })
    }

    /// What must not act now; `None` when everything is stopped.
    pub async fn halted(&self) -> anyhow::Result<Option<Halted>> {
        self.halted_among(&self.store.published().await?).await
    }

    /// The same, where what is published was read just now.
    pub(crate) async fn halted_among(&self, published: &[Published]) -> anyhow::Result<Option<Halted>> {
        let stopped = self.store.stopped().await?;
        if stopped.all() {
            return Ok(None);
        }
        let mut halted = stopped.halted();
        for known in published {
            if !known.present || self.is_paused(known).await? {
                halted.playbooks.push(known.id.clone());
            }
        }
        Ok(Some(halted))
    }

    /// Whether the current revision says `mode: paused`.
    pub async fn is_paused(&self, published: &Published) -> anyhow::Result<bool> {
        let current = self.loaded(&published.id, &published.revision).await?;
        Ok(current.is_ok_and(|current| current.ready.playbook.mode == Mode::Paused))
    }

    /// A compiled revision of a document; see [`Compiled::document`].
    pub async fn document(&self, document: &str, revision: &str) -> anyhow::Result<DocumentSlot> {
        self.compiled.document(&self.store, &self.config, document, revision).await
    }

    /// A compiled revision; see [`Compiled::get`].
    pub async fn loaded(&self, playbook: &str, revision: &str) -> anyhow::Result<Result<Arc<Loaded>, String>> {
        self.compiled.get(&self.store, &self.config, playbook, revision).await
    }
}

/// Waits until the process is asked to stop; for ever when nobody can ask.
pub(crate) async fn stop_requested(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
