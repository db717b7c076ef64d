//! What would become of the first mails of those who would enter: held by
//! quiet hours, put off by the budget that all playbooks share, or on their
//! way. Nothing is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::clock::Instant;
use crate::effect::{EffectBody, MailDraft, MessageDraft, Words};
use crate::enrollment::{Enrollment, is_mail_wanted, next_quarter};
use crate::facts::SubjectId;
use crate::message::budget::{self, Contender, Rank, Standing, Use, allot};
use crate::message::duplicate::{fingerprint, may_be_dropped};
use crate::message::gate::{Answer, Because, OtherSurvey, Seen, after_budget, gate, needs_budget, yields_to};
use crate::message::quiet::{Quiet, spread};
use crate::message::recipient::recipient_zone;
use crate::message::state::State;
use crate::playbook::Mode;
use crate::store::messages::address_guard::Saying;
use crate::store::messages::budget::Rules;
use crate::store::messages::contact_addresses::Addressee;
use crate::store::messages::surveys::SurveyRequest;
use crate::worker::enrollments::advancer::Foreseen;
use crate::worker::enrollments::snapshot::Snapshot;
use crate::worker::messages::words::{contact_of, words};
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// A mail that a run would plan at its slot.
#[derive(Clone, Debug)]
pub struct FirstMail {
    pub subject: SubjectId,
    pub step: String,
    pub fate: Fate,
    playbook: String,
    draft: MailDraft,
    rank: Rank,
    /// What it has in common with its duplicates; `None` of one that has none.
    fingerprint: Option<Uuid>,
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
    /// It will not be sent.
    Never {
        state: State,
        reason: String,
    },
}

impl Fate {
    /// What the gate's answer foretells.
    fn of(answer: Answer) -> Fate {
        let (until, because) = match answer {
            Answer::Go => return Fate::Leaves,
            Answer::Never { state, because } => return Fate::Never { state, reason: because.to_string() },
            Answer::Later { until, because } => (until, because),
        };
        let reason = because.to_string();
        let by = match because {
            Because::QuietHours { .. } => vec!["quiet hours".to_owned()],
            Because::YieldsTo(other) => vec![other],
            Because::Budget { used_by, .. } => used_by,
            _ => vec![reason.clone()],
        };
        Fate::Waits { until, reason, by }
    }
}

impl FirstMail {
    /// Whether it would expire before what it waits for is over.
    pub fn waits_in_vain(&self) -> bool {
        matches!(self.fate, Fate::Waits { until, .. } if until > self.draft.valid_until)
    }

    fn what(&self) -> String {
        format!("{}/{}", self.playbook, self.step)
    }

    /// Learns what it would say; it fails where it has no words.
    fn read(&mut self, words: Result<Words, String>) {
        match words {
            Ok(words) if may_be_dropped(self.draft.class) => {
                self.fingerprint = Some(fingerprint(&words.subject, &words.body));
            }
            Ok(_) => {}
            Err(reason) => self.fate = Fate::Never { state: State::Failed, reason },
        }
    }

    /// As [`Claimed::duplicate_order`](crate::store::messages::claimed::Claimed::duplicate_order).
    fn duplicate_order(&self) -> (&str, Uuid) {
        (&self.draft.contact, self.rank.id())
    }

    fn addressee(&self) -> Addressee<'_> {
        let MailDraft { contact, to, class, .. } = &self.draft;
        Addressee { account: &self.subject.account, contact, address: to, class: class.name() }
    }

    /// What another survey has to do with its contact, if it asks something itself.
    async fn other_survey(
        &self,
        shared: &Shared,
        loaded: &Loaded,
        slot: Instant,
    ) -> anyhow::Result<Option<OtherSurvey>> {
        let Some(left_alone) = loaded.ready.left_alone_after_surveys(&self.step) else { return Ok(None) };
        let (account, contact) = (self.subject.account.as_str(), self.draft.contact.as_str());
        let request = SurveyRequest { account, contact, message: self.rank.id(), left_alone };
        Ok(shared.store.other_surveys(&[request], slot).await?.pop().flatten())
    }

    fn saying(&self) -> Option<Saying<'_>> {
        let account = &self.subject.account;
        let (to, fingerprint) = (&self.draft.to, self.fingerprint?);
        Some(Saying { account, to, playbook: &self.playbook, step: &self.step, fingerprint })
    }
}

/// What becomes of the mail of those who enter.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstMails {
    pub mails: Vec<FirstMail>,
    /// How many would not even be written, by reason.
    pub unwritten: BTreeMap<&'static str, usize>,
}

impl FirstMails {
    /// Adds the mails that these would get at their first look, as far as all
    /// but the budget has decided about them. In shadow nothing leaves.
    pub async fn add(
        &mut self,
        shared: &Shared,
        loaded: &Loaded,
        foreseen: &[Foreseen],
        slot: Instant,
    ) -> anyhow::Result<()> {
        let ready = &loaded.ready;
        if ready.playbook.mode == Mode::Shadow {
            return Ok(());
        }
        let priority = i32::from(ready.playbook.mail_priority);
        let yields_to = yields_to(&ready.playbook.id, ready.playbook.guardrails.over(&shared.config.guardrails));
        let accounts: Vec<String> = foreseen.iter().map(|one| one.transition.enrollment.account.clone()).collect();
        let active = match yields_to.is_empty() {
            true => HashMap::new(),
            false => shared.store.active_in(&accounts, &yields_to).await?,
        };
        for Foreseen { transition, snapshot } in foreseen {
            let subject = transition.enrollment.subject();
            for effect in &transition.effects {
                let draft = match &effect.body {
                    EffectBody::Message(MessageDraft::Mail(draft)) => draft.clone(),
                    EffectBody::Message(MessageDraft::Skipped { reason, .. }) => {
                        *self.unwritten.entry(reason).or_default() += 1;
                        continue;
                    }
                    _ => continue,
                };
                let Some(snapshot) = snapshot else { continue };
                let rank = Rank::new(priority, draft.valid_until, effect.id);
                let playbook = ready.playbook.id.clone();
                let mut mail = FirstMail {
                    subject: subject.clone(),
                    step: effect.step.clone(),
                    fate: Fate::Leaves,
                    playbook,
                    draft,
                    rank,
                    fingerprint: None,
                };
                let suppressed = shared.store.suppressed(&[mail.addressee()]).await?.contains(&true);
                let active = active.get(&subject.account).map(String::as_str);
                let around = Around {
                    suppressed,
                    yields_to: active,
                    other_survey: mail.other_survey(shared, loaded, slot).await?,
                };
                mail.fate = foretell(shared, loaded, &transition.enrollment, snapshot, &mail, around, slot);
                if mail.fate == Fate::Leaves {
                    mail.read(words(
                        shared,
                        loaded,
                        snapshot,
                        &mail.step,
                        mail.draft.variant.as_deref(),
                        mail.draft.written.as_ref(),
                        contact_of(snapshot, &mail.draft),
                    ));
                }
                self.mails.push(mail);
            }
        }
        Ok(())
    }
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
    let asks = |mail: &FirstMail| mail.fate == Fate::Leaves && needs_budget(mail.draft.class, false);
    let mut accounts: Vec<&str> =
        mails.iter().filter(|mail| asks(mail)).map(|mail| mail.subject.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    if config.budget.is_off() || accounts.is_empty() {
        return Ok(Vec::new());
    }
    let halted = shared.halted().await?.unwrap_or_default();
    let rules = Rules {
        budget: &config.budget,
        touch_events: &config.store.touch_events,
        paused: &halted.playbooks,
        account_mail: &halted.account_mail,
    };
    let mut answers: BTreeMap<Uuid, budget::BudgetAnswer> = BTreeMap::new();
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
        let Some(answer) = answers.remove(&mail.rank.id()) else { continue };
        mail.fate = Fate::of(after_budget(answer, mail.draft.valid_until, now));
        if mail.fate == Fate::Leaves {
            let used = Use { contact: mail.draft.contact.clone(), at: now, what: mail.what() };
            taken.push((mail.subject.account.clone(), used));
        }
    }
    Ok(taken)
}

/// Drops mails that only repeat another one, of these or of what has left;
/// returns whether there were any.
pub async fn drop_duplicates(shared: &Shared, mails: &mut [&mut FirstMail], now: Instant) -> anyhow::Result<bool> {
    let mut leaving: Vec<&mut &mut FirstMail> =
        mails.iter_mut().filter(|mail| mail.fate == Fate::Leaves && mail.fingerprint.is_some()).collect();
    leaving.sort_by(|one, other| one.duplicate_order().cmp(&other.duplicate_order()));
    let sayings: Vec<Saying<'_>> = leaving.iter().filter_map(|mail| mail.saying()).collect();
    let were_said = shared.store.were_said(&sayings, now).await?;
    let mut said = BTreeSet::new();
    let dropped: Vec<bool> = sayings
        .iter()
        .zip(were_said)
        .map(|(one, was_said)| {
            was_said || !said.insert((one.account, one.to.to_lowercase(), one.playbook, one.step, one.fingerprint))
        })
        .collect();
    let any = dropped.contains(&true);
    for (mail, _) in leaving.into_iter().zip(dropped).filter(|(_, dropped)| *dropped) {
        mail.fate = Fate::Never { state: State::Skipped, reason: Because::Duplicate.to_string() };
    }
    Ok(any)
}

/// What stands around a mail, beside its enrollment.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Whether its address wants none of its class.
    suppressed: bool,
    /// An active playbook that it yields to.
    yields_to: Option<&'a str>,
    other_survey: Option<OtherSurvey>,
}

/// What the gate will say of a mail, but for the budget. Its undo window is
/// looked past: what counts is what becomes of it then.
fn foretell(
    shared: &Shared,
    loaded: &Loaded,
    enrollment: &Enrollment,
    snapshot: &Snapshot,
    mail: &FirstMail,
    around: Around<'_>,
    slot: Instant,
) -> Fate {
    let (ready, draft) = (&loaded.ready, &mail.draft);
    let contact = contact_of(snapshot, draft);
    let zone = recipient_zone(contact, snapshot.context.facts.account_zone(), ready.zone);
    let ignores = ready.ignores_quiet(&mail.step, draft.written.as_ref());
    let hours = shared.config.quiet_hours.as_ref();
    let quiet = Quiet::around(hours, &shared.calendar, zone, draft.class, ignores);
    let seen = Seen {
        now: slot,
        valid_until: draft.valid_until,
        class: draft.class,
        shadow: false,
        enrollment: is_mail_wanted(ready, enrollment, &snapshot.context),
        planned_for: &draft.contact,
        contact,
        address: Some(&draft.to),
        suppressed: around.suppressed,
        other_survey: around.other_survey,
        recheck_at: next_quarter(slot, shared.config.recheck),
        undo_until: Some(slot + shared.config.mail.undo_window),
        quiet: quiet.map(|quiet| quiet.spread_by(spread(&enrollment.account, &draft.contact, &draft.to))),
        yields_to: around.yields_to,
        held_by: None,
    };
    let answer = match gate(&seen) {
        Answer::Later { until, because: because @ Because::UndoWindow { .. } } => {
            let held_by = because.to_string();
            let recheck_at = next_quarter(until, shared.config.recheck);
            gate(&Seen { now: until, recheck_at, held_by: Some(&held_by), ..seen })
        }
        answer => answer,
    };
    Fate::of(answer)
}
