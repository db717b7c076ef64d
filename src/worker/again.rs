//! Second bodies: where a step asks for it, a mail of which nobody knows
//! whether it arrived leaves once more, an hour later and unchanged, after
//! everything was looked at again. Whatever comes of it, there is no third.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Shared;
use super::gate::{Prepared, prepare};
use crate::clock::{Instant, Stopwatch};
use crate::delivery::{Composed, Mark, Outcome};
use crate::enrollment::next_quarter;
use crate::store::copies::Copy;
use crate::store::marks::Marked;
use crate::store::outbox::Claimed;
use crate::store::{Trouble, trouble};

/// Mails in one look; there are rarely any.
const BATCH: i64 = 8;

/// Sends again what may leave again; returns how many were looked at.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let published = shared.store.published().await?;
    let Some(halted) = shared.halted_among(&published).await? else { return Ok(0) };
    let claimed = shared.store.claim_copies(now, &halted, BATCH).await?;
    let handled = claimed.len();
    let mut groups: BTreeMap<(String, String), Vec<Claimed>> = BTreeMap::new();
    let mut copies = BTreeMap::new();
    for (message, copy) in claimed {
        let revision = message.revision.clone().unwrap_or_default();
        copies.insert(message.id, (copy, message.to_address.clone()));
        groups.entry((message.playbook.clone(), revision)).or_default().push(message);
    }
    for ((playbook, revision), messages) in groups {
        let prepared = match prepare(shared, &published, &playbook, &revision, messages.clone(), now).await {
            Err(error) if trouble(&error) != Trouble::Database => {
                tracing::error!(%playbook, "a mail cannot be prepared: {error:#}");
                let next_at = next_quarter(now, shared.config.recheck);
                for message in &messages {
                    shared.store.put_back_copy(message, next_at).await?;
                }
                continue;
            }
            prepared => prepared?,
        };
        for (message, prepared) in prepared {
            let Some((copy, to)) = copies.remove(&message.id) else { continue };
            one(shared, message, to, copy, prepared, now).await?;
        }
    }
    Ok(handled)
}

async fn one(
    shared: &Shared,
    message: Claimed,
    first_to: Option<String>,
    copy: Copy,
    prepared: Prepared,
    now: Instant,
) -> super::Result<()> {
    let store = &shared.store;
    let to = match prepared {
        // The bytes name whom the first went to.
        Prepared::Mail { to, .. } if first_to.as_deref() == Some(&to) => to,
        Prepared::Later { next_at, .. } => return Ok(store.put_back_copy(&message, next_at).await?),
        _ => {
            tracing::info!(message = %message.id, "not sent again: it is not wanted any more");
            return Ok(store.drop_copy(&message).await?);
        }
    };
    let composed = Composed { bytes: copy.bytes, envelope_from: copy.envelope_from, to: copy.to_address };
    let (watch, began) = (Stopwatch::start(), AtomicBool::new(false));
    let mark = || async {
        match store.mark_copy(&message, &to, now).await {
            Ok(Marked::Go) => {
                began.store(true, Ordering::Relaxed);
                Mark::Go
            }
            Ok(Marked::No(why)) => Mark::No(why),
            Err(error) => {
                tracing::error!(message = %message.id, "the marker failed: {error}");
                Mark::Unclear
            }
        }
    };
    let outcome = shared.channel.deliver(&composed, mark).await;
    let ended = now + watch.whole_seconds();
    tracing::info!(message = %message.id, "sent again: {outcome:?}");
    match &outcome {
        Outcome::Accepted { reply } => store.settle_copy(&message, true, reply, now, ended).await?,
        _ if began.load(Ordering::Relaxed) => {
            let told = format!("{outcome:?}");
            store.settle_copy(&message, false, &told, now, ended).await?;
        }
        Outcome::Rejected { .. } | Outcome::Failed { .. } => store.drop_copy(&message).await?,
        // Nothing has left. A marker that was recorded after all counts as a body.
        _ => store.put_back_copy(&message, now + chrono::Duration::minutes(5)).await?,
    }
    Ok(())
}
