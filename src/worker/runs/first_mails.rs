//! What would become of the first mails of those who would enter: held by
//! quiet hours, put off by the budget that all playbooks share, or on their
//! way. Nothing is written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::breaker::yields_to;
use crate::clock::Instant;
use crate::effect::{EffectBody, MailClass, MailDraft, MessageDraft};
use crate::enrollment::{Enrollment, next_quarter};
use crate::facts::SubjectId;
use crate::message::budget::{Answer, Contender, Rank, Standing, Use, allot, just_after};
use crate::playbook::Mode;
use crate::store::messages::budget::Rules;
use crate::worker::enrollments::advancer::foresee;
use crate::worker::enrollments::snapshot::Sight;
use crate::worker::messages::quiet::Quiet;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

const BATCH: usize = 500;

/// A mail that a run would plan at its slot.
#[derive(Clone, Debug)]
pub struct FirstMail {
    pub subject: SubjectId,
    pub step: String,
    pub fate: Fate,
    playbook: String,
    draft: MailDraft,
    rank: Rank,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Leaves,
    /// Looked at again at `until`. `by` is what keeps it: `quiet hours`, what
    /// it yields to, or each of what used the budget up.
    Waits {
        until: Instant,
        reason: String,
        by: Vec<String>,
    },
    /// Its address does not want it.
    Suppressed,
}

impl FirstMail {
    fn waits(&mut self, until: Instant, reason: String, by: Vec<String>) {
        self.fate = Fate::Waits { until: until.min(just_after(self.draft.valid_until)), reason, by };
    }

    fn what(&self) -> String {
        format!("{}/{}", self.playbook, self.step)
    }
}

/// The mails that these would get at once, as far as all but the budget has
/// decided about them, and how many would not even be written, by reason. In
/// shadow nothing leaves.
pub async fn first_mails(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    entering: Vec<Enrollment>,
    slot: Instant,
) -> anyhow::Result<(Vec<FirstMail>, BTreeMap<&'static str, usize>)> {
    let ready = &loaded.ready;
    if ready.playbook.mode == Mode::Shadow {
        return Ok((Vec::new(), BTreeMap::new()));
    }
    let priority = i32::from(ready.playbook.mail_priority);
    let yields_to = yields_to(shared, &ready.playbook);
    let (mut mails, mut unwritten) = (Vec::new(), BTreeMap::new());
    for batch in entering.chunks(BATCH) {
        let accounts: Vec<String> = batch.iter().map(|one| one.account.clone()).collect();
        let active = match yields_to.is_empty() {
            true => HashMap::new(),
            false => shared.store.active_in(&accounts, &yields_to).await?,
        };
        for (transition, sight) in foresee(shared, loaded, batch.to_vec(), slot).await? {
            let subject = transition.enrollment.subject();
            for effect in transition.effects {
                let draft = match effect.body {
                    EffectBody::Message(MessageDraft::Mail(draft)) => draft,
                    EffectBody::Message(MessageDraft::Skipped { reason, .. }) => {
                        *unwritten.entry(reason).or_default() += 1;
                        continue;
                    }
                    _ => continue,
                };
                let Some(sight) = &sight else { continue };
                let rank = Rank::new(priority, draft.valid_until, effect.id);
                let playbook = ready.playbook.id.clone();
                let mut mail = FirstMail {
                    subject: subject.clone(),
                    step: effect.step,
                    fate: Fate::Leaves,
                    playbook,
                    draft,
                    rank,
                };
                let class = mail.draft.class.name();
                if shared.store.is_suppressed(&mail.draft.to, class).await? {
                    mail.fate = Fate::Suppressed;
                } else if let Some((until, reason)) = hushed(shared, loaded, sight, &mail, slot) {
                    mail.waits(until, reason, vec!["quiet hours".to_owned()]);
                } else if let Some(other) = active.get(&subject.account) {
                    let next = next_quarter(slot, shared.config.recheck);
                    let reason = format!("yields to {other}, which is active");
                    mail.waits(next, reason, vec![other.clone()]);
                }
                mails.push(mail);
            }
        }
    }
    Ok((mails, unwritten))
}

/// Lets mails of several playbooks share what is left of the budget, beside the
/// mail that waits already and after what `ahead` takes of it. Gives what they take.
pub async fn share_budget(
    shared: &Shared,
    mails: &mut [&mut FirstMail],
    ahead: &[(String, Use)],
    now: Instant,
) -> anyhow::Result<Vec<(String, Use)>> {
    let config = &shared.config;
    let asks = |mail: &FirstMail| mail.fate == Fate::Leaves && mail.draft.class != MailClass::Transactional;
    let mut accounts: Vec<&str> =
        mails.iter().filter(|mail| asks(mail)).map(|mail| mail.subject.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    if config.budget.is_off() || accounts.is_empty() {
        return Ok(Vec::new());
    }
    let paused = shared.halted().await?.map_or(Vec::new(), |halted| halted.playbooks);
    let rules = Rules { budget: &config.budget, touch_events: &config.store.touch_events, paused: &paused };
    let mut answers: BTreeMap<Uuid, Answer> = BTreeMap::new();
    let mut known = shared.store.attention(&accounts, rules, now).await?;
    for account in accounts {
        let (mut uses, mut contenders) = known.remove(account).unwrap_or_default();
        uses.extend(ahead.iter().filter(|(of, _)| of == account).map(|(_, used)| used.clone()));
        contenders.extend(mails.iter().filter(|mail| mail.subject.account == account && asks(mail)).map(|mail| {
            Contender {
                rank: mail.rank,
                contact: mail.draft.contact.clone(),
                to: mail.draft.to.clone(),
                what: mail.what(),
                valid_until: mail.draft.valid_until,
                held_until: None,
                standing: Standing::Asking,
            }
        }));
        answers.extend(allot(&config.budget, account, &uses, &contenders, now));
    }
    let mut taken = Vec::new();
    for mail in mails {
        match answers.remove(&mail.rank.id()) {
            Some(Answer::Go) => {
                let used = Use { contact: mail.draft.contact.clone(), at: now, what: mail.what() };
                taken.push((mail.subject.account.clone(), used));
            }
            Some(Answer::Later { at, reason, used_by }) => mail.waits(at, reason, used_by),
            // Nothing of it was held before.
            Some(Answer::StepBack { .. } | Answer::Outranked { .. }) | None => {}
        }
    }
    Ok(taken)
}

/// Until when quiet hours hold a mail, and why, if they do.
fn hushed(
    shared: &Shared,
    loaded: &Loaded,
    sight: &Sight,
    mail: &FirstMail,
    slot: Instant,
) -> Option<(Instant, String)> {
    let draft = &mail.draft;
    let contact = sight.people.contacts.iter().find(|known| !draft.contact.is_empty() && known.id == draft.contact);
    let written = draft.written.as_ref();
    let quiet = Quiet::around(shared, loaded, sight, &mail.step, written, contact, draft.class.name())?;
    let leaves_at = slot + shared.config.mail.undo_window;
    let over = quiet.over(leaves_at);
    (over != Some(leaves_at)).then(|| (over.unwrap_or(draft.valid_until), quiet.told(over)))
}
