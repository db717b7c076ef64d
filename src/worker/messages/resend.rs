//! Second bodies: where a step asks for it, a mail of which nobody knows
//! whether it arrived leaves once more, an hour later and unchanged, after
//! everything was looked at again. Whatever comes of it, there is no third.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::deliverer::{GATE_HOLDS, shadows};
use super::domain_limits::SendPermit;
use super::prepare_mail::{Prepared, prepare};
use super::settlement::{take_refusal, until_written};
use crate::clock::{Deadline, Instant, Stopwatch};
use crate::delivery::{Composed, Outcome, Permission};
use crate::enrollment::next_quarter;
use crate::message::refusal::Refusal;
use crate::postgres::describe_error;
use crate::store::messages::claimed::Claimed;
use crate::store::messages::mark_request::Marked;
use crate::store::messages::resends::MailCopy;
use crate::store::{FailureKind, failure_kind};
use crate::worker::shared::Shared;

/// Sends again what may leave again, one mail at a time: there are rarely any,
/// and each is looked at right before it leaves. Returns how many were looked
/// at. Asked to stop, it begins none.
pub async fn tick(shared: &Arc<Shared>, now: Instant, stop: &watch::Receiver<bool>) -> anyhow::Result<usize> {
    let published = shared.store.published().await?;
    let Some(halted) = shared.halted_among(&published).await? else { return Ok(0) };
    let Some((mut message, copy)) = shared.store.claim_copy(now, &halted).await? else { return Ok(0) };
    let gate = Deadline::after(GATE_HOLDS);
    message.shadow |= shadows(shared, &published, std::slice::from_ref(&message)).await?.contains(&message.playbook);
    let (playbook, revision) = (message.playbook.clone(), message.revision.clone().unwrap_or_default());
    let prepared = match prepare(shared, &published, &playbook, &revision, vec![message.clone()], now).await {
        Err(error) if failure_kind(&error) != FailureKind::Database => {
            tracing::error!(%playbook, "a mail cannot be prepared: {}", describe_error(error.as_ref()));
            shared.store.put_back_copy(&message, next_quarter(now, shared.config.recheck)).await?;
            return Ok(1);
        }
        prepared => prepared?,
    };
    let Some((_, prepared)) = prepared.into_iter().next() else { return Ok(1) };
    let begins = || !*stop.borrow() && !gate.has_passed();
    send_copy(shared, message, copy, prepared, begins, now).await.map(|()| 1)
}

async fn send_copy(
    shared: &Shared,
    message: Claimed,
    copy: MailCopy,
    prepared: Prepared,
    begins: impl Fn() -> bool,
    now: Instant,
) -> anyhow::Result<()> {
    let store = &shared.store;
    let to = match prepared {
        // The bytes name whom the first went to, and it went where they would go now.
        Prepared::Mail { to, composed, .. }
            if message.to_address.as_deref() == Some(&to) && composed.to == copy.to_address =>
        {
            to
        }
        Prepared::Later { next_at, .. } => return Ok(store.put_back_copy(&message, next_at).await?),
        _ => {
            tracing::info!(message = %message.id, "not sent again: it is not wanted any more");
            return Ok(store.drop_copy(&message).await?);
        }
    };
    let composed = Composed { bytes: copy.bytes, envelope_from: copy.envelope_from, to: copy.to_address };
    let soon = now + chrono::Duration::minutes(5);
    let pass = match shared.domains.ask(&composed.domain(), shared.config.mail.connections, now) {
        SendPermit::Now(pass) => pass,
        SendPermit::Wait => return Ok(store.put_back_copy(&message, soon).await?),
        SendPermit::Later { at, .. } => return Ok(store.put_back_copy(&message, at).await?),
    };
    let session = shared.channel.session().await;
    pass.begin();
    let (watch, began) = (Stopwatch::start(), AtomicBool::new(false));
    let body = OnceLock::new();
    let mark = || async {
        body.get_or_init(|| shared.under_way.begin());
        if !begins() {
            return Permission::No(Refusal::Stale);
        }
        match store.mark_copy(&message, &to, now).await {
            Ok(Marked::Go) => {
                began.store(true, Ordering::Relaxed);
                Permission::Go
            }
            Ok(Marked::No(why)) => Permission::No(why),
            Err(error) => {
                tracing::error!(message = %message.id, "the marker failed: {}", describe_error(&error));
                Permission::Unclear
            }
        }
    };
    let outcome = session.deliver(&composed, mark).await;
    let ended = now + watch.whole_seconds();
    pass.end(&outcome, ended);
    tracing::info!(message = %message.id, "sent again: {outcome:?}");
    let (message, outcome) = (&message, &outcome);
    let began = began.into_inner();
    until_written(message, || async move {
        take_refusal(shared, message, outcome, ended).await?;
        match outcome {
            Outcome::Accepted { reply } => store.settle_copy(message, true, reply, now, ended).await?,
            Outcome::Unknown { what: told }
            | Outcome::Deferred { reply: told }
            | Outcome::Rejected { reply: told, .. }
                if began =>
            {
                store.settle_copy(message, false, told, now, ended).await?;
            }
            _ if began => store.settle_copy(message, false, "it is not known what it said", now, ended).await?,
            Outcome::Rejected { .. } | Outcome::Failed { .. } => store.drop_copy(message).await?,
            // Nothing has left. A marker that was recorded after all counts as a body.
            _ => store.put_back_copy(message, soon).await?,
        }
        Ok(())
    })
    .await
}
