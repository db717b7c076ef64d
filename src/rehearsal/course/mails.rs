//! Mails between their decision and their end: the gate of a case.
//!
//! The budget and the quiet hours are those of the case. Held mail leaves at
//! the very end of the quiet hours; the spread of real mail is not played.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;

use super::Course;
use crate::action::email::{recipient_zone, refused};
use crate::address::parse_address;
use crate::clock::Instant;
use crate::effect::{MailClass, MailDraft};
use crate::enrollment::{MessageEnd, Phase, next_quarter, stops};
use crate::facts::Contact;
use crate::facts::history::{EnrollmentRecord, MailRecord};
use crate::message::budget::{Answer, Contender, Rank, Standing, Use, allot, just_after};
use crate::rehearsal::happened::{Consequence, What};
use crate::rehearsal::wording;
use crate::rule::functions::fold::FoldError;

/// The same mail address hears from one step at most once in this time.
const SAME_ADDRESS: TimeDelta = TimeDelta::hours(24);

/// A mail that has not left yet.
#[derive(Clone)]
pub(super) struct Planned {
    pub trip: usize,
    /// Its place among the mails of its step.
    pub place: usize,
    pub id: Uuid,
    pub step: String,
    pub draft: MailDraft,
    pub next_at: Instant,
    /// The end of the quiet hours that held it.
    pub held_until: Option<Instant>,
}

/// What becomes of a mail that is due.
pub(super) enum Verdict {
    Go,
    Later { next_at: Instant, held_until: Option<Instant>, reason: String, failed: bool },
    Ended { reason: String, failed: bool },
}

impl Course<'_> {
    /// Sends what is due; returns whether anything was.
    pub(super) fn deliver(&mut self, now: Instant) -> Result<bool, FoldError> {
        let (due, later): (Vec<Planned>, Vec<Planned>) =
            std::mem::take(&mut self.planned).into_iter().partition(|mail| mail.next_at <= now);
        self.planned = later;
        let due: Vec<Planned> = due.into_iter().map(|mail| self.readdressed(mail)).collect();
        let any = !due.is_empty();
        let mut verdicts = self.verdicts(&due, now)?;
        for mail in due {
            if let Some(verdict) = verdicts.remove(&mail.id) {
                self.act(mail, verdict, now)?;
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
    pub(super) fn verdicts(&self, due: &[Planned], now: Instant) -> Result<BTreeMap<Uuid, Verdict>, FoldError> {
        let mut verdicts = BTreeMap::new();
        for mail in due {
            verdicts.insert(mail.id, self.gate(mail, now)?);
        }
        let asking: Vec<&Planned> =
            due.iter().filter(|mail| matches!(verdicts.get(&mail.id), Some(Verdict::Go))).collect();
        for (id, answer) in self.answers(&asking, now) {
            let verdict = match answer {
                Answer::Go => Verdict::Go,
                Answer::Later { at, reason, .. } | Answer::StepBack { at, reason } => {
                    Verdict::Later { next_at: at, held_until: None, reason, failed: false }
                }
                Answer::Outranked { reason } => {
                    Verdict::Ended { reason: format!("was skipped: {reason}"), failed: false }
                }
            };
            verdicts.insert(id, verdict);
        }
        Ok(verdicts)
    }

    /// Carries a verdict out.
    pub(super) fn act(&mut self, mut mail: Planned, verdict: Verdict, now: Instant) -> Result<(), FoldError> {
        match verdict {
            Verdict::Go => self.send(&mail, now)?,
            Verdict::Ended { reason, failed } => self.end_mail(&mail, &reason, failed, now),
            Verdict::Later { next_at, held_until, reason, failed } => {
                let text = format!("the mail `{}` to {} waits: {reason}", mail.step, mail.draft.to);
                self.note(now, Some(&mail.step), text, failed);
                mail.next_at = next_at;
                mail.held_until = held_until.or(mail.held_until);
                self.planned.push(mail);
            }
        }
        Ok(())
    }

    /// Drops the mails of an enrollment that was stopped.
    pub(super) fn cancel(&mut self, trip: usize, now: Instant) {
        let (gone, kept): (Vec<Planned>, Vec<Planned>) =
            std::mem::take(&mut self.planned).into_iter().partition(|mail| mail.trip == trip);
        self.planned = kept;
        for mail in gone {
            let text = format!("the mail `{}` to {} was cancelled", mail.step, mail.draft.to);
            self.note(now, Some(&mail.step), text, false);
        }
    }

    /// Whether a mail may leave, but for the budget.
    fn gate(&self, mail: &Planned, now: Instant) -> Result<Verdict, FoldError> {
        if mail.draft.valid_until < now {
            return Ok(Verdict::Ended {
                reason: "expired: it was not sent while it was valid".to_owned(),
                failed: false,
            });
        }
        let context = self.context(&self.trips[mail.trip], now)?;
        match stops(self.playbook, &context) {
            Ok(None) => {}
            Ok(Some(stop)) => {
                return Ok(Verdict::Ended { reason: format!("was not sent: {}", stop.reason), failed: false });
            }
            // Unsure is not sure: the mail waits.
            Err(error) => {
                let next_at = next_quarter(now, self.config.recheck).min(just_after(mail.draft.valid_until));
                let reason = format!("undecided: {error}");
                return Ok(Verdict::Later { next_at, held_until: None, reason, failed: true });
            }
        }
        let draft = &mail.draft;
        if let Err(error) = parse_address(&draft.to) {
            return Ok(Verdict::Ended { reason: format!("could not be sent: {error}"), failed: true });
        }
        if let Some(reason) = refused(&draft.contact, self.recipient(mail), draft.class.name(), now) {
            return Ok(Verdict::Ended { reason: format!("to {} was skipped: {reason}", draft.to), failed: false });
        }
        if let Some(other) = self.gives_way_to(now).filter(|_| !self.trips[mail.trip].enrollment.shadow) {
            let (next_at, reason) =
                (next_quarter(now, self.config.recheck), format!("it yields to {other}, which is active"));
            let next_at = next_at.min(just_after(mail.draft.valid_until));
            return Ok(Verdict::Later { next_at, held_until: None, reason, failed: false });
        }
        let Some(quiet) = self.case.quiet_hours.as_ref().filter(|_| !self.trips[mail.trip].enrollment.shadow) else {
            return Ok(Verdict::Go);
        };
        let email = self.playbook.action(&mail.step).and_then(|action| action.email());
        let ignores = match &mail.draft.written {
            Some(written) => written.ignores_quiet,
            None => email.is_some_and(|email| email.ignores_quiet),
        };
        if mail.draft.class == MailClass::Transactional && ignores {
            return Ok(Verdict::Go);
        }
        let zone = recipient_zone(self.recipient(mail), context.facts.account_zone(), self.playbook.zone);
        let latest = just_after(mail.draft.valid_until);
        let until = quiet.next_allowed(&self.calendar, now, zone).unwrap_or(latest);
        if until <= now {
            return Ok(Verdict::Go);
        }
        let reason = format!("quiet hours until {}", wording::instant(until, zone));
        let until = until.min(latest);
        Ok(Verdict::Later { next_at: until, held_until: Some(until), reason, failed: false })
    }

    /// The playbook that customer mail waits for now, if there is one.
    fn gives_way_to(&self, now: Instant) -> Option<&str> {
        let own = &self.playbook.playbook.id;
        let limits = self.playbook.playbook.guardrails.over(&self.config.guardrails);
        let is_active = |one: &&EnrollmentRecord| one.started_at <= now && one.ended_at.is_none();
        let others = self.world.history.enrollments.iter().filter(is_active);
        others
            .map(|one| one.playbook.as_str())
            .find(|id| *id != own && limits.yields_to.iter().any(|other| other == id))
    }

    /// Who of the mails that ask may leave now.
    fn answers(&self, asking: &[&Planned], now: Instant) -> Vec<(Uuid, Answer)> {
        let exempt =
            |mail: &Planned| mail.draft.class == MailClass::Transactional || self.trips[mail.trip].enrollment.shadow;
        let free = asking.iter().filter(|mail| exempt(mail)).map(|mail| (mail.id, Answer::Go));
        let contenders: Vec<Contender> = asking
            .iter()
            .filter(|mail| !exempt(mail))
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
        free.chain(allot(&self.case.budget, &self.world.subject.account, &uses, &contenders, now)).collect()
    }

    /// A mail that will not be sent.
    fn end_mail(&mut self, mail: &Planned, reason: &str, failed: bool, now: Instant) {
        let text = format!("the mail `{}` {reason}", mail.step);
        self.note(now, Some(&mail.step), text, failed);
        self.ended(mail, now);
    }

    /// The step goes on once all its mails have ended.
    fn ended(&mut self, mail: &Planned, now: Instant) {
        let trip = &mut self.trips[mail.trip];
        if let Some(end) = trip.messages.get_mut(mail.place) {
            *end = MessageEnd(Some(now));
        }
        if trip.enrollment.phase == Phase::Sending {
            trip.enrollment.look_at = Some(now);
        }
    }

    fn recipient(&self, mail: &Planned) -> Option<&Contact> {
        let contact = &mail.draft.contact;
        self.world.people.contacts.iter().find(|known| !contact.is_empty() && known.id == *contact)
    }

    /// Delivers one mail.
    fn send(&mut self, mail: &Planned, now: Instant) -> Result<(), FoldError> {
        let (step, draft) = (&mail.step, &mail.draft);
        let address = draft.to.to_lowercase();
        let recent =
            |(of, to, at): &(String, String, Instant)| of == step && *to == address && now - *at < SAME_ADDRESS;
        if self.sent.iter().any(recent) {
            self.end_mail(mail, &format!("to {} was skipped: duplicate address", draft.to), false, now);
            return Ok(());
        }
        let context = self.context(&self.trips[mail.trip], now)?;
        let recipient = self.recipient(mail);
        let role = recipient.and_then(|contact| contact.role.clone());
        let enrolled = recipient.is_some_and(|contact| contact.id == self.world.subject.contact);
        let words = match (&draft.written, self.playbook.action(step).and_then(|action| action.email())) {
            (Some(written), _) => Ok(written.words.clone()),
            (None, Some(email)) => email
                .words(&self.situation(&context, &self.staff()), recipient, context.facts.account_zone())
                .map_err(|error| error.to_string()),
            (None, None) => Err("the step has no words".to_owned()),
        };
        let words = match words {
            Ok(words) => words,
            Err(reason) => {
                self.end_mail(mail, &format!("could not be written: {reason}"), true, now);
                return Ok(());
            }
        };
        self.sent.push((step.clone(), address, now));
        if !self.trips[mail.trip].enrollment.shadow {
            let contact = Some(draft.contact.clone()).filter(|contact| !contact.is_empty());
            self.world.history.mails.push(MailRecord { contact, sent_at: now });
            if draft.class != MailClass::Transactional {
                let what = format!("{}/{step}", self.playbook.playbook.id);
                self.uses.push(Use { contact: draft.contact.clone(), at: now, what });
            }
        }
        self.trips[mail.trip].sent.insert(step.clone());
        let who = role.as_deref().unwrap_or(if enrolled { "the contact" } else { "no contact" });
        self.happen(now, format!("mail `{step}` to {who} ({}): {}", draft.to, words.subject));
        let consequence = Consequence::mail(step, role.as_deref(), enrolled, &draft.to, &words);
        self.occur(now, What::Effect(consequence));
        self.ended(mail, now);
        Ok(())
    }
}
