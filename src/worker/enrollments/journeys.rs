//! What a journey brings, on the facts of now and by the same
//! [`advance`](crate::enrollment::advance()) that the daemon then asks. Nothing is written.

use std::sync::Arc;

use uuid::Uuid;

use super::advancer::{foresee_on, look_ahead};
use super::snapshot::{Snapshot, take_first_snapshots, take_snapshots};
use crate::action::staff::Staff;
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::enrollment::outlook::{EffectAhead, WayAhead};
use crate::enrollment::{Enrollment, State};
use crate::rehearsal::explanation::{ConsequenceAhead, JourneyOutlook, WayEnd};
use crate::worker::messages::words::{contact_of, words};
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What would come of an enrollment that is not written yet; `None` where nobody
/// can say.
pub async fn outlook_at_entry(
    shared: &Arc<Shared>,
    enrollment: &Enrollment,
    now: Instant,
) -> anyhow::Result<Option<JourneyOutlook>> {
    let Ok(loaded) = shared.loaded(&enrollment.playbook, &enrollment.revision).await? else { return Ok(None) };
    let seen = take_first_snapshots(shared, &loaded, now, std::slice::from_ref(enrollment)).await?.pop().flatten();
    outlook(shared, &loaded, enrollment, seen, now).await
}

/// What comes of an account's enrollment when it goes on; `None` where it has
/// ended, or nobody can say.
pub async fn outlook_from_here(
    shared: &Arc<Shared>,
    account: &str,
    id: Uuid,
    now: Instant,
) -> anyhow::Result<Option<JourneyOutlook>> {
    let found = shared.store.enrollments_by_id(&[(account.to_owned(), id)]).await?.pop();
    let Some(enrollment) = found.filter(|one| one.state == State::Active) else { return Ok(None) };
    let Ok(loaded) = shared.loaded(&enrollment.playbook, &enrollment.revision).await? else { return Ok(None) };
    let seen = take_snapshots(shared, &loaded, now, std::slice::from_ref(&enrollment)).await?.pop().flatten();
    outlook(shared, &loaded, &enrollment, seen, now).await
}

async fn outlook(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    enrollment: &Enrollment,
    seen: Option<Snapshot>,
    now: Instant,
) -> anyhow::Result<Option<JourneyOutlook>> {
    let Some(seen) = seen else { return Ok(None) };
    let staff = Staff::new(shared.store.colleagues().await?, Default::default());
    let foreseen = foresee_on(shared, loaded, vec![enrollment.clone()], vec![Some(seen.clone())], now).await?;
    let (mut ways, _) = look_ahead(shared, loaded, foreseen, now).await?;
    Ok(ways.pop().map(|way| journey_outlook(shared, loaded, &seen, &staff, enrollment, way)))
}

/// A way ahead in the words that people read.
pub(crate) fn journey_outlook(
    shared: &Shared,
    loaded: &Loaded,
    seen: &Snapshot,
    staff: &Staff,
    enrollment: &Enrollment,
    way: WayAhead,
) -> JourneyOutlook {
    let end = match (way.enrollment, way.ends_at) {
        (Some(last), Some(at)) => WayEnd::Ends { at, state: last.state, reason: last.reason },
        (last, _) => {
            let last = last.as_ref().unwrap_or(enrollment);
            WayEnd::Stays { step: last.step.clone().unwrap_or_default(), due: last.due_at }
        }
    };
    let consequences = way.effects.iter().map(|ahead| describe(shared, loaded, seen, staff, ahead)).collect();
    JourneyOutlook { consequences, end }
}

fn describe(shared: &Shared, loaded: &Loaded, seen: &Snapshot, staff: &Staff, ahead: &EffectAhead) -> ConsequenceAhead {
    let EffectAhead { at, effect } = ahead;
    let Effect { id, step, body, .. } = effect;
    let colleague = |who: &str| staff.find(who).map_or_else(|| who.to_owned(), |one| one.csm.name.clone());
    let (title, to) = match body {
        EffectBody::Task(draft) => (Some(draft.title.clone()), draft.assignee.as_deref().map(colleague)),
        EffectBody::Message(MessageDraft::Mail(draft)) => {
            let contact = contact_of(seen, draft);
            let words = words(shared, loaded, seen, step, draft.variant.as_deref(), draft.written.as_ref(), contact);
            let name = contact.map(|contact| contact.name.clone()).filter(|name| !name.is_empty());
            (words.ok().map(|words| words.subject), Some(name.unwrap_or_else(|| draft.to.clone())))
        }
        EffectBody::Message(MessageDraft::Notice(draft)) => (Some(draft.subject.clone()), draft.to.clone()),
        EffectBody::Message(MessageDraft::Webhook(draft)) => (Some(draft.subject.clone()), None),
        _ => (None, None),
    };
    ConsequenceAhead { at: *at, id: *id, step: step.clone(), body: body.clone(), title, to }
}
