//! The outbox to the wire: claim, gate, render, send, settle.
//!
//! The gate looks once more, right before a mail leaves. What it saw is at most
//! [`GATE_HOLDS`] old when the body begins, else the message goes back into
//! the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::advancer::current;
use super::gate::{Prepared, notice, prepare};
use super::settlement::settle;
use super::tripwire::Troubles;
use super::{Shared, attention, posting};
use crate::clock::{Deadline, Instant, Stopwatch};
use crate::delivery::post::Post;
use crate::delivery::{Composed, Mark, Outcome};
use crate::enrollment::next_quarter;
use crate::playbook::Mode;
use crate::store::copies::Copy;
use crate::store::departures::Departure;
use crate::store::marks::Marked;
use crate::store::outbox::Claimed;
use crate::store::outcomes::Settled;
use crate::store::{Trouble, is_refusal, trouble};

/// How old a gate's verdict may be when the body begins.
const GATE_HOLDS: Duration = Duration::from_secs(50);

/// How often claims are renewed while a batch is under way.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Messages claimed at once; few enough for the slowest relay to begin them
/// all before the gate's verdict is too old.
const BATCH: i64 = 64;

/// For each connection: while one message is on it, another gets ready and a
/// third is written down.
const AT_ONCE: usize = 3;

/// How long a stop waits for bodies that are on their way. A server may take
/// ten minutes for its answer; what it says after this is not heard.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Sends what is due.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let (_never, stop) = watch::channel(false);
    tick_until(shared, now, &stop).await
}

/// The same. Asked to stop, it begins no further body, waits for those under
/// way and gives the other claims back.
pub async fn tick_until(shared: &Arc<Shared>, now: Instant, stop: &watch::Receiver<bool>) -> super::Result<usize> {
    if *stop.borrow() {
        return Ok(0);
    }
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    if !shared.store.has_due_messages(now, &halted).await? {
        return Ok(0);
    }
    let under_way = attention::under_way(shared, &halted.playbooks, now).await?;
    let claimed = shared.store.claim_messages(now, &halted, &under_way, BATCH).await?;
    if claimed.is_empty() {
        return Ok(0);
    }
    let handled = claimed.len();
    let token = claimed.first().and_then(|message| message.token);
    let heartbeat = Heartbeat::start(shared, token);
    let gate = Deadline::after(GATE_HOLDS);
    let result = deliver_batch(shared, claimed, &halted.playbooks, gate, now, stop).await;
    heartbeat.stop().await;
    // Also after an error nobody waits until the lease is over.
    if let (true, Some(token)) = (*stop.borrow() || result.is_err(), token) {
        let released = shared.store.release_claims(token, now).await;
        tracing::info!(?released, "gave claims back");
        result?;
        released?;
    }
    Ok(handled)
}

/// Counts the messages whose body may be on its way.
#[derive(Clone, Default)]
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(&self) -> Body {
        self.0.fetch_add(1, Ordering::SeqCst);
        Body(self.clone())
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// One of them, from before its marker until its outcome is written.
struct Body(UnderWay);

impl Drop for Body {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Renews the claims of a batch until it is stopped. The database call itself
/// is never cancelled.
struct Heartbeat {
    stop: tokio::sync::oneshot::Sender<()>,
    beating: tokio::task::JoinHandle<()>,
}

impl Heartbeat {
    fn start(shared: &Arc<Shared>, token: Option<uuid::Uuid>) -> Heartbeat {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let shared = shared.clone();
        let beating = tokio::spawn(async move {
            let Some(token) = token else { return };
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(HEARTBEAT) => {}
                }
                if let Err(error) = shared.store.renew_claims(token).await {
                    tracing::warn!("claims could not be renewed: {error}");
                }
            }
        });
        Heartbeat { stop, beating }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.beating.await;
    }
}

async fn deliver_batch(
    shared: &Arc<Shared>,
    claimed: Vec<Claimed>,
    paused: &[String],
    gate: Deadline,
    now: Instant,
    stop: &watch::Receiver<bool>,
) -> super::Result<()> {
    let mut ready: Vec<(Claimed, Prepared)> = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<Claimed>> = BTreeMap::new();
    let shadows = shadows(shared, &claimed).await?;
    for mut message in claimed {
        message.shadow |= shadows.contains(&message.playbook);
        match (&message.revision, message.channel.as_str()) {
            (Some(revision), "email") => {
                groups.entry((message.playbook.clone(), revision.clone())).or_default().push(message);
            }
            (_, "webhook" | "slack") => {
                let prepared = or_later(shared, posting::prepare(shared, &message, now).await, now)?;
                ready.push((message, prepared));
            }
            _ => {
                let prepared = or_later(shared, notice(shared, &message, now).await, now)?;
                ready.push((message, prepared));
            }
        }
    }
    for ((playbook, revision), messages) in groups {
        match prepare(shared, &playbook, &revision, messages.clone(), now).await {
            Ok(prepared) => ready.extend(prepared),
            Err(error) => {
                let (next_at, reason) = later(shared, error, now)?;
                let later = |message| (message, Prepared::retry(next_at, reason.clone()));
                ready.extend(messages.into_iter().map(later));
            }
        }
    }
    attention::reserve(shared, &mut ready, paused, now).await?;
    let under_way = UnderWay::default();
    let troubles = Troubles::default();
    let mut ready = ready.into_iter();
    let mut sending = JoinSet::new();
    let mut fault = None;
    let mut stopping = stop.clone();
    loop {
        while sending.len() < AT_ONCE * shared.config.mail.connections.max(1) && !*stop.borrow() {
            let Some((message, prepared)) = ready.next() else { break };
            let attempt = Attempt {
                shared: shared.clone(),
                gate,
                now,
                stop: stop.clone(),
                under_way: under_way.clone(),
                troubles: troubles.clone(),
            };
            sending.spawn(async move { attempt.one(message, prepared).await });
        }
        tokio::select! {
            done = sending.join_next() => match done {
                Some(done) => fault = fault.or(finish(done)),
                None => break,
            },
            () = super::asked(&mut stopping) => {
                wind_down(&mut sending, &under_way).await;
                break;
            }
        }
    }
    troubles.look(shared, now).await?;
    fault.map_or(Ok(()), Err)
}

/// When to look again at what cannot be prepared, and why: whatever the reason,
/// it is in nobody's way. An error only when the database is away.
fn later(shared: &Shared, error: anyhow::Error, now: Instant) -> super::Result<(Instant, String)> {
    if trouble(&error) == Trouble::Database {
        return Err(error);
    }
    tracing::error!("a message cannot be prepared: {error:#}");
    Ok((next_quarter(now, shared.config.recheck), format!("{error:#}")))
}

fn or_later(shared: &Shared, prepared: super::Result<Prepared>, now: Instant) -> super::Result<Prepared> {
    prepared.or_else(|error| later(shared, error, now).map(|(next_at, reason)| Prepared::retry(next_at, reason)))
}

/// Playbooks that have turned to shadow since their messages were planned.
async fn shadows(shared: &Shared, claimed: &[Claimed]) -> super::Result<BTreeSet<String>> {
    let playbooks: BTreeSet<&String> = claimed.iter().map(|message| &message.playbook).collect();
    let mut shadows = BTreeSet::new();
    for playbook in playbooks {
        if let Some(loaded) = current(shared, playbook).await?
            && loaded.ready.playbook.mode == Mode::Shadow
        {
            shadows.insert(playbook.clone());
        }
    }
    Ok(shadows)
}

/// Waits for the bodies under way. Attempts that have not begun theirs are
/// left to themselves: no marker is given to them any more.
async fn wind_down(sending: &mut JoinSet<super::Result<()>>, under_way: &UnderWay) {
    let patience = Deadline::after(STOP_PATIENCE);
    while under_way.any() && !patience.has_passed() {
        tokio::select! {
            done = sending.join_next() => match done {
                Some(done) => {
                    let _ = finish(done);
                }
                None => break,
            },
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
    sending.detach_all();
}

/// What went wrong with one message. The others go on: each is a matter of
/// its own, and those under way must not be cut off.
fn finish(done: Result<super::Result<()>, tokio::task::JoinError>) -> Option<anyhow::Error> {
    match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::error!("sending a message failed: {error:#}");
            Some(error)
        }
        // A panic over one message leaves its claim to expire.
        Err(error) => {
            tracing::error!("sending a message failed: {error}");
            None
        }
    }
}

/// What is sent.
enum Parcel {
    Mail(Box<Composed>),
    Post(Box<Post>),
}

/// What the attempts of one batch share.
struct Attempt {
    shared: Arc<Shared>,
    gate: Deadline,
    now: Instant,
    stop: watch::Receiver<bool>,
    under_way: UnderWay,
    troubles: Troubles,
}

impl Attempt {
    async fn one(&self, message: Claimed, prepared: Prepared) -> super::Result<()> {
        let (store, now) = (&self.shared.store, self.now);
        let end = |state, reason| Settled::Ended { state, reason, outcome: None };
        let mut copy = None;
        let (parcel, rendered, to) = match prepared {
            Prepared::Ended { state, reason } => {
                store.settle(&message, &end(state, Some(&reason)), None, now, now).await?;
                self.count(&message, state == "failed");
                return Ok(());
            }
            Prepared::Later { next_at, reason, wait } => {
                let later = Settled::Deferred { next_at, reason: &reason, counts: false, wait };
                store.settle(&message, &later, None, now, now).await?;
                return Ok(());
            }
            Prepared::Shadow { rendered, to } => {
                let kept = store.keep_rendered(&message, &to, &rendered).await;
                if self.kept(&message, kept.map_err(Into::into)).await?.is_some() {
                    store.settle(&message, &end("shadow", None), None, now, now).await?;
                }
                return Ok(());
            }
            Prepared::Mail { composed, rendered, to, sends_again } => {
                copy = sends_again.then(|| Copy {
                    bytes: composed.bytes.clone(),
                    envelope_from: composed.envelope_from.clone(),
                    to_address: composed.to.clone(),
                });
                (Parcel::Mail(composed), rendered, to)
            }
            Prepared::Post { post, rendered, to } => (Parcel::Post(post), rendered, to),
        };
        let departure = Departure { message: message.clone(), to: to.clone(), rendered, now };
        match self.kept(&message, store.depart(departure).await.map_err(Into::into)).await? {
            Some(true) => {}
            Some(false) => {
                store.settle(&message, &end("skipped", Some("duplicate address")), None, now, now).await?;
                return Ok(());
            }
            None => return Ok(()),
        }
        if let Some(copy) = copy {
            store.keep_copy(&message, &copy).await?;
        }
        let watch = Stopwatch::start();
        let body = OnceLock::new();
        let mark = || async {
            // Counted before the stop is looked at, so that a stop either
            // is seen here or sees this body.
            body.get_or_init(|| self.under_way.begin());
            self.mark(&message, &to).await
        };
        let outcome = match parcel {
            Parcel::Mail(composed) => self.shared.channel.deliver(&composed, mark).await,
            Parcel::Post(post) => self.shared.http.deliver(&post, mark).await,
        };
        settle(&self.shared, &message, &outcome, now, now + watch.whole_seconds()).await?;
        self.count(&message, matches!(outcome, Outcome::Rejected { .. } | Outcome::Unknown { .. }));
        Ok(())
    }

    /// Counts what came of a customer's mail.
    fn count(&self, message: &Claimed, bad: bool) {
        if message.channel == "email" {
            self.troubles.count(&message.playbook, bad);
        }
    }

    async fn mark(&self, message: &Claimed, to: &str) -> Mark {
        if *self.stop.borrow() {
            return Mark::No("stopping".to_owned());
        }
        if self.gate.has_passed() {
            return Mark::No("looked at too long ago".to_owned());
        }
        match self.shared.store.mark(message, to, self.now).await {
            Ok(Marked::Go) => Mark::Go,
            Ok(Marked::No(reason)) => Mark::No(reason.to_owned()),
            Err(error) => {
                tracing::error!(message = %message.id, "the marker failed: {error}");
                Mark::Unclear
            }
        }
    }

    /// What came of keeping what is about to be sent. A text that the database
    /// refuses ends the message, which would come back for ever otherwise.
    async fn kept<T>(&self, message: &Claimed, kept: super::Result<T>) -> super::Result<Option<T>> {
        match kept {
            Ok(kept) => Ok(Some(kept)),
            Err(error) if error.downcast_ref().is_some_and(is_refusal) => {
                let reason = format!("its text cannot be kept: {error}");
                let failed = Settled::Ended { state: "failed", reason: Some(&reason), outcome: None };
                self.shared.store.settle(message, &failed, None, self.now, self.now).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
