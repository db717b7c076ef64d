//! Every message and task on the whole way of those who would enter, as things
//! stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::enrollment::outlook::{EffectAhead, WayAhead};
use crate::facts::SubjectId;
use crate::message::channel::Channel;
use crate::worker::enrollments::advancer::{Foreseen, look_ahead};
use crate::worker::enrollments::snapshot::Snapshot;
use crate::worker::messages::customer_mail::CustomerMail;
use crate::worker::messages::page_links::lead_to_pages;
use crate::worker::messages::prepare_notice::NoticeMail;
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
    /// Which of the step's texts a mail has; `None` where there is one for all.
    pub variant: Option<String>,
    /// What it would say now; `None` where nobody asked for it.
    pub text: Option<PlannedText>,
    /// A mail as it would leave, for a mail program; `None` where nobody asked for
    /// it, and of what is no mail or cannot be written.
    pub mail: Option<Vec<u8>>,
}

/// What somebody would read, with the facts of the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedText {
    /// A subject or a title.
    pub subject: String,
    /// Empty where there is none.
    pub body: String,
}

/// What of the effects is written out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rendering<'a> {
    /// What each says.
    pub texts: bool,
    /// Mails as they would leave.
    pub mails: bool,
    /// Mails of this account alone.
    pub account: Option<&'a str>,
}

impl Rendering<'_> {
    fn has_mails_of(self, account: &str) -> bool {
        self.mails && self.account.is_none_or(|wanted| wanted == account)
    }
}

/// What those who were foreseen at the slot would get on their whole way,
/// with its texts where they are wanted.
pub(in crate::worker::runs) async fn follow_way(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    foreseen: Vec<Foreseen>,
    slot: Instant,
    rendering: Rendering<'_>,
) -> anyhow::Result<Vec<PlannedEffect>> {
    let subjects: Vec<SubjectId> = foreseen.iter().map(|one| one.transition.enrollment.subject()).collect();
    let (ways, foreseen) = look_ahead(shared, loaded, foreseen, slot).await?;
    let mut planned = Vec::new();
    for ((subject, way), Foreseen { snapshot, .. }) in subjects.into_iter().zip(ways).zip(foreseen) {
        let WayAhead { effects, .. } = way;
        for EffectAhead { at, effect } in effects {
            let Some(kind) = effect.body.kind() else { continue };
            let text = match &snapshot {
                Some(seen) if rendering.texts => text(shared, loaded, seen, &effect),
                _ => None,
            };
            let mail = match &snapshot {
                Some(seen) if rendering.has_mails_of(&subject.account) => preview(shared, loaded, seen, &effect, at),
                _ => None,
            };
            planned.push(PlannedEffect {
                subject: subject.clone(),
                after: at - slot,
                kind,
                to: recipient(&effect.body),
                variant: variant(&effect.body),
                step: effect.step,
                text,
                mail,
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
        EffectBody::Plan { plan } => Some(plan.clone()),
        EffectBody::Label(_) | EffectBody::Report(_) => None,
    }
}

fn variant(body: &EffectBody) -> Option<String> {
    match body {
        EffectBody::Message(MessageDraft::Mail(draft)) => draft.variant.clone(),
        _ => None,
    }
}

/// What an effect would say; a mail that has no words says why.
fn text(shared: &Shared, loaded: &Loaded, seen: &Snapshot, effect: &Effect) -> Option<PlannedText> {
    let (subject, body) = match &effect.body {
        EffectBody::Task(draft) => (draft.title.clone(), draft.description.clone().unwrap_or_default()),
        EffectBody::Message(MessageDraft::Mail(draft)) => {
            let contact = contact_of(seen, draft);
            match words(shared, loaded, seen, &effect.step, draft.variant.as_deref(), draft.written.as_ref(), contact) {
                Ok(words) => (words.subject, words.body),
                Err(reason) => ("(it cannot be written)".to_owned(), reason),
            }
        }
        EffectBody::Message(MessageDraft::Notice(draft)) => (draft.subject.clone(), draft.text.clone()),
        EffectBody::Message(MessageDraft::Webhook(draft)) => (draft.subject.clone(), draft.body.clone()),
        EffectBody::Message(MessageDraft::Skipped { .. } | MessageDraft::Failed { .. })
        | EffectBody::Referral { .. }
        | EffectBody::Label(_)
        | EffectBody::Plan { .. }
        | EffectBody::Report(_) => return None,
    };
    Some(PlannedText { subject, body })
}

/// Stands in links of a mail that is only shown: they lead nowhere.
const NO_TOKEN: &str = "preview";

/// Says in a header that a mail was not sent.
const PREVIEW: &[u8] = b"X-Keepwell-Preview: not sent; its links to unsubscribe and to answer lead nowhere\r\n";

/// A mail as it would leave at an instant, with what is known now, composed as
/// for delivery. Only its ids are other ones, and its links have no token.
fn preview(shared: &Shared, loaded: &Loaded, seen: &Snapshot, effect: &Effect, at: Instant) -> Option<Vec<u8>> {
    let message_id = format!("<preview-{}@keepwell.invalid>", effect.id.simple());
    let composed = match &effect.body {
        EffectBody::Message(MessageDraft::Mail(draft)) => {
            let survey = format!("{}/s/{NO_TOKEN}", shared.public_url);
            let mail = CustomerMail {
                step: &effect.step,
                class: draft.class,
                message_id: &message_id,
                variant: draft.variant.as_deref(),
                written: draft.written.as_ref(),
                contact: contact_of(seen, draft),
                to: &draft.to,
                unsubscribe_token: draft.class.may_be_refused().then_some(NO_TOKEN),
                survey: Some(&survey),
                report: draft.report.as_deref(),
                date: at,
            };
            mail.compose(shared, loaded, seen).ok()?.composed
        }
        EffectBody::Message(MessageDraft::Notice(draft)) if draft.channel == Channel::Notice => {
            let (to, subject, is_markdown) = (draft.to.as_deref()?, &draft.subject, draft.is_markdown);
            let pages = shared.config.pages_url().filter(|_| is_markdown);
            let text = lead_to_pages(&draft.text, pages.as_deref());
            let mail = NoticeMail { message_id: &message_id, to, subject, text: &text, is_markdown, date: at };
            mail.compose(shared).ok()?.0
        }
        _ => return None,
    };
    Some([PREVIEW, &composed.bytes].concat())
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
