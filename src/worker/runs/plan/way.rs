//! Every message and task on the whole way of those who would enter, as things
//! stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::enrollment::outlook::{EffectAhead, WayAhead};
use crate::facts::SubjectId;
use crate::worker::enrollments::advancer::{Foreseen, look_ahead};
use crate::worker::enrollments::snapshot::Snapshot;
use crate::worker::messages::words::{contact_of, words};
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// One consequence for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedEffect {
    pub subject: SubjectId,
    /// After the slot.
    pub after: chrono::Duration,
    /// As in [`effect::kind`](crate::effect::kind).
    pub kind: &'static str,
    pub step: String,
    /// An address, a CSM's id, or the name of what holds an address; `None` where
    /// there is nobody yet, and for what reaches nobody.
    pub to: Option<String>,
    /// What it would say now; `None` where nobody asked for it.
    pub text: Option<PlannedText>,
}

/// What somebody would read, with the facts of the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedText {
    /// A subject or a title.
    pub subject: String,
    /// Empty where there is none.
    pub body: String,
}

/// What those who were foreseen at the slot would get on their whole way,
/// with its texts where they are wanted.
pub(super) async fn follow_way(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    foreseen: Vec<Foreseen>,
    slot: Instant,
    with_texts: bool,
) -> anyhow::Result<Vec<PlannedEffect>> {
    let subjects: Vec<SubjectId> = foreseen.iter().map(|one| one.transition.enrollment.subject()).collect();
    let (ways, foreseen) = look_ahead(shared, loaded, foreseen, slot).await?;
    let mut planned = Vec::new();
    for ((subject, way), Foreseen { snapshot, .. }) in subjects.into_iter().zip(ways).zip(foreseen) {
        let WayAhead { effects, .. } = way;
        for EffectAhead { at, effect } in effects {
            let Some(kind) = effect.body.kind() else { continue };
            let text = match &snapshot {
                Some(seen) if with_texts => text(shared, loaded, seen, &effect),
                _ => None,
            };
            planned.push(PlannedEffect {
                subject: subject.clone(),
                after: at - slot,
                kind,
                to: recipient(&effect.body),
                step: effect.step,
                text,
            });
        }
    }
    Ok(planned)
}

fn recipient(body: &EffectBody) -> Option<String> {
    match body {
        EffectBody::Task(draft) => draft.assignee.clone(),
        EffectBody::Message(MessageDraft::Mail(draft)) => Some(draft.to.clone()),
        EffectBody::Message(MessageDraft::Notice(draft)) => draft.to.clone(),
        EffectBody::Message(MessageDraft::Webhook(draft)) => Some(draft.variable.clone()),
        EffectBody::Message(MessageDraft::Skipped { .. } | MessageDraft::Failed { .. }) => None,
        EffectBody::Referral { playbook } => Some(playbook.clone()),
        EffectBody::Label(_) => None,
    }
}

/// What an effect would say; a mail that has no words says why.
fn text(shared: &Shared, loaded: &Loaded, seen: &Snapshot, effect: &Effect) -> Option<PlannedText> {
    let (subject, body) = match &effect.body {
        EffectBody::Task(draft) => (draft.title.clone(), draft.description.clone().unwrap_or_default()),
        EffectBody::Message(MessageDraft::Mail(draft)) => {
            let contact = contact_of(seen, draft);
            match words(shared, loaded, seen, &effect.step, draft.written.as_ref(), contact) {
                Ok(words) => (words.subject, words.body),
                Err(reason) => ("(it cannot be written)".to_owned(), reason),
            }
        }
        EffectBody::Message(MessageDraft::Notice(draft)) => (draft.subject.clone(), draft.text.clone()),
        EffectBody::Message(MessageDraft::Webhook(draft)) => (draft.subject.clone(), draft.body.clone()),
        EffectBody::Message(MessageDraft::Skipped { .. } | MessageDraft::Failed { .. })
        | EffectBody::Referral { .. }
        | EffectBody::Label(_) => return None,
    };
    Some(PlannedText { subject, body })
}

/// Of a whole way, how many get what and when: by the time after the slot, then
/// by step.
pub fn count_by_step(effects: &[PlannedEffect]) -> BTreeMap<(chrono::Duration, &str, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for effect in effects {
        *counts.entry((effect.after, effect.step.as_str(), effect.kind)).or_default() += 1;
    }
    counts
}
