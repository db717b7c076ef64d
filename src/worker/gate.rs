//! Right before a mail leaves: is its reason still true, is the contact still
//! there, may this address be written to, is the mail still valid. What passes
//! is rendered and composed.

use std::collections::HashMap;
use std::sync::Arc;

use super::Shared;
use super::advancer::{Sight, gone, sight};
use super::compiled::Loaded;
use crate::action::Situation;
use crate::action::email::{From, ReplyTo, unreachable};
use crate::clock::Instant;
use crate::delivery::{Composed, Footer, Mailbox, OutgoingMail, Unsubscribe, compose, layout, parse_mailbox, render};
use crate::effect::Words;
use crate::enrollment::{Enrollment, next_quarter, stops};
use crate::facts::{Contact, Csm, Value};
use crate::store::outbox::{Claimed, Rendered};

/// What the gate made of a message.
pub(super) enum Prepared {
    /// Bytes for the wire, to this address.
    Mail {
        composed: Box<Composed>,
        rendered: Rendered,
        to: String,
    },
    /// Recorded only.
    Shadow {
        rendered: Rendered,
        to: String,
    },
    Ended {
        state: &'static str,
        reason: String,
    },
    Later {
        next_at: Instant,
        reason: String,
    },
}

impl Prepared {
    pub fn ended(state: &'static str, reason: impl Into<String>) -> Prepared {
        Prepared::Ended { state, reason: reason.into() }
    }
}

/// Gates and renders the customer mails of one revision.
pub(super) async fn prepare(
    shared: &Arc<Shared>,
    playbook: &str,
    revision: &str,
    messages: Vec<Claimed>,
    now: Instant,
) -> super::Result<Vec<(Claimed, Prepared)>> {
    let store = &shared.store;
    let loaded = match shared.loaded(playbook, revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            let next_at = next_quarter(now, shared.config.recheck);
            let later = |message| (message, Prepared::Later { next_at, reason: why.clone() });
            return Ok(messages.into_iter().map(later).collect());
        }
    };
    let wanted: Vec<_> =
        messages.iter().filter_map(|message| Some((message.account_id.clone(), message.enrollment_id?))).collect();
    let enrollments = store.enrollments_by_id(&wanted, &shared.schema).await?;
    let sights = sight(shared, &loaded, now, &enrollments).await?;
    let seen: HashMap<uuid::Uuid, (Enrollment, Option<Sight>)> =
        enrollments.into_iter().zip(sights).map(|(enrollment, sight)| (enrollment.id, (enrollment, sight))).collect();
    let mut asked = Vec::new();
    for mut message in messages {
        let sight = message.enrollment_id.and_then(|id| seen.get(&id)).and_then(|(_, sight)| sight.as_ref());
        if let Some(current) = sight.and_then(|sight| current_address(sight, &message.contact_id)) {
            message.to_address = Some(current);
        }
        let suppressed = match &message.to_address {
            Some(to) => store.is_suppressed(to, &message.class).await?,
            None => false,
        };
        let token = match &message.to_address {
            Some(to) if message.class != "transactional" => Some(store.unsubscribe_token(to, &message.class).await?),
            _ => None,
        };
        asked.push((message, suppressed, token));
    }
    let (with, compiled) = (shared.clone(), loaded.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        asked
            .into_iter()
            .map(|(message, suppressed, token)| {
                let around = message.enrollment_id.and_then(|id| seen.get(&id));
                let prepared = match around {
                    Some((enrollment, Some(sight))) => {
                        let gate = Gate { shared: &with, loaded: &loaded, enrollment, sight, now };
                        super::unless_panicking(|| gate.prepare(&message, suppressed, token))
                            .unwrap_or_else(|| Prepared::ended("failed", "a fault of Keepwell's own: see its log"))
                    }
                    Some((enrollment, None)) => Prepared::ended("cancelled", gone(enrollment)),
                    None => Prepared::ended("cancelled", "its enrollment is gone"),
                };
                (message, prepared)
            })
            .collect::<Vec<(Claimed, Prepared)>>()
    });
    let prepared = prepared.await?;
    for (message, outcome) in &prepared {
        if let Prepared::Ended { state: "failed", reason } = outcome {
            super::step_failed(shared, &compiled, &message.step, &message.account_id, reason, now).await?;
        }
    }
    Ok(prepared)
}

/// The address a contact has by now, which may have changed since the mail was
/// planned.
fn current_address(sight: &Sight, contact: &str) -> Option<String> {
    let contact = sight.people.contacts.iter().find(|known| !contact.is_empty() && known.id == contact)?;
    contact.email.as_deref().map(str::trim).filter(|email| !email.is_empty()).map(str::to_owned)
}

/// One enrollment right before a mail of it leaves.
struct Gate<'a> {
    shared: &'a Shared,
    loaded: &'a Loaded,
    enrollment: &'a Enrollment,
    sight: &'a Sight,
    now: Instant,
}

impl Gate<'_> {
    fn prepare(&self, message: &Claimed, suppressed: bool, token: Option<String>) -> Prepared {
        if message.valid_until < self.now {
            return Prepared::ended("expired", "not sent while it was valid");
        }
        if self.enrollment.state != crate::enrollment::State::Active {
            let reason = self.enrollment.reason.clone();
            return Prepared::ended("cancelled", reason.unwrap_or_else(|| self.enrollment.state.name().to_owned()));
        }
        match stops(&self.loaded.ready, &self.sight.context) {
            Ok(None) => {}
            Ok(Some(stop)) => return Prepared::ended("cancelled", stop.reason),
            // Unsure is not sure: the mail waits.
            Err(error) => {
                let next_at = next_quarter(self.now, self.shared.config.recheck);
                return Prepared::Later { next_at, reason: format!("undecided: {error}") };
            }
        }
        let contact = self.sight.people.contacts.iter().find(|contact| contact.id == message.contact_id);
        if let Some(reason) = contact.and_then(|contact| unreachable(contact, self.now)) {
            return Prepared::ended("skipped", reason);
        }
        if !message.contact_id.is_empty() && contact.is_none() {
            return Prepared::ended("skipped", "contact gone");
        }
        if suppressed {
            return Prepared::ended("suppressed", "suppressed");
        }
        let Some(to) = message.to_address.clone() else {
            return Prepared::ended("failed", "there is no address");
        };
        match self.compose(message, contact, &to, token) {
            Ok((_, rendered)) if message.shadow => Prepared::Shadow { rendered, to },
            Ok((composed, rendered)) => Prepared::Mail { composed: Box::new(composed), rendered, to },
            Err(reason) => Prepared::ended("failed", reason),
        }
    }

    fn compose(
        &self,
        message: &Claimed,
        contact: Option<&Contact>,
        to: &str,
        token: Option<String>,
    ) -> Result<(Composed, Rendered), String> {
        let action = self.loaded.ready.action(&message.step).and_then(|action| action.email());
        let words = match (&message.words, action) {
            (Some(words), _) => serde_json::from_value(words.clone()).map_err(|error| error.to_string())?,
            (None, Some(email)) => self.words(email, contact)?,
            (None, None) => return Err(format!("its revision has no mail step {}", message.step)),
        };
        let csm = self.sight.people.csm.as_ref();
        let from = sender(&self.shared.config.mail.from, action.map(|email| email.from), csm)?;
        let reply_to = match action.map(|email| &email.reply_to) {
            Some(ReplyTo::Address(address)) => Some(Mailbox { name: None, address: address.clone() }),
            Some(ReplyTo::Csm) | None => {
                csm.map(|csm| Mailbox { name: Some(csm.name.clone()), address: csm.email.clone() })
            }
        };
        let link = token.map(|token| format!("{}/u/{token}", self.shared.public_url));
        let body = render(&words.body);
        let footer =
            Footer { postal_address: self.shared.config.mail.postal_address.clone(), unsubscribe_url: link.clone() };
        let rendered = Rendered {
            subject: words.subject.clone(),
            text: layout::text(&body.text, &footer),
            html: layout::page(&body.html, &footer),
        };
        let mail = OutgoingMail {
            message_id: message.message_id.clone(),
            envelope_from: None,
            from,
            reply_to,
            to_name: contact.map(|contact| contact.name.clone()),
            to: self.shared.config.mail.redirect_to.clone().unwrap_or_else(|| to.to_owned()),
            subject: words.subject,
            text: body.text,
            html: body.html,
            unsubscribe: link.map(|https_url| Unsubscribe { one_click: https_url.starts_with("https://"), https_url }),
            list_id: None,
            auto_submitted: true,
            date: self.now,
            footer,
        };
        compose(&mail).map(|composed| (composed, rendered)).map_err(|error| error.to_string())
    }

    fn words(&self, email: &crate::action::email::Email, contact: Option<&Contact>) -> Result<Words, String> {
        let alerts_to = self.loaded.ready.playbook.alerts_to.as_deref();
        let situation = Situation {
            sandbox: &self.loaded.ready.sandbox,
            context: &self.sight.context,
            people: &self.sight.people,
            playbook: &self.loaded.ready.playbook.id,
            alerts_to: alerts_to.or(self.shared.config.alerts_to.as_deref()),
            zone: self.loaded.ready.zone,
            calendar: &self.shared.calendar,
        };
        let zone = match self.sight.context.facts.column("timezone") {
            Some(Value::Text(zone)) => Some(zone.to_string()),
            _ => None,
        };
        email.words(&situation, contact, zone.as_deref()).map_err(|error| error.to_string())
    }
}

/// From: our address, under the CSM's name where the step asks for it.
fn sender(configured: &str, from: Option<From>, csm: Option<&Csm>) -> Result<Mailbox, String> {
    let ours = parse_mailbox(configured).map_err(|error| error.to_string())?;
    Ok(match (from, csm) {
        (Some(From::Csm), Some(csm)) => Mailbox { name: Some(csm.name.clone()), address: ours.address },
        _ => ours,
    })
}

/// A notice to a colleague: its words are final.
pub(super) async fn notice(shared: &Shared, message: &Claimed, now: Instant) -> super::Result<Prepared> {
    if message.valid_until < now {
        return Ok(Prepared::ended("expired", "not sent while it was valid"));
    }
    let Some(to) = message.to_address.clone() else {
        return Ok(Prepared::ended("skipped", "nobody to tell"));
    };
    let text = shared.store.notice_text(message).await?;
    let subject = message.subject.clone().unwrap_or_default();
    let rendered = Rendered { subject: subject.clone(), text: text.clone(), html: String::new() };
    if message.shadow || !shared.config.notify_csm_email {
        return Ok(Prepared::Shadow { rendered, to });
    }
    let from = match sender(&shared.config.mail.from, None, None) {
        Ok(from) => from,
        Err(reason) => return Ok(Prepared::ended("failed", reason)),
    };
    let body = render(&plain(&text));
    let footer = Footer { postal_address: None, unsubscribe_url: None };
    let rendered = Rendered { html: layout::page(&body.html, &footer), ..rendered };
    let mail = OutgoingMail {
        message_id: message.message_id.clone(),
        envelope_from: None,
        from,
        reply_to: None,
        to_name: None,
        to: to.clone(),
        subject,
        text: body.text,
        html: body.html,
        unsubscribe: None,
        list_id: None,
        auto_submitted: true,
        date: now,
        footer,
    };
    Ok(match compose(&mail) {
        Ok(composed) => Prepared::Mail { composed: Box::new(composed), rendered, to },
        Err(error) => Prepared::ended("failed", error.to_string()),
    })
}

/// A notice's text as Markdown that prints it literally, line by line.
fn plain(text: &str) -> String {
    text.lines().map(crate::delivery::escape).collect::<Vec<_>>().join("\n\n")
}
