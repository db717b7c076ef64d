//! What `explain` has to see of a message. Nothing is written.

use chrono_tz::Tz;
use serde_json::Value as Json;
use uuid::Uuid;

use super::prepare_mail::ask_gate;
use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::rehearsal::explanation::MessageExplanation;
use crate::store::upkeep::stopped::{Stop, StopTarget};
use crate::store::views::cli::Filter;
use crate::worker::shared::Shared;

/// Explains a message; `None` when there is none of that id.
pub async fn explain_message(shared: &Shared, id: Uuid, now: Instant) -> anyhow::Result<Option<MessageExplanation>> {
    let store = &shared.store;
    let one = |id: Uuid| Filter { id: Some(id), ..Filter::default() };
    let Some(message) = store.list_messages(&one(id)).await?.pop() else { return Ok(None) };
    let enrollment = match message["enrollment"].as_str().and_then(|id| id.parse().ok()) {
        Some(id) => store.list_enrollments(&one(id)).await?.pop(),
        None => None,
    };
    let answer = match store.waiting_message(id).await? {
        Some(waiting) if waiting.channel == Channel::OF_CUSTOMERS && waiting.enrollment_id.is_some() => {
            ask_gate(shared, waiting, now).await?
        }
        _ => None,
    };
    let account = message["account"].as_str().unwrap_or_default();
    let attempts = store.attempts_of(account, id).await?;
    let waits = State::WAITING.iter().any(|state| message["state"] == state.name());
    let mut stops = if waits { store.stopped().await?.stops } else { Vec::new() };
    stops.retain(|stop| concerns(stop, &message));
    let zone = zone_of(shared, enrollment.as_ref()).await?;
    Ok(Some(MessageExplanation { message, enrollment, answer, attempts, stops, now, zone }))
}

/// The zone of the playbook that an enrollment is in; without one, or where its
/// revision cannot be used, the configuration's.
pub(crate) async fn zone_of(shared: &Shared, enrollment: Option<&Json>) -> anyhow::Result<Tz> {
    let text = |key: &str| enrollment.and_then(|row| row[key].as_str());
    let (Some(playbook), Some(revision)) = (text("playbook"), text("revision")) else {
        return Ok(shared.config.timezone);
    };
    let loaded = shared.loaded(playbook, revision).await?;
    Ok(loaded.map_or(shared.config.timezone, |loaded| loaded.ready.zone))
}

/// Whether a stop keeps a message, or what comes of a task, from going on: mail of any
/// class may come of one.
pub(crate) fn concerns(stop: &Stop, row: &Json) -> bool {
    match &stop.target {
        StopTarget::All => true,
        StopTarget::Channel(channel) => row["channel"] == channel.name(),
        StopTarget::Playbook(id) => row["playbook"] == id.as_str(),
        StopTarget::Account(id) => row["account"] == id.as_str(),
        StopTarget::AccountMail { account, class } => {
            let is_task = row["class"].is_null();
            row["account"] == account.as_str() && (is_task || row["class"] == class.name())
        }
        StopTarget::Daemon => false,
    }
}
