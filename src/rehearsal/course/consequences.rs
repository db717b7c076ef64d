//! What a look asked for: tasks opened, mails delivered, notices collected.

use chrono::TimeDelta;

use super::{Course, OpenTask};
use crate::action::Situation;
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MailDraft, MessageDraft, TaskDraft};
use crate::enrollment::{MessageEnd, Phase, stops};
use crate::facts::history::{MailRecord, TaskRecord};
use crate::facts::{Csm, Value};
use crate::rehearsal::deed::{Deed, What};
use crate::rehearsal::wording;
use crate::rule::Context;
use crate::rule::functions::FoldError;

/// The same mail address hears from one step at most once in this time.
const SAME_ADDRESS: TimeDelta = TimeDelta::hours(24);

impl Course<'_> {
    /// Does what a look asked for.
    pub(super) fn carry_out(&mut self, index: usize, effects: Vec<Effect>, now: Instant) -> Result<(), FoldError> {
        let mut mails = 0;
        for Effect { step, ordinal, body, .. } in effects {
            match body {
                EffectBody::Task(draft) => {
                    self.open(index, step, ordinal, draft, now);
                }
                EffectBody::Message(MessageDraft::Mail(draft)) => {
                    mails += 1;
                    self.send(index, &step, draft, now)?;
                }
                EffectBody::Message(MessageDraft::Notice(draft)) => {
                    let text = format!("notice `{step}` to {}: {}", draft.audience, wording::beginning(&draft.text));
                    self.happen(now, text);
                    self.deed(now, What::Notice { step, draft });
                }
                EffectBody::Message(MessageDraft::Skipped { to, reason, .. }) => {
                    let to = to.map_or(String::new(), |to| format!(" to {to}"));
                    self.note(now, Some(&step), format!("the mail `{step}`{to} was skipped: {reason}"), false);
                }
                EffectBody::Message(MessageDraft::Failed { reason }) => {
                    self.note(now, Some(&step), format!("the step `{step}` failed: {reason}"), true);
                }
            }
        }
        if mails > 0 {
            let trip = &mut self.trips[index];
            trip.messages = vec![MessageEnd(Some(now)); mails];
            if trip.enrollment.phase == Phase::Sending {
                trip.enrollment.look_at = Some(now);
            }
        }
        Ok(())
    }

    pub(super) fn deed(&mut self, now: Instant, what: What) {
        let after = self.offset(now);
        self.deeds.push(Deed { after, what });
    }

    /// Notes in the account's own history how a task ended.
    pub(super) fn end_record(&mut self, record: Option<usize>, now: Instant, done: bool) {
        if let Some(task) = record.and_then(|record| self.world.history.tasks.get_mut(record)) {
            (task.ended_at, task.done) = (Some(now), done);
        }
    }

    fn open(&mut self, index: usize, step: String, ordinal: i32, draft: TaskDraft, now: Instant) {
        if let Some(open) = self.tasks.iter_mut().find(|task| task.step == step && task.ordinal == ordinal) {
            (open.keep, open.trip) = (draft.keep, index);
            self.happen(now, format!("the task `{step}` is still open and was refreshed"));
            return;
        }
        let record = (!self.trips[index].enrollment.shadow).then_some(self.world.history.tasks.len());
        if record.is_some() {
            let contact = self.world.enrolled();
            self.world.history.tasks.push(TaskRecord { contact, created_at: now, ended_at: None, done: false });
        }
        self.tasks.push(OpenTask { step: step.clone(), ordinal, keep: draft.keep, trip: index, record });
        let people = &self.world.people;
        let (csm, manager) = (people.csm.as_ref(), people.manager.as_ref());
        let is = |person: Option<&Csm>| person.is_some_and(|person| Some(&person.id) == draft.assignee.as_ref());
        let role = if is(csm) {
            Some("csm")
        } else if is(manager) {
            Some("manager")
        } else {
            None
        };
        let to = role.or(draft.assignee.as_deref()).unwrap_or("nobody");
        let due =
            draft.due_at.map_or(String::new(), |due| format!(", due {}", wording::instant(due, self.playbook.zone)));
        self.happen(now, format!("task `{step}` for {to}{due}: {}", draft.title));
        self.deed(now, What::Task { step, role, draft });
    }

    /// Delivers one mail, unless something stops it at the last moment.
    fn send(&mut self, index: usize, step: &str, draft: MailDraft, now: Instant) -> Result<(), FoldError> {
        let trip = &self.trips[index];
        let context = self.context(trip, now)?;
        match stops(self.playbook, &context) {
            Ok(None) => {}
            Ok(Some(stop)) => {
                self.note(now, Some(step), format!("the mail `{step}` was not sent: {}", stop.reason), false);
                return Ok(());
            }
            Err(error) => {
                self.note(now, Some(step), format!("the mail `{step}` was not sent: undecided: {error}"), true);
                return Ok(());
            }
        }
        let address = draft.to.to_lowercase();
        let recent =
            |(of, to, at): &(String, String, Instant)| of == step && *to == address && now - *at < SAME_ADDRESS;
        if self.sent.iter().any(recent) {
            let text = format!("the mail `{step}` to {} was skipped: duplicate address", draft.to);
            self.note(now, Some(step), text, false);
            return Ok(());
        }
        let recipient =
            self.world.people.contacts.iter().find(|contact| !draft.contact.is_empty() && contact.id == draft.contact);
        let role = recipient.and_then(|contact| contact.role.clone());
        let enrolled = recipient.is_some_and(|contact| contact.id == self.world.subject.contact);
        let words = match (draft.words, self.playbook.action(step).and_then(|action| action.email())) {
            (Some(words), _) => Ok(words),
            (None, Some(email)) => {
                let zone = match context.facts.column("timezone") {
                    Some(Value::Text(zone)) => Some(zone.to_string()),
                    _ => None,
                };
                email.words(&self.situation(&context), recipient, zone.as_deref()).map_err(|error| error.to_string())
            }
            (None, None) => Err("the step has no words".to_owned()),
        };
        match words {
            Err(reason) => {
                self.note(now, Some(step), format!("the mail `{step}` could not be written: {reason}"), true)
            }
            Ok(words) => {
                self.sent.push((step.to_owned(), address, now));
                if !self.trips[index].enrollment.shadow {
                    let contact = Some(draft.contact.clone()).filter(|contact| !contact.is_empty());
                    self.world.history.mails.push(MailRecord { contact, sent_at: now });
                }
                self.trips[index].sent.insert(step.to_owned());
                let who = role.as_deref().unwrap_or(if enrolled { "the contact" } else { "no contact" });
                self.happen(now, format!("mail `{step}` to {who} ({}): {}", draft.to, words.subject));
                self.deed(now, What::Mail { step: step.to_owned(), role, enrolled, address: draft.to, words });
            }
        }
        Ok(())
    }

    fn situation<'b>(&'b self, context: &'b Context) -> Situation<'b> {
        Situation {
            sandbox: &self.playbook.sandbox,
            context,
            people: &self.world.people,
            playbook: &self.playbook.playbook.id,
            alerts_to: self.alerts_to(),
            zone: self.playbook.zone,
            calendar: &self.calendar,
        }
    }
}
