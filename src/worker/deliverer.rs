//! The outbox to the wire: claim, gate, render, send, settle.
//!
//! What the gate saw is at most [`GATE_HOLDS`] old when the body begins, else
//! the message goes back into the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Shared;
use super::advancer::current;
use super::gate::{Prepared, notice, prepare};
use crate::clock::{Deadline, Instant};
use crate::delivery::{Mark, Outcome, retry_after};
use crate::playbook::Mode;
use crate::random;
use crate::store::outbox::{Claimed, Marked, Settled};

/// How old a gate's verdict may be when the body begins.
const GATE_HOLDS: Duration = Duration::from_secs(50);

/// How often claims are renewed while a batch is under way.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Messages claimed at once; few enough for the slowest relay to begin them
/// all before the gate's verdict is too old.
const BATCH: i64 = 64;

/// Sends what is due.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let Some(paused) = shared.paused().await? else { return Ok(0) };
    let claimed = shared.store.claim_messages(now, &paused, BATCH).await?;
    if claimed.is_empty() {
        return Ok(0);
    }
    let handled = claimed.len();
    let heartbeat = Heartbeat::start(shared, claimed.first().and_then(|message| message.token));
    let gate = Deadline::after(GATE_HOLDS);
    let result = deliver_batch(shared, claimed, gate, now).await;
    heartbeat.stop().await;
    result?;
    Ok(handled)
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

async fn deliver_batch(shared: &Arc<Shared>, claimed: Vec<Claimed>, gate: Deadline, now: Instant) -> super::Result<()> {
    let mut ready: Vec<(Claimed, Prepared)> = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<Claimed>> = BTreeMap::new();
    let shadows = shadows(shared, &claimed).await?;
    for mut message in claimed {
        message.shadow |= shadows.contains(&message.playbook);
        match (&message.revision, message.channel.as_str()) {
            (Some(revision), "email") => {
                groups.entry((message.playbook.clone(), revision.clone())).or_default().push(message);
            }
            _ => {
                let prepared = notice(shared, &message, now).await?;
                ready.push((message, prepared));
            }
        }
    }
    for ((playbook, revision), messages) in groups {
        ready.extend(prepare(shared, &playbook, &revision, messages, now).await?);
    }
    let mut sending = JoinSet::new();
    for (message, prepared) in ready {
        let shared = shared.clone();
        while sending.len() >= shared.config.mail.connections {
            finish(sending.join_next().await)?;
        }
        sending.spawn(async move { one(&shared, message, prepared, gate, now).await });
    }
    while let Some(done) = sending.join_next().await {
        finish(Some(done))?;
    }
    Ok(())
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

fn finish(done: Option<Result<super::Result<()>, tokio::task::JoinError>>) -> super::Result<()> {
    match done {
        Some(Ok(result)) => result,
        // A panic over one message leaves its claim to expire; the others go on.
        Some(Err(error)) => {
            tracing::error!("sending a message failed: {error}");
            Ok(())
        }
        None => Ok(()),
    }
}

async fn one(shared: &Shared, message: Claimed, prepared: Prepared, gate: Deadline, now: Instant) -> super::Result<()> {
    let store = &shared.store;
    let (composed, rendered, to) = match prepared {
        Prepared::Ended { state, reason } => {
            let ended = Settled::Ended { state, reason: Some(&reason), outcome: None };
            store.settle(&message, &ended, None, now, now).await?;
            return Ok(());
        }
        Prepared::Later { next_at, reason } => {
            let later = Settled::Deferred { next_at, reason: &reason, counts: false };
            store.settle(&message, &later, None, now, now).await?;
            return Ok(());
        }
        Prepared::Shadow { rendered, to } => {
            store.keep_rendered(&message, &to, &rendered).await?;
            let ended = Settled::Ended { state: "shadow", reason: None, outcome: None };
            store.settle(&message, &ended, None, now, now).await?;
            return Ok(());
        }
        Prepared::Mail { composed, rendered, to } => (composed, rendered, to),
    };
    if message.channel == "email" && !store.reserve_address(&message, &to, now).await? {
        let ended = Settled::Ended { state: "skipped", reason: Some("duplicate address"), outcome: None };
        store.settle(&message, &ended, None, now, now).await?;
        return Ok(());
    }
    store.keep_rendered(&message, &to, &rendered).await?;
    store.know_address(&to).await?;
    let outcome = shared
        .channel
        .deliver(&composed, || async {
            if gate.has_passed() {
                return Mark::No("looked at too long ago".to_owned());
            }
            match store.mark(&message, &to).await {
                Ok(Marked::Go) => Mark::Go,
                Ok(Marked::No(reason)) => Mark::No(reason.to_owned()),
                Err(error) => {
                    tracing::error!(message = %message.id, "the marker failed: {error}");
                    Mark::Unclear
                }
            }
        })
        .await;
    settle(shared, &message, &outcome, now).await
}

/// Writes what came of an attempt, again and again until it is written: the
/// server's answer must not be lost to a database that is away for a moment.
async fn settle(shared: &Shared, message: &Claimed, outcome: &Outcome, now: Instant) -> super::Result<()> {
    let mut patience = 40;
    loop {
        match settle_once(shared, message, outcome, now).await {
            Ok(()) => return Ok(()),
            Err(error) if patience == 0 => return Err(error),
            Err(error) => {
                tracing::warn!(message = %message.id, "the outcome could not be written yet: {error:#}");
                patience -= 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn settle_once(shared: &Shared, message: &Claimed, outcome: &Outcome, now: Instant) -> super::Result<()> {
    let store = &shared.store;
    let ended = |state, reason, outcome| Settled::Ended { state, reason, outcome };
    let (settled, reply) = match outcome {
        Outcome::Accepted { reply } => (ended("accepted", None, Some("accepted")), Some(reply.as_str())),
        Outcome::Captured => (ended("captured", None, Some("accepted")), None),
        Outcome::Rejected { reply } => {
            (ended("rejected", Some(reply.as_str()), Some("rejected")), Some(reply.as_str()))
        }
        Outcome::Unknown { what } => (ended("unknown", Some(what.as_str()), Some("unknown")), Some(what.as_str())),
        Outcome::Deferred { reply } => {
            let wait = retry_after(message.attempts.max(1) as u32, random::jitter(0.2));
            let next_at = now + wait;
            if next_at > message.valid_until {
                (ended("expired", Some(reply.as_str()), Some("deferred")), Some(reply.as_str()))
            } else {
                (Settled::Deferred { next_at, reason: reply, counts: true }, Some(reply.as_str()))
            }
        }
        Outcome::NotMarked(reason) if reason == "suppressed" => (ended("suppressed", Some("suppressed"), None), None),
        // Somebody else has it, and says what becomes of it.
        Outcome::NotMarked(reason) if reason == "no longer ours" => return Ok(()),
        Outcome::NotMarked(reason) => (Settled::Deferred { next_at: now, reason, counts: false }, None),
        // The lease decides: marked is unknown, unmarked is free again.
        Outcome::MarkUnclear => return Ok(()),
        Outcome::ChannelDown { why } => {
            tracing::error!("the mail relay cannot be used: {why}");
            let next_at = now + chrono::Duration::minutes(5);
            (Settled::Deferred { next_at, reason: why, counts: false }, Some(why.as_str()))
        }
    };
    store.settle(message, &settled, reply, now, now).await?;
    if let Outcome::Unknown { what } = outcome {
        tracing::error!(message = %message.id, "nobody knows whether it arrived: {what}");
    }
    Ok(())
}
