//! What an attempt's outcome means for its message, and for its channel.

use std::future::Future;
use std::time::Duration;

use super::prepare_post;
use crate::clock::Instant;
use crate::delivery::post::webhook_retry_after;
use crate::delivery::{Outcome, retry_after};
use crate::effect::Refusal;
use crate::ids;
use crate::random;
use crate::store::is_refusal;
use crate::store::messages::claimed::{Claimed, Wait};
use crate::store::messages::ending::{Ending, Settled};
use crate::store::messages::insert::{NoticeText, OwnerNotice};
use crate::store::upkeep::stopped::Target;
use crate::worker::shared::Shared;

/// Writes what came of an attempt, again and again until it is written: the
/// server's answer must not be lost to a database that is away, for however
/// long. Only what the database refuses for its own sake is given up.
pub(crate) async fn settle(
    shared: &Shared,
    message: &Claimed,
    outcome: &Outcome,
    started: Instant,
    ended: Instant,
) -> anyhow::Result<()> {
    until_written(message, || settle_once(shared, message, outcome, started, ended)).await
}

/// The same of whatever `write` writes about a message; it may do so twice.
pub(crate) async fn until_written<F>(message: &Claimed, mut write: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut pause = Duration::from_millis(200);
    loop {
        let Err(error) = write().await else { return Ok(()) };
        if error.downcast_ref().is_some_and(is_refusal) {
            return Err(error);
        }
        tracing::warn!(message = %message.id, "the outcome could not be written yet: {error:#}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// How long to wait after an attempt that failed: as long as its channel does,
/// and no less than was asked for.
fn until_next(message: &Claimed, outcome: &Outcome) -> chrono::Duration {
    let (attempt, jitter) = (message.attempts.max(1) as u32, random::jitter(0.2));
    let usual = match message.channel.as_str() {
        "webhook" => webhook_retry_after(attempt, jitter),
        _ => retry_after(attempt, jitter),
    };
    match outcome {
        // A month is longer than anything stays valid.
        Outcome::AskedToWait { seconds, .. } if message.channel == "slack" => seconds_at_most_a_month(*seconds),
        Outcome::AskedToWait { seconds, .. } => usual.max(seconds_at_most_a_month(*seconds)),
        _ => usual,
    }
}

fn seconds_at_most_a_month(seconds: u64) -> chrono::Duration {
    chrono::Duration::seconds(seconds.min(30 * 86_400) as i64)
}

async fn settle_once(
    shared: &Shared,
    message: &Claimed,
    outcome: &Outcome,
    started: Instant,
    now: Instant,
) -> anyhow::Result<()> {
    let store = &shared.store;
    let ended = |state, reason: Option<&str>, outcome| Settled::Ended {
        state,
        reason: reason.map(str::to_owned),
        outcome: Some(outcome),
    };
    let later = |next_at, reason: &str, counts| Settled::Deferred {
        next_at,
        reason: reason.to_owned(),
        counts,
        wait: Wait::Retry,
    };
    let said = |reply: &String| Some(reply.clone());
    let (settled, reply) = match outcome {
        Outcome::Accepted { reply } => (ended("accepted", None, "accepted"), said(reply)),
        Outcome::Captured => (ended("captured", None, "accepted"), None),
        Outcome::Rejected { reply } => (ended("rejected", Some(reply), "rejected"), said(reply)),
        Outcome::Unknown { what } => (ended("unknown", Some(what), "unknown"), said(what)),
        Outcome::Failed { reply } => {
            prepare_post::failed(shared, message, reply, now).await?;
            (ended("failed", Some(reply), "rejected"), said(reply))
        }
        Outcome::Deferred { reply } | Outcome::AskedToWait { reply, .. } => {
            let next_at = now + until_next(message, outcome);
            match next_at > message.valid_until {
                true => (ended("expired", Some(reply), "deferred"), said(reply)),
                false => (later(next_at, reply, true), said(reply)),
            }
        }
        Outcome::NotMarked(why @ Refusal::Suppressed) => (Settled::untried("suppressed", Some(why.to_string())), None),
        // Whoever has it says what becomes of it.
        Outcome::NotMarked(Refusal::NotOurs) => return Ok(()),
        Outcome::NotMarked(why) => (later(now, &why.to_string(), false), None),
        // Marked or not, nothing has left: it may go again.
        Outcome::MarkUnclear => (later(now, "the database did not answer before it left", false), None),
        Outcome::ChannelDown { why, misfit: true } => {
            stop_channel(shared, &message.channel, why, now).await?;
            (later(now, why, false), said(why))
        }
        Outcome::ChannelDown { why, misfit: false } => {
            tracing::error!("the mail relay cannot be used: {why}");
            (later(now + chrono::Duration::minutes(5), why, false), said(why))
        }
    };
    store.settle(Ending { message: message.clone(), settled, reply, started, ended: now }).await?;
    if let Outcome::Unknown { what } = outcome {
        tracing::error!(message = %message.id, "nobody knows whether it arrived: {what}");
    }
    Ok(())
}

/// Nothing leaves by a channel whose relay refuses our login or our TLS: each
/// try would use up patience, ours and the relay's, and only a person can mend
/// it. Said once; what was due waits.
async fn stop_channel(shared: &Shared, channel: &str, why: &str, now: Instant) -> anyhow::Result<()> {
    let reason = format!("the relay cannot be used as configured: {why}");
    let subject = format!("Stopped: the channel {channel}");
    let text = format!(
        "Nothing leaves by the channel {channel} any more: {reason}.\n\n\
         What is due waits. When it is mended: keepwell resume --channel {channel}"
    );
    let id = ids::notice(&["channel", channel, &now.to_rfc3339()]);
    let notice = shared
        .config
        .alerts_to
        .as_deref()
        .map(|to| OwnerNotice::alert(id, "", to, NoticeText { subject: &subject, text: &text }));
    if shared.store.stop_by_itself(&Target::Channel(channel.to_owned()), &reason, notice.as_ref(), now).await? {
        tracing::error!("the channel {channel} is stopped: {reason}");
    }
    Ok(())
}
