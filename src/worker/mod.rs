//! The daemon's work: each worker looks at the database, does what is due and
//! says how much it did. None of them takes a message about what changed.
//!
//! The cast: `publisher` turns files into published revisions, `scheduler`
//! opens the runs of due slots, `enroller` carries a run out over its
//! `candidates`, says of a held one what is its `difference` and has the `releaser` let approved ones go, `advancer` moves waiting
//! enrollments on by what is in `sight`, `hindsight` sees goals that come true after the end, `closer` closes tasks whose problem is gone, `handover` gives those of who is away to their cover, `referrer`
//! admits subjects that a step or a person named, `escalator` tells managers
//! of what is overdue, `digester` gathers what a colleague should hear,
//! `deliverer` sends what the outbox holds: `heartbeat` keeps its claims,
//! `gate` (with `quiet` hours), `notices`, `posting` and `attention` let through, `domains` have
//! room, in `turns` and at its `pace`, `attempt` carries out and `settlement` says what came of it;
//! `again` sends once more what nobody knows the fate of where that is wanted, `collector` takes what came
//! back, `tripwire` stops playbooks whose mail is not wanted or does not arrive,
//! `foresight` says what would become of mail that is not written yet,
//! `mover` takes those who wait to another revision when a person says so,
//! `janitor` settles claims of daemons that went away, `epoch` notices a
//! database that was set back, `clocks` a clock that is wrong. Runs of one slot share a
//! walk over the accounts: `together`. [`supervise`] turns
//! them into a daemon; [`pass`] does one round of all.
//!
//! The clock is read in `supervise` only; a worker gets `now`.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Instant;
use crate::config::Config;
use crate::delivery::Channel;
use crate::delivery::http::Http;
use crate::playbook::Mode;
use crate::playbook::calendar::Calendar;
use crate::store::Store;
use crate::store::messages::insert::Word;
use crate::store::runs::playbooks::Published;
use crate::store::upkeep::stopped::Halted;
use crate::store::{FailureKind, failure_kind};

pub mod enrollments;
pub mod messages;
pub mod revision_cache;
pub mod runs;
pub mod supervise;
pub mod tasks;
pub mod upkeep;

pub use messages::batch_size::Pace;
pub use messages::domain_limits::Domains;
pub use revision_cache::Compiled;

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
    /// How fast messages go.
    pub pace: Pace,
    /// Which domains take them.
    pub domains: Domains,
    /// Where links in mail lead, without a slash at the end.
    pub public_url: String,
}

/// A worker's fault; what was being done stays due.
pub type Result<T> = anyhow::Result<T>;

impl Shared {
    /// What must not act now; `None` when everything is stopped.
    pub async fn halted(&self) -> Result<Option<Halted>> {
        self.halted_among(&self.store.published().await?).await
    }

    /// The same, where what is published was read just now.
    pub(crate) async fn halted_among(&self, published: &[Published]) -> Result<Option<Halted>> {
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
    pub async fn is_paused(&self, published: &Published) -> Result<bool> {
        let current = self.loaded(&published.id, &published.revision).await?;
        Ok(current.is_ok_and(|current| current.ready.playbook.mode == Mode::Paused))
    }

    /// A compiled revision; see [`Compiled::get`].
    pub async fn loaded(
        &self,
        playbook: &str,
        revision: &str,
    ) -> Result<std::result::Result<Arc<revision_cache::Loaded>, String>> {
        self.compiled.get(&self.store, &self.config, playbook, revision).await
    }
}

/// Pieces of work that have nothing to do with each other, done one after the
/// other: trouble with one keeps nothing of the next.
#[derive(Default)]
pub(crate) struct Round {
    handled: usize,
    fault: Option<anyhow::Error>,
}

impl Round {
    /// Takes what came of a piece. An error only when the database is away:
    /// then there is no next.
    pub fn took(&mut self, done: Result<usize>) -> Result<()> {
        match done {
            Ok(handled) => self.handled += handled,
            Err(error) if failure_kind(&error) == FailureKind::Database => return Err(error),
            Err(error) => {
                if let Some(first) = self.fault.replace(error) {
                    tracing::error!("failed: {first:#}");
                }
            }
        }
        Ok(())
    }

    /// How much was done, or what went wrong.
    pub fn end(self) -> Result<usize> {
        self.fault.map_or(Ok(self.handled), Err)
    }
}

/// Returns when the process is asked to stop; never, when nobody can ask.
pub(crate) async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A decision about one subject; `None` when it panicked, which is a fault of
/// ours, is logged by the panic itself, and must not stop the subjects beside it.
pub(crate) fn unless_panicking<T>(decide: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decide)).ok()
}

/// A word to the owners of a playbook, the same one for the same `occasion`;
/// `None` where nobody is named.
pub(crate) fn word<'a>(
    shared: &'a Shared,
    loaded: &'a revision_cache::Loaded,
    occasion: &[&str],
    subject: &'a str,
    text: &'a str,
) -> Option<Word<'a>> {
    let playbook = &loaded.ready.playbook;
    let to = playbook.alerts_to.as_ref().or(shared.config.alerts_to.as_ref())?;
    Some(Word::alert(crate::ids::notice(occasion), &playbook.id, to, subject, text))
}

/// Tells the owners of a playbook, once for the same `occasion`; nobody hears
/// where nobody is named.
pub(crate) async fn alert(
    shared: &Shared,
    loaded: &revision_cache::Loaded,
    occasion: &[&str],
    subject: &str,
    text: &str,
    now: Instant,
) -> Result<()> {
    if let Some(word) = word(shared, loaded, occasion, subject, text) {
        shared.store.notice(&word, now).await?;
    }
    Ok(())
}

/// Tells the owners that a step fails, once for each step of a revision.
pub(crate) async fn step_failed(
    shared: &Shared,
    loaded: &revision_cache::Loaded,
    step: &str,
    account: &str,
    reason: &str,
    now: Instant,
) -> Result<()> {
    let (id, revision) = (&loaded.ready.playbook.id, &loaded.ready.revision);
    let text = format!(
        "The step {step} of the playbook {id} failed for the account {account}: {reason}.\n\n\
         Others may follow; this is said once. To see them all: keepwell messages --playbook {id} --state failed"
    );
    alert(shared, loaded, &["failed", id, revision, step], &format!("Failed: {id}"), &text, now).await
}

/// One round of everything that is due at `now`; returns how much was done.
pub async fn pass(shared: &Arc<Shared>, now: Instant) -> Result<usize> {
    let (_never, stop) = watch::channel(false);
    pass_until(shared, now, &stop).await
}

/// The same. Asked to stop, it begins nothing further.
pub async fn pass_until(shared: &Arc<Shared>, now: Instant, stop: &watch::Receiver<bool>) -> Result<usize> {
    // What came back goes before any mail, which it may suppress or stop.
    let mut round = Round::default();
    round.took(messages::bounce_collector::tick(shared, now).await)?;
    round.took(upkeep::janitor::tick(shared, now).await)?;
    // Before the runs: a task whose problem is gone is closed, so that a new
    // enrollment makes a new one instead of refreshing it.
    round.took(tasks::closer::tick(shared, now).await)?;
    round.took(runs::scheduler::tick(shared, now).await)?;
    round.took(runs::run::tick(shared, now).await)?;
    round.took(enrollments::advancer::tick(shared, now).await)?;
    round.took(enrollments::late_goals::tick(shared, now).await)?;
    round.took(enrollments::enroll_requests::tick(shared, now).await)?;
    round.took(tasks::handover::tick(shared, now).await)?;
    round.took(tasks::escalator::tick(shared, now).await)?;
    round.took(messages::digester::tick(shared, now).await)?;
    round.took(messages::auto_stop::tick(shared, now).await)?;
    round.took(messages::resend::tick(shared, now, stop).await)?;
    round.took(messages::deliverer::tick_until(shared, now, stop).await)?;
    round.end()
}
