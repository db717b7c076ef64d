//! Mails between their decision and their end: the gate of a case.
//!
//! The budget and the quiet hours are those of the case. Held mail leaves at
//! the very end of the quiet hours; the spread of real mail is not played.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;

use super::Course;
use crate::clock::Instant;
use crate::delivery::missing_words;
use crate::effect::{MailDraft, Words};
use crate::enrollment::{MessageEnd, Phase, is_mail_wanted, next_quarter};
use crate::facts::Contact;
use crate::facts::history::{EnrollmentRecord, MailRecord};
use crate::message::budget::{self, Contender, Rank, Standing, Use, allot};
use crate::message::duplicate::{self, fingerprint};
use crate::message::gate::{Answer, Because, OtherSurvey, Seen, Wait, after_budget, gate, needs_budget, yields_to};
use crate::message::quiet::Quiet;
use crate::message::recipient::recipient_zone;
use crate::message::state::State;
use crate::rehearsal::happened::{Consequence, What};
use crate::rehearsal::wording;
use crate::rule::functions::fold::FoldError;

/// A mail that has not left yet.
#[derive(Clone)]
pub(super) struct Planned {
    pub played: usize,
    /// Its place among the mails of its step.
    pub place: usize,
    pub id: Uuid,
    pub step: String,
    pub draft: MailDraft,
    pub next_at: Instant,
    /// The end of the quiet hours that held it.
    pub held_until: Option<Instant>,
    /// What it waits for, in words, as soon as it has waited.
    pub held_by: Option<String>,
    /// Whether that is a place in the budget.
    pub over_budget: bool,
}

/// A mail that left.
pub(super) struct Sent {
    step: String,
    /// In lower case.
    address: String,
    fingerprint: Uuid,
    at: Instant,
}

/// What becomes of a mail that is due.
pub(super) enum Fate {
    /// It leaves with these words.
    Leaves(Words),
    Held(Answer),
    /// Its words cannot be made.
    Unwritable(String),
}

impl Course<'_> {
    /// Sends what is due; returns whether anything was.
    pub(super) fn deliver(&mut self, now: Instant) -> Result<bool, FoldError> {
        let (due, later): (Vec<Planned>, Vec<Planned>) =
            std::mem::take(&mut self.planned).into_iter().partition(|mail| mail.next_at <= now);
        self.planned = later;
        let due: Vec<Planned> = due.into_iter().map(|mail| self.readdressed(mail)).collect();
        let any = !due.is_empty();
        let mut fates = self.fates(&due, now)?;
        for mail in due {
            if let Some(fate) = fates.remove(&mail.id) {
                self.act(mail, fate, now)?;
            }
        }
        Ok(any)
    }

    /// A mail goes to the address that its contact has by then.
    fn readdressed(&self, mail: Planned) -> Planned {
        let current = self.recipient(&mail).and_then(|contact| contact.email.as_deref()).map(str::trim);
        match current.filter(|address| !address.is_empty()).map(str::to_owned) {
            Some(to) => Planned { draft: MailDraft { to, ..mail.draft }, ..mail },
            None => mail,
        }
    }

    /// What becomes of each of several mails that are due together.
    pub(super) fn fates(&self, due: &[Planned], now: Instant) -> Result<BTreeMap<Uuid, Fate>, FoldError> {
        let mut fates = BTreeMap::new();
        if due.is_empty() {
            return Ok(fates);
        }
        for mail in due {
            let fate = match self.gate(mail, now)? {
                Answer::Go => match self.words(mail, now)?.and_then(readable) {
                    Ok(words) => Fate::Leaves(words),
                    Err(reason) => Fate::Unwritable(reason),
                },
                held => Fate::Held(held),
            };
            fates.insert(mail.id, fate);
        }
        let asking: Vec<&Planned> =
            due.iter().filter(|mail| matches!(fates.get(&mail.id), Some(Fate::Leaves(_)))).collect();
        for (mail, answer) in self.ask_budget(&asking, now) {
            match after_budget(answer, mail.draft.valid_until, now) {
                Answer::Go => {}
                held => drop(fates.insert(mail.id, Fate::Held(held))),
            }
        }
        Ok(fates)
    }

    /// Carries out what becomes of a mail.
    pub(super) fn act(&mut self, mut mail: Planned, fate: Fate, now: Instant) -> Result<(), FoldError> {
        match fate {
            Fate::Leaves(words) => self.send(&mail, words, now)?,
            Fate::Held(Answer::Go) => {}
            Fate::Unwritable(reason) => self.end_mail(&mail, &format!("could not be written: {reason}"), true, now),
            Fate::Held(Answer::Never { state, because }) => {
                let to = &mail.draft.to;
                let what = match (state, &because) {
                    (State::Expired, _) => format!("expired: {because}"),
                    (State::Failed, _) => format!("could not be sent: {because}"),
                    (State::Skipped, Because::Outranked(_)) => format!("was skipped: {because}"),
                    (State::Skipped, _) => format!("to {to} was skipped: {because}"),
                    _ => format!("was not sent: {because}"),
                };
                self.end_mail(&mail, &what, state == State::Failed, now);
            }
            Fate::Held(Answer::Later { until, because }) => {
                let reason = match because {
                    Because::QuietHours { ends: Some(ends), zone } => {
                        format!("quiet hours until {}", wording::instant(ends, zone))
                    }
                    _ => because.to_string(),
                };
                let text = format!("the mail `{}` to {} waits: {reason}", mail.step, mail.draft.to);
                self.note(now, Some(&mail.step), text, matches!(because, Because::Undecided(_)));
                let wait = because.wait(mail.draft.valid_until);
                if let Wait::Quiet { until } = wait {
                    mail.held_until = Some(until);
                }
                mail.held_by = Some(because.to_string());
                mail.over_budget = wait == Wait::Budget;
                mail.next_at = until;
                self.planned.push(mail);
            }
        }
        Ok(())
    }

    /// Drops the mails of an enrollment that was stopped.
    pub(super) fn cancel(&mut self, played: usize, now: Instant) {
        let (gone, kept): (Vec<Planned>, Vec<Planned>) =
            std::mem::take(&mut self.planned).into_iter().partition(|mail| mail.played == played);
        self.planned = kept;
        for mail in gone {
            let text = format!("the mail `{}` to {} was cancelled", mail.step, mail.draft.to);
            self.note(now, Some(&mail.step), text, false);
        }
    }

    /// Whether a mail may leave, but for the budget.
    fn gate(&self, mail: &Planned, now: Instant) -> Result<Answer, FoldError> {
        let (draft, enrollment) = (&mail.draft, &self.played[mail.played].enrollment);
        let context = self.context(&self.played[mail.played], now)?;
        let contact = self.recipient(mail);
        let zone = recipient_zone(contact, context.facts.account_zone(), self.playbook.zone);
        let ignores = self.playbook.ignores_quiet(&mail.step, draft.written.as_ref());
        Ok(gate(&Seen {
            now,
            valid_until: draft.valid_until,
            class: draft.class,
            shadow: enrollment.shadow,
            enrollment: is_mail_wanted(self.playbook, enrollment, &context),
            planned_for: &draft.contact,
            contact,
            address: Some(&draft.to),
            // Nobody of a case has unsubscribed.
            suppressed: false,
            other_survey: self.other_survey(mail, now),
            recheck_at: next_quarter(now, self.config.recheck),
            // Nor is there a person who could undo a mail.
            undo_until: None,
            quiet: Quiet::around(self.case.quiet_hours.as_ref(), &self.calendar, zone, draft.class, ignores),
            yields_to: self.yields_to(now),
            held_by: mail.held_by.as_deref(),
        }))
    }

    /// The contact who got the latest mail of a step, if any did.
    pub(super) fn asked_contact(&self, step: &str) -> Option<String> {
        let sent = self.sent.iter().rev().find(|sent| sent.step == step)?;
        let is_theirs = |contact: &&Contact| {
            contact.email.as_deref().is_some_and(|email| email.trim().to_lowercase() == sent.address)
        };
        self.world.people.contacts.iter().find(is_theirs).map(|contact| contact.id.clone())
    }

    /// What another survey has to do with the contact of a mail, if that asks something
    /// itself.
    fn other_survey(&self, mail: &Planned, now: Instant) -> Option<OtherSurvey> {
        let left_alone = TimeDelta::try_seconds(self.playbook.left_alone_after_surveys(&mail.step)?)?;
        let contact = Some(mail.draft.contact.as_str()).filter(|contact| !contact.is_empty())?;
        let mails = self.world.history.mails.iter().filter(|one| one.asks && one.contact.as_deref() == Some(contact));
        let asked = mails.map(|one| one.sent_at).filter(|at| *at > now - left_alone).max();
        asked.map(|at| OtherSurvey::HasAsked { at })
    }

    /// The playbook that customer mail waits for now, if there is one.
    fn yields_to(&self, now: Instant) -> Option<&str> {
        let limits = self.playbook.playbook.guardrails.over(&self.config.guardrails);
        let others = yields_to(&self.playbook.playbook.id, limits);
        let is_active = |one: &&EnrollmentRecord| one.started_at <= now && one.ended_at.is_none();
        let active = self.world.history.enrollments.iter().filter(is_active);
        active.map(|one| one.playbook.as_str()).find(|id| others.iter().any(|other| other == id))
    }

    /// What the budget says of mails that passed the gate together.
    fn ask_budget<'m>(&self, asking: &[&'m Planned], now: Instant) -> Vec<(&'m Planned, budget::BudgetAnswer)> {
        let contenders: Vec<Contender> = asking
            .iter()
            .filter(|mail| needs_budget(mail.draft.class, self.played[mail.played].enrollment.shadow))
            .map(|mail| Contender {
                rank: Rank::new(0, mail.draft.valid_until, mail.id),
                contact: mail.draft.contact.clone(),
                to: mail.draft.to.clone(),
                what: format!("{}/{}", self.playbook.playbook.id, mail.step),
                valid_until: mail.draft.valid_until,
                held_until: mail.held_until,
                standing: Standing::Asking,
            })
            .collect();
        let touches = self
            .world
            .history
            .events
            .iter()
            .filter(|event| event.at <= now && self.config.store.touch_events.contains(&event.name));
        let mut uses: Vec<Use> = touches
            .map(|event| Use {
                contact: event.contact.clone().unwrap_or_default(),
                at: event.at,
                what: format!("the event {}", event.name),
            })
            .collect();
        uses.extend(self.uses.iter().cloned());
        allot(&self.case.budget, &self.world.subject.account, &uses, &contenders, now)
            .into_iter()
            .filter_map(|(id, answer)| Some((*asking.iter().find(|mail| mail.id == id)?, answer)))
            .collect()
    }

    /// A mail that will not be sent.
    fn end_mail(&mut self, mail: &Planned, reason: &str, failed: bool, now: Instant) {
        let text = format!("the mail `{}` {reason}", mail.step);
        self.note(now, Some(&mail.step), text, failed);
        self.ended(mail, now);
    }

    /// The step goes on once all its mails have ended.
    fn ended(&mut self, mail: &Planned, now: Instant) {
        let played = &mut self.played[mail.played];
        if let Some(end) = played.messages.get_mut(mail.place) {
            *end = MessageEnd(Some(now));
        }
        if played.enrollment.phase == Phase::Sending {
            played.enrollment.look_at = Some(now);
        }
    }

    fn recipient(&self, mail: &Planned) -> Option<&Contact> {
        let contact = &mail.draft.contact;
        self.world.people.contacts.iter().find(|known| !contact.is_empty() && known.id == *contact)
    }

    /// The words of a mail, or why there are none.
    fn words(&self, mail: &Planned, now: Instant) -> Result<Result<Words, String>, FoldError> {
        let action = self.playbook.action(&mail.step).and_then(|action| action.email());
        let draft = &mail.draft;
        Ok(match (&draft.written, action) {
            (Some(written), _) => Ok(written.words.clone()),
            (None, Some(email)) => {
                let context = self.context(&self.played[mail.played], now)?;
                let staff = self.staff();
                let situation = self.situation(&context, &staff);
                email
                    .words(&situation, draft.variant.as_deref(), self.recipient(mail), context.facts.account_zone())
                    .map_err(|error| error.to_string())
            }
            (None, None) => Err("the step has no words".to_owned()),
        })
    }

    /// Delivers one mail.
    fn send(&mut self, mail: &Planned, words: Words, now: Instant) -> Result<(), FoldError> {
        let (step, draft) = (&mail.step, &mail.draft);
        let address = draft.to.to_lowercase();
        let fingerprint = fingerprint(&words.subject, &words.body);
        let same = |sent: &Sent| {
            sent.step == *step
                && sent.address == address
                && sent.fingerprint == fingerprint
                && now - sent.at < duplicate::WINDOW
        };
        if duplicate::may_be_dropped(draft.class) && self.sent.iter().any(same) {
            self.end_mail(mail, &format!("to {} was skipped: {}", draft.to, Because::Duplicate), false, now);
            // Its place in the budget is free for who waits for one.
            for waiting in self.planned.iter_mut().filter(|waiting| waiting.over_budget) {
                waiting.next_at = now;
            }
            return Ok(());
        }
        let recipient = self.recipient(mail);
        let role = recipient.and_then(|contact| contact.role.clone());
        let enrolled = recipient.is_some_and(|contact| contact.id == self.world.subject.contact);
        self.sent.push(Sent { step: step.clone(), address, fingerprint, at: now });
        if !self.played[mail.played].enrollment.shadow {
            let contact = Some(draft.contact.clone()).filter(|contact| !contact.is_empty());
            self.world.history.mails.push(MailRecord { contact, sent_at: now, asks: draft.survey.is_some() });
            let acts = self.played[mail.played].acts_at(now);
            (acts.mailed, acts.mailed_contact) = (true, acts.mailed_contact || enrolled);
            if needs_budget(draft.class, false) {
                let what = format!("{}/{step}", self.playbook.playbook.id);
                self.uses.push(Use { contact: draft.contact.clone(), at: now, what });
            }
        }
        self.played[mail.played].sent.insert(step.clone());
        let who = role.as_deref().unwrap_or(if enrolled { "the contact" } else { "no contact" });
        self.happen(now, format!("mail `{step}` to {who} ({}): {}", draft.to, words.subject));
        let consequence = Consequence::mail(step, role.as_deref(), enrolled, &draft.to, &words);
        let consequence = Consequence { variant: draft.variant.clone(), ..consequence };
        self.occur(now, What::Effect(Box::new(consequence)));
        self.ended(mail, now);
        Ok(())
    }
}

/// The words of a mail that says something, else what it lacks.
fn readable(words: Words) -> Result<Words, String> {
    missing_words(&words).map_or(Ok(words), |missing| Err(missing.to_owned()))
}
