//! The outbox to the wire: claim, gate, render, send, settle.
//!
//! The gate looks once more, right before a mail leaves. What it saw is at most
//! [`GATE_HOLDS`] old when the body begins, else the message goes back into
//! the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::auto_stop::Troubles;
use super::heartbeat::Heartbeat;
use super::prepare_mail::{Prepared, prepare};
use super::prepare_notice::notice;
use super::send_queue::{Next, Queue};
use super::under_way::UnderWay;
use super::{posts, prepare_post, reserve};
use crate::clock::{Deadline, Instant, Stopwatch};
use crate::enrollment::next_quarter;
use crate::message::duplicate;
use crate::message::state::State;
use crate::playbook::Mode;
use crate::postgres::describe_error;
use crate::store::messages::address_guard::Departure;
use crate::store::messages::claimed::Claimed;
use crate::store::runs::playbooks::Published;
use crate::store::upkeep::stopped::Halted;
use crate::store::{FailureKind, failure_kind, is_refusal};
use crate::worker::enrollments::snapshot::current_among;
use crate::worker::owner_notice::{FailedStep, alert_lost_mail};
use crate::worker::shared::Shared;

/// How old a gate's verdict may be when the body begins.
pub(crate) const GATE_HOLDS: Duration = Duration::from_secs(50);

/// For each connection: while one message is on it, another gets ready and a
/// third is written down.
const AT_ONCE: usize = 3;

/// How often a lane looks whether what waits for others has become hopeless.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long a stop waits for bodies that are on their way. A server may take
/// ten minutes for its answer; what it says after this is not heard.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Sends what is due.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let (_never, stop) = watch::channel(false);
    tick_until(shared, now, &stop).await
}

/// The same. Asked to stop, it begins no further body, waits for those under
/// way and gives the other claims back.
pub async fn tick_until(shared: &Arc<Shared>, now: Instant, stop: &watch::Receiver<bool>) -> anyhow::Result<usize> {
    if *stop.borrow() {
        return Ok(0);
    }
    let published = shared.store.published().await?;
    let Some(halted) = shared.halted_among(&published).await? else { return Ok(0) };
    if !shared.store.has_due_messages(now, &halted).await? {
        return Ok(0);
    }
    let under_way = reserve::under_way(shared, &published, &halted.playbooks, now).await?;
    let watch = Stopwatch::start();
    let claimed = shared.store.claim_messages(now, &halted, &under_way, shared.pace.batch()).await?;
    let handled = claimed.len();
    let Some(token) = claimed.first().map(|message| message.token) else { return Ok(0) };
    let heartbeat = Heartbeat::start(shared, token);
    let gate = Deadline::after(GATE_HOLDS);
    let known = Known { published, halted };
    let result = deliver_batch(shared, claimed, &known, gate, now, stop).await;
    heartbeat.stop().await;
    shared.pace.learn(handled, watch.elapsed());
    // Also after an error nobody waits until the lease is over.
    if *stop.borrow() || result.is_err() {
        let released = shared.store.release_claims(token, now).await;
        tracing::info!(?released, "gave claims back");
        result?;
        released?;
    }
    Ok(handled)
}

/// How the playbooks stood when a batch was claimed.
struct Known {
    published: Vec<Published>,
    halted: Halted,
}

async fn deliver_batch(
    shared: &Arc<Shared>,
    claimed: Vec<Claimed>,
    known: &Known,
    gate: Deadline,
    now: Instant,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut ready: Vec<(Claimed, Prepared)> = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<Claimed>> = BTreeMap::new();
    let shadows = shadows(shared, &known.published, &claimed).await?;
    for mut message in claimed {
        message.shadow |= shadows.contains(&message.playbook);
        match &message.revision {
            Some(revision) if message.channel.reaches_customers() => {
                groups.entry((message.playbook.clone(), revision.clone())).or_default().push(message);
            }
            _ if posts::by(message.channel).is_some() => {
                let prepared = or_later(shared, prepare_post::prepare(shared, &message, now).await, now)?;
                ready.push((message, prepared));
            }
            _ => {
                let prepared = or_later(shared, notice(shared, &message, now).await, now)?;
                ready.push((message, prepared));
            }
        }
    }
    for ((playbook, revision), messages) in groups {
        match prepare(shared, &known.published, &playbook, &revision, messages.clone(), now).await {
            Ok(prepared) => ready.extend(prepared),
            Err(error) => {
                let (next_at, reason) = later(shared, error, now)?;
                let later = |message| (message, Prepared::retry(next_at, reason.clone()));
                ready.extend(messages.into_iter().map(later));
            }
        }
    }
    wait_for_domains(shared, &mut ready, now);
    reserve::reserve(shared, &mut ready, &known.halted, now).await?;
    depart(shared, &mut ready, now).await?;
    tell_lost_mail(shared, &ready, now).await?;
    let under_way = UnderWay::default();
    let troubles = Troubles::default();
    let connections = shared.config.mail.connections;
    let mut queue = Queue::new(ready.into_iter().map(|one| (domain(&one.1), one)));
    let mut sending = JoinSet::new();
    let mut fault = None;
    let mut stopping = stop.clone();
    loop {
        let changed = shared.domains.changed();
        while sending.len() < AT_ONCE * connections.max(1) && !*stop.borrow() {
            let next = queue.next(|domain| shared.domains.ask(domain, connections, now));
            let (message, prepared, pass) = match next {
                Some(Next::Now((message, prepared), pass)) => (message, prepared, pass),
                Some(Next::Later { item: (message, _), at, reason }) => (message, Prepared::retry(at, reason), None),
                None => break,
            };
            let attempt = Attempt {
                shared: shared.clone(),
                gate,
                now,
                stop: stop.clone(),
                under_way: under_way.clone(),
                troubles: troubles.clone(),
            };
            sending.spawn(async move { attempt.carry_out(message, prepared, pass).await });
        }
        if sending.is_empty() && !queue.waits() {
            break;
        }
        tokio::select! {
            done = sending.join_next(), if !sending.is_empty() => fault = fault.or(done.and_then(finish)),
            // Other lanes have sent something, or an attempt has become slow.
            () = changed, if queue.waits() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if queue.waits() => {}
            () = crate::worker::shared::stop_requested(&mut stopping) => {
                wind_down(&mut sending, &under_way).await;
                break;
            }
        }
        queue.reopen();
    }
    troubles.look(shared, now).await?;
    fault.map_or(Ok(()), Err)
}

/// When to look again at what cannot be prepared, and why: whatever the reason,
/// it is in nobody's way. An error only when the database is away.
fn later(shared: &Shared, error: anyhow::Error, now: Instant) -> anyhow::Result<(Instant, String)> {
    if failure_kind(&error) == FailureKind::Database {
        return Err(error);
    }
    tracing::error!("a message cannot be prepared: {}", describe_error(error.as_ref()));
    Ok((next_quarter(now, shared.config.recheck), describe_error(error.as_ref())))
}

fn or_later(shared: &Shared, prepared: anyhow::Result<Prepared>, now: Instant) -> anyhow::Result<Prepared> {
    prepared.or_else(|error| later(shared, error, now).map(|(next_at, reason)| Prepared::retry(next_at, reason)))
}

/// Playbooks that have turned to shadow since their messages were planned.
pub(crate) async fn shadows(
    shared: &Shared,
    published: &[Published],
    claimed: &[Claimed],
) -> anyhow::Result<BTreeSet<String>> {
    let playbooks: BTreeSet<&String> = claimed.iter().map(|message| &message.playbook).collect();
    let mut shadows = BTreeSet::new();
    for playbook in playbooks {
        if let Some(loaded) = current_among(shared, published, playbook).await?
            && loaded.ready.playbook.mode == Mode::Shadow
        {
            shadows.insert(playbook.clone());
        }
    }
    Ok(shadows)
}

/// Whom it would be sent to: the domain of an address, or a host; `None` when it
/// is not sent.
fn domain(prepared: &Prepared) -> Option<String> {
    match prepared {
        Prepared::Mail { composed, .. } => Some(composed.domain()),
        Prepared::Post { post, .. } => Some(post.target.host.to_lowercase()),
        Prepared::Shadow { .. } | Prepared::Ended { .. } | Prepared::Later { .. } => None,
    }
}

/// Puts back what goes to domains that take nothing now, before it uses up a
/// place in the budget.
fn wait_for_domains(shared: &Shared, ready: &mut [(Claimed, Prepared)], now: Instant) {
    for (_, prepared) in ready {
        if let Some(domain) = domain(prepared)
            && let Some((at, reason)) = shared.domains.closed(&domain, now)
        {
            *prepared = Prepared::retry(at, reason);
        }
    }
}

/// Keeps what is about to be sent, and reserves the addresses. A text that the
/// database refuses ends its message, which would come back for ever otherwise.
async fn depart(shared: &Shared, ready: &mut [(Claimed, Prepared)], now: Instant) -> anyhow::Result<()> {
    let mut departures = Vec::new();
    for (place, (message, prepared)) in ready.iter_mut().enumerate() {
        let leaves = !matches!(prepared, Prepared::Shadow { .. });
        let fingerprint = match prepared {
            Prepared::Mail { fingerprint, .. } => fingerprint.take(),
            _ => None,
        };
        if let Prepared::Mail { rendered, to, .. }
        | Prepared::Post { rendered, to, .. }
        | Prepared::Shadow { rendered, to } = prepared
        {
            let (message, rendered) = (message.clone(), std::mem::take(rendered));
            departures.push((place, Departure { message, to: to.clone(), rendered, leaves, fingerprint, now }));
        }
    }
    // Of several that say the same, a plan and a run choose the same one.
    departures.sort_by(|(_, one), (_, other)| one.message.duplicate_order().cmp(&other.message.duplicate_order()));
    let (places, departures): (Vec<usize>, Vec<Departure>) = departures.into_iter().unzip();
    if departures.is_empty() {
        return Ok(());
    }
    for (place, departed) in places.into_iter().zip(shared.store.depart(&departures).await) {
        let prepared = &mut ready[place].1;
        match departed {
            Ok(true) => {}
            Ok(false) => *prepared = Prepared::ended(State::Skipped, duplicate::REASON),
            Err(error) if is_refusal(&error) => {
                *prepared =
                    Prepared::ended(State::Failed, format!("its text cannot be kept: {}", describe_error(&error)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Tells the owners of customers' mail that will never leave though nobody is
/// against it: what only repeats another mail, and what has expired.
async fn tell_lost_mail(shared: &Shared, ready: &[(Claimed, Prepared)], now: Instant) -> anyhow::Result<()> {
    for (message, prepared) in ready {
        let Prepared::Ended { state, reason } = prepared else { continue };
        let is_lost = *state == State::Expired || (*state == State::Skipped && reason == duplicate::REASON);
        if is_lost
            && message.channel.reaches_customers()
            && !message.shadow
            && let Some(revision) = &message.revision
            && let Ok(loaded) = shared.loaded(&message.playbook, revision).await?
        {
            let lost = FailedStep { step: &message.step, account: &message.account_id, reason };
            alert_lost_mail(shared, &loaded, lost, *state, now).await?;
        }
    }
    Ok(())
}

/// Waits for the bodies under way. Attempts that have not begun theirs are
/// left to themselves: no marker is given to them any more.
async fn wind_down(sending: &mut JoinSet<anyhow::Result<()>>, under_way: &UnderWay) {
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
fn finish(done: Result<anyhow::Result<()>, tokio::task::JoinError>) -> Option<anyhow::Error> {
    match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::error!("sending a message failed: {}", describe_error(error.as_ref()));
            Some(error)
        }
        // A panic over one message leaves its claim to expire.
        Err(error) => {
            tracing::error!("sending a message failed: {error}");
            None
        }
    }
}
