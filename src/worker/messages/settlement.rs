//! What an attempt's outcome means for its message, and for its channel.

use std::future::Future;
use std::time::Duration;

use super::prepare_post;
use crate::clock::Instant;
use crate::delivery::Outcome;
use crate::ids;
use crate::message::channel::Channel;
use crate::message::outcome::{self, Attempted};
use crate::postgres::describe_error;
use crate::random;
use crate::store::is_refusal;
use crate::store::messages::bounces::RecipientRefusal;
use crate::store::messages::claimed::Claimed;
use crate::store::messages::ending::Ending;
use crate::store::messages::insert::{NoticeText, OwnerNotice};
use crate::store::upkeep::stopped::StopTarget;
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
        tracing::warn!(message = %message.id, "the outcome could not be written yet: {}", describe_error(error.as_ref()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

async fn settle_once(
    shared: &Shared,
    message: &Claimed,
    outcome: &Outcome,
    started: Instant,
    now: Instant,
) -> anyhow::Result<()> {
    match outcome {
        Outcome::Failed { reply } => prepare_post::failed(shared, message, reply, now).await?,
        Outcome::ChannelDown { why, misfit: true } => stop_channel(shared, message.channel, why, now).await?,
        Outcome::ChannelDown { why, misfit: false } => tracing::error!("the mail relay cannot be used: {why}"),
        _ => {}
    }
    take_refusal(shared, message, outcome, now).await?;
    let (channel, attempt, valid_until) = (message.channel, message.attempts, message.valid_until);
    let of = Attempted { channel, attempt, valid_until, ended: now };
    let Some(settled) = outcome::settle(outcome, &of, random::jitter(0.2)) else { return Ok(()) };
    let reply = outcome.reply().map(str::to_owned);
    shared.store.settle(Ending { message: message.clone(), settled, reply, started, ended: now }).await?;
    if let Outcome::Unknown { what } = outcome {
        tracing::error!(message = %message.id, "nobody knows whether it arrived: {what}");
    }
    Ok(())
}

/// What a server says of a recipient's address counts as the same report by mail
/// would. Not where mail is redirected: that is another's address.
pub(crate) async fn take_refusal(
    shared: &Shared,
    message: &Claimed,
    outcome: &Outcome,
    now: Instant,
) -> anyhow::Result<()> {
    let Outcome::Rejected { reply, reason: Some(reason) } = outcome else { return Ok(()) };
    let redirected = shared.config.mail.redirect_to.is_some();
    let Some(to) = message.to_address.as_deref().filter(|_| message.channel.reaches_customers() && !redirected) else {
        return Ok(());
    };
    let refusal = RecipientRefusal { account: &message.account_id, message: message.id, to, reason: *reason, reply };
    if shared.store.take_refusal(&refusal, now).await? {
        tracing::info!(account = message.account_id, "the address gets nothing more: {}", reason.name());
    }
    Ok(())
}

/// Nothing leaves by a channel whose relay refuses our login or our TLS: each
/// try would use up patience, ours and the relay's, and only a person can mend
/// it. Said once; what was due waits.
async fn stop_channel(shared: &Shared, channel: Channel, why: &str, now: Instant) -> anyhow::Result<()> {
    let reason = format!("the relay cannot be used as configured: {why}");
    let subject = format!("Stopped: the channel {channel}");
    let text = format!(
        "Nothing leaves by the channel {channel} any more: {reason}.\n\n\
         What is due waits. When it is mended: keepwell resume --channel {channel}"
    );
    let id = ids::notice(&["channel", channel.name(), &now.to_rfc3339()]);
    let words = NoticeText { subject: &subject, text: &text };
    let notice = shared.config.alerts_to.as_deref().map(|to| OwnerNotice::alert(id, "", to, words));
    if shared.store.stop_by_itself(&StopTarget::Channel(channel), &reason, notice.as_ref(), now).await? {
        tracing::error!("the channel {channel} is stopped: {reason}");
    }
    Ok(())
}
