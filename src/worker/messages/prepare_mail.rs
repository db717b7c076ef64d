//! Right before a mail leaves: is its reason still true, is the contact still
//! there, may this address be written to, is the mail still valid, is it a time
//! to write. What passes is rendered and composed; `attention` then says who of
//! several may have the customer's.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use sha2::{Digest, Sha256};

use super::quiet::Quiet;
use crate::action::Situation;
use crate::action::email::{Email, refused};
use crate::action::staff::Staff;
use crate::address::parse_address;
use crate::clock::Instant;
use crate::config::Config;
use crate::delivery::post::Post;
use crate::delivery::{Composed, Footer, Mailbox, OutgoingMail, Unsubscribe, compose, layout, parse_mailbox, render};
use crate::effect::{From, ReplyTo, Score, Words, Written};
use crate::enrollment::{Enrollment, State, next_quarter, stops};
use crate::facts::{Contact, Csm};
use crate::ids;
use crate::message::budget::just_after;
use crate::playbook::quiet_hours::SPREAD;
use crate::store::messages::claimed::{Claimed, Rendered, Wait};
use crate::store::runs::playbooks::Published;
use crate::worker::enrollments::snapshot::{Sight, gone, sight};
use crate::worker::owner_notice::{FailedStep, alert_failed_step};
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What the gate made of a message.
pub(crate) enum Prepared {
    /// Bytes for the wire, to this address.
    Mail {
        composed: Box<Composed>,
        rendered: Rendered,
        to: String,
        /// Whether it may leave once more when nobody knows what became of it.
        sends_again: bool,
    },
    /// A body for a webhook or a Slack channel.
    Post {
        post: Box<Post>,
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
        wait: Wait,
    },
}

impl Prepared {
    pub fn ended(state: &'static str, reason: impl Into<String>) -> Prepared {
        Prepared::Ended { state, reason: reason.into() }
    }

    pub fn retry(next_at: Instant, reason: String) -> Prepared {
        Prepared::Later { next_at, reason, wait: Wait::Retry }
    }
}

/// Gates and renders the customer mails of one revision.
pub(crate) async fn prepare(
    shared: &Arc<Shared>,
    published: &[Published],
    playbook: &str,
    revision: &str,
    mut messages: Vec<Claimed>,
    now: Instant,
) -> anyhow::Result<Vec<(Claimed, Prepared)>> {
    let store = &shared.store;
    let loaded = match shared.loaded(playbook, revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            let next_at = next_quarter(now, shared.config.recheck);
            let later = |message| (message, Prepared::retry(next_at, why.clone()));
            return Ok(messages.into_iter().map(later).collect());
        }
    };
    let wanted: Vec<_> =
        messages.iter().filter_map(|message| Some((message.account_id.clone(), message.enrollment_id?))).collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let sights = sight(shared, &loaded, now, &enrollments).await?;
    let seen: HashMap<uuid::Uuid, (Enrollment, Option<Sight>)> =
        enrollments.into_iter().zip(sights).map(|(enrollment, sight)| (enrollment.id, (enrollment, sight))).collect();
    for message in &mut messages {
        let sight = message.enrollment_id.and_then(|id| seen.get(&id)).and_then(|(_, sight)| sight.as_ref());
        if let Some(current) = sight.and_then(|sight| current_address(sight, &message.contact_id)) {
            message.to_address = Some(current);
        }
    }
    let mails = messages.iter().map(|message| (message.to_address.as_deref().unwrap_or_default(), &*message.class));
    let suppressed = store.suppressed(&mails.collect::<Vec<_>>()).await?;
    let mut asked = Vec::new();
    for (message, suppressed) in messages.into_iter().zip(suppressed) {
        let token = match &message.to_address {
            // Of redirected mail it is the reader who may try the link, and not the customer.
            Some(to) if message.class != "transactional" => {
                let reader = shared.config.mail.redirect_to.as_ref().unwrap_or(to);
                Some(store.unsubscribe_token(reader, &message.class).await?)
            }
            _ => None,
        };
        asked.push((message, suppressed, token));
    }
    let mut surveys = HashMap::new();
    for (message, ..) in &asked {
        if let Some(question) = loaded.ready.action(&message.step).and_then(|action| action.question()) {
            let token = store.survey_token(message.id, question.score).await?;
            surveys.insert(message.id, format!("{}/s/{token}", shared.public_url));
        }
    }
    let (with, compiled) = (shared.clone(), loaded.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        asked
            .into_iter()
            .map(|(message, suppressed, token)| {
                let around = message.enrollment_id.and_then(|id| seen.get(&id));
                let prepared = match around {
                    Some((enrollment, Some(sight))) => {
                        let survey = surveys.get(&message.id).map(String::as_str);
                        let gate = Gate { shared: &with, loaded: &loaded, enrollment, sight, survey, now };
                        crate::worker::round::unless_panicking(|| gate.prepare(&message, suppressed, token))
                            .unwrap_or_else(|| Prepared::ended("failed", "a fault of Keepwell's own: see its log"))
                    }
                    Some((enrollment, None)) => Prepared::ended("cancelled", gone(enrollment)),
                    None => Prepared::ended("cancelled", "its enrollment is gone"),
                };
                (message, prepared)
            })
            .collect::<Vec<(Claimed, Prepared)>>()
    });
    let mut prepared = prepared.await?;
    crate::worker::runs::breaker::give_way(shared, published, playbook, &mut prepared, now).await?;
    for (message, outcome) in &prepared {
        if let Prepared::Ended { state: "failed", reason } = outcome {
            let failed = FailedStep { step: &message.step, account: &message.account_id, reason };
            alert_failed_step(shared, &compiled, failed, now).await?;
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
    /// Where a survey is answered.
    survey: Option<&'a str>,
    now: Instant,
}

impl Gate<'_> {
    fn prepare(&self, message: &Claimed, suppressed: bool, token: Option<String>) -> Prepared {
        if message.valid_until < self.now {
            return Prepared::ended("expired", "not sent while it was valid");
        }
        // An enrollment whose steps are through waits for no mail of which nobody
        // knows whether it arrived; one that is found not to have left still may.
        if !matches!(self.enrollment.state, State::Active | State::Completed) {
            let reason = self.enrollment.reason.clone();
            return Prepared::ended("cancelled", reason.unwrap_or_else(|| self.enrollment.state.name().to_owned()));
        }
        match stops(&self.loaded.ready, &self.sight.context) {
            Ok(None) => {}
            Ok(Some(stop)) => return Prepared::ended("cancelled", stop.reason),
            // Unsure is not sure: the mail waits.
            Err(error) => {
                let next_at = next_quarter(self.now, self.shared.config.recheck);
                return Prepared::retry(next_at, format!("undecided: {error}"));
            }
        }
        let contact = self.sight.people.contacts.iter().find(|contact| contact.id == message.contact_id);
        if let Some(reason) = refused(&message.contact_id, contact, &message.class, self.now) {
            return Prepared::ended("skipped", reason);
        }
        if suppressed {
            return Prepared::ended("suppressed", "suppressed");
        }
        let written = match message.words.clone().map(serde_json::from_value::<Written>).transpose() {
            Ok(written) => written,
            Err(error) => return Prepared::ended("failed", error.to_string()),
        };
        if let Some(later) = self.held_back(message, written.as_ref(), contact) {
            return later;
        }
        let Some(to) = message.to_address.clone() else {
            return Prepared::ended("failed", "there is no address");
        };
        match self.compose(message, written, contact, &to, token) {
            Ok((_, rendered)) if message.shadow => Prepared::Shadow { rendered, to },
            Ok((composed, rendered)) => {
                Prepared::Mail { composed: Box::new(composed), rendered, to, sends_again: self.sends_again(message) }
            }
            Err(reason) => Prepared::ended("failed", reason),
        }
    }

    fn sends_again(&self, message: &Claimed) -> bool {
        let action = self.loaded.ready.action(&message.step);
        action.and_then(|action| action.email()).is_some_and(|email| email.sends_again)
    }

    /// The undo window and quiet hours. What is held is looked at wholly again
    /// when its time comes, and when it has expired.
    fn held_back(&self, message: &Claimed, written: Option<&Written>, contact: Option<&Contact>) -> Option<Prepared> {
        if message.shadow {
            return None;
        }
        let config = &self.shared.config;
        let latest = just_after(message.valid_until);
        let later = |until: Instant, reason, wait| {
            (until > self.now).then(|| Prepared::Later { next_at: until.min(latest), reason, wait })
        };
        let leaves_at = message.leaves_at.unwrap_or(self.now + config.mail.undo_window);
        let told = leaves_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let undo = later(leaves_at, format!("can be cancelled until {told}"), Wait::Undo { until: leaves_at });
        if undo.is_some() {
            return undo;
        }
        let quiet =
            Quiet::around(self.shared, self.loaded, self.sight, &message.step, written, contact, &message.class)?;
        let Some(until) = quiet.over(self.now) else {
            return later(latest, quiet.told(None), Wait::Quiet { until: latest });
        };
        // Stable for a recipient, so that several mails held for one meet again.
        let to = message.to_address.as_deref().unwrap_or_default().to_lowercase();
        let who = if message.contact_id.is_empty() { &to } else { &message.contact_id };
        let spread = ids::share(&["quiet", &message.account_id, who], SPREAD.num_seconds().unsigned_abs());
        let turn = until + chrono::Duration::seconds(spread as i64);
        let turn = if until > self.now && quiet.over(turn) == Some(turn) { turn } else { until };
        later(turn, quiet.told(Some(until)), Wait::Quiet { until })
    }

    fn compose(
        &self,
        message: &Claimed,
        written: Option<Written>,
        contact: Option<&Contact>,
        to: &str,
        token: Option<String>,
    ) -> Result<(Composed, Rendered), String> {
        let step = self.loaded.ready.action(&message.step);
        let action = step.and_then(|action| action.email());
        let (mut words, from, reply_to) = match (written, action) {
            (Some(written), _) => (written.words, written.from, written.reply_to),
            (None, Some(email)) => (self.words(email, contact)?, email.from, email.reply_to.clone()),
            (None, None) => return Err(format!("its revision has no mail step {}", message.step)),
        };
        if let (Some(question), Some(link)) = (step.and_then(|action| action.question()), self.survey) {
            words.body.push_str(&answers(question.score, link));
        }
        let csm = self.sight.people.csm.as_ref();
        let auto_submitted = from == From::Default;
        let from = sender(&self.shared.config.mail.from, from, csm)?;
        let reply_to = match reply_to {
            ReplyTo::Address(address) => Some(Mailbox { name: None, address }),
            // Not every store knows its colleagues' addresses; that keeps no customer's mail.
            ReplyTo::Csm => csm
                .filter(|csm| parse_address(&csm.email).is_ok())
                .map(|csm| Mailbox { name: Some(csm.name.clone()), address: csm.email.clone() }),
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
        let config = &self.shared.config.mail;
        let domain = from.address.rsplit('@').next().unwrap_or_default().to_owned();
        // Of redirected mail the colleague's mailbox would bounce.
        let envelope_from = bounces_to(&self.shared.config, message).filter(|_| config.redirect_to.is_none());
        let mail = OutgoingMail {
            message_id: message.message_id.clone(),
            envelope_from: envelope_from.clone(),
            from,
            reply_to,
            to_name: contact.map(|contact| contact.name.clone()),
            to: self.shared.config.mail.redirect_to.clone().unwrap_or_else(|| to.to_owned()),
            subject: words.subject,
            text: body.text,
            html: body.html,
            unsubscribe: link.map(|https_url| Unsubscribe {
                one_click: https_url.starts_with("https://"),
                https_url,
                address: envelope_from,
            }),
            list_id: (message.class != "transactional").then(|| format!("{}.{domain}", message.class)),
            feedback_id: Some(feedback_id(message, &domain)),
            // A mail in a person's name wants answers; that the reader is away is one.
            auto_submitted,
            date: self.now,
            footer,
        };
        compose(&mail).map(|composed| (composed, rendered)).map_err(|error| error.to_string())
    }

    fn words(&self, email: &Email, contact: Option<&Contact>) -> Result<Words, String> {
        let alerts_to = self.loaded.ready.playbook.alerts_to.as_deref();
        // The words are of the account's own CSM, whoever covers.
        let staff = Staff::default();
        let situation = Situation {
            sandbox: &self.loaded.ready.sandbox,
            context: &self.sight.context,
            people: &self.sight.people,
            staff: &staff,
            playbook: &self.loaded.ready.playbook.id,
            alerts_to: alerts_to.or(self.shared.config.alerts_to.as_deref()),
            zone: self.loaded.ready.zone,
            calendar: &self.shared.calendar,
        };
        email.words(&situation, contact, self.sight.context.facts.account_zone()).map_err(|error| error.to_string())
    }
}

/// The links of a survey, as Markdown: one for each answer, or one to write it.
fn answers(score: Option<Score>, link: &str) -> String {
    let Some(score) = score else { return format!("\n\n[Answer]({link})\n") };
    let links: Vec<String> = score.values().map(|value| format!("[{value}]({link}?answer={value})")).collect();
    let ((low, high), values) = (score.ends(), score.values());
    format!("\n\n{}\n\n{}: {low}, {}: {high}\n", links.join(" · "), values.start(), values.end())
}

/// From: our address, under the CSM's name where the step asks for it.
pub(crate) fn sender(configured: &str, from: From, csm: Option<&Csm>) -> Result<Mailbox, String> {
    let ours = parse_mailbox(configured).map_err(|error| error.to_string())?;
    Ok(match (from, csm) {
        (From::Csm, Some(csm)) => Mailbox { name: Some(csm.name.clone()), address: ours.address },
        _ => ours,
    })
}

/// The envelope's sender, where bounces are read.
pub(crate) fn bounces_to(config: &Config, message: &Claimed) -> Option<String> {
    config.mail.bounces.as_ref().map(|bounces| bounces.envelope_from(&message.message_id))
}

/// The playbook, the class and the sender as mailbox providers count
/// complaints. The playbook goes by a hash: its name is not for customers.
fn feedback_id(message: &Claimed, domain: &str) -> String {
    let short =
        |text: &str| -> String { Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect() };
    format!("{}:{}:kw{}", short(&message.playbook), message.class, short(domain))
}
