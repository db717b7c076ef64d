//! Right before a customer's mail leaves: what the gate needs to know is looked
//! at, and what passes is composed. `reserve` then says which of
//! several may have the customer's attention.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::customer_mail::{ComposedMail, CustomerMail};
use crate::clock::Instant;
use crate::delivery::Composed;
use crate::delivery::post::Post;
use crate::effect::Written;
use crate::enrollment::{Enrollment, is_mail_wanted, next_quarter};
use crate::facts::Contact;
use crate::message::gate::{self, Answer, Because, OtherSurvey, Seen, Wait, gate, has_expired, yields_to};
use crate::message::quiet::{Quiet, spread};
use crate::message::recipient::recipient_zone;
use crate::message::state::State;
use crate::store::documents::reports::ReportKey;
use crate::store::messages::claimed::{Claimed, Rendered};
use crate::store::messages::contact_addresses::Addressee;
use crate::store::messages::surveys::SurveyRequest;
use crate::store::runs::playbooks::Published;
use crate::value_report::ValueReport;
use crate::worker::enrollments::snapshot::{Snapshot, current_among, take_snapshots};
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
        /// How many seconds its survey leaves a contact alone after another one; `None` of
        /// what no other survey keeps back.
        left_alone: Option<i64>,
        /// What it has in common with its duplicates; `None` of one that has none.
        fingerprint: Option<Uuid>,
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
        state: State,
        reason: String,
    },
    Later {
        next_at: Instant,
        reason: String,
        wait: Wait,
    },
}

impl Prepared {
    pub fn ended(state: State, reason: impl Into<String>) -> Prepared {
        Prepared::Ended { state, reason: reason.into() }
    }

    /// What was not sent while it was valid.
    pub fn expired(message: &Claimed) -> Prepared {
        Prepared::ended(State::Expired, Because::Expired { held_by: message.reason.clone() }.to_string())
    }

    pub fn retry(next_at: Instant, reason: String) -> Prepared {
        Prepared::Later { next_at, reason, wait: Wait::Retry }
    }

    /// What a mail becomes that the gate does not let through; `None` for one
    /// that may go.
    pub fn of(answer: Answer, valid_until: Instant) -> Option<Prepared> {
        match answer {
            Answer::Go => None,
            Answer::Never { state, because } => Some(Prepared::ended(state, because.to_string())),
            Answer::Later { until, because } => {
                Some(Prepared::Later { next_at: until, reason: because.to_string(), wait: because.wait(valid_until) })
            }
        }
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
    let recheck_at = next_quarter(now, shared.config.recheck);
    let loaded = match shared.loaded(playbook, revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            let prepared = |message: &Claimed| match has_expired(message.valid_until, now) {
                true => Prepared::expired(message),
                false => Prepared::retry(recheck_at, why.clone()),
            };
            let prepared: Vec<Prepared> = messages.iter().map(prepared).collect();
            return Ok(messages.into_iter().zip(prepared).collect());
        }
    };
    let wanted: Vec<_> =
        messages.iter().filter_map(|message| Some((message.account_id.clone(), message.enrollment_id?))).collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let snapshots = take_snapshots(shared, &loaded, now, &enrollments).await?;
    let seen: HashMap<uuid::Uuid, (Enrollment, Option<Snapshot>)> = enrollments
        .into_iter()
        .zip(snapshots)
        .map(|(enrollment, snapshot)| (enrollment.id, (enrollment, snapshot)))
        .collect();
    for message in &mut messages {
        let snapshot = message.enrollment_id.and_then(|id| seen.get(&id)).and_then(|(_, snapshot)| snapshot.as_ref());
        if let Some(current) = snapshot.and_then(|snapshot| current_address(snapshot, &message.contact_id)) {
            message.to_address = Some(current);
        }
    }
    let mails: Vec<Addressee<'_>> = messages.iter().map(addressee).collect();
    store.record_addresses(&mails).await?;
    let suppressed = store.suppressed(&mails).await?;
    let mut asked = Vec::new();
    for (message, suppressed) in messages.into_iter().zip(suppressed) {
        let token = match &message.to_address {
            // Of redirected mail it is the reader who may try the link, and not the customer.
            Some(to) if message.class.may_be_refused() => {
                let reader = shared.config.mail.redirect_to.as_ref().unwrap_or(to);
                Some(store.unsubscribe_token(reader, message.class.name()).await?)
            }
            _ => None,
        };
        asked.push((message, suppressed, token));
    }
    let other_surveys = other_surveys(shared, &loaded, asked.iter().map(|(message, ..)| message), now).await?;
    let mut surveys = HashMap::new();
    for (message, ..) in &asked {
        if let Some(question) = loaded.ready.action(&message.step).and_then(|action| action.question()) {
            let token = store.survey_token(message.id, question.scale).await?;
            surveys.insert(message.id, format!("{}/s/{token}", shared.public_url));
        }
    }
    let reports = reports_of(shared, asked.iter().map(|(message, ..)| message)).await?;
    let active = active_before(shared, published, playbook, &asked).await?;
    let (with, compiled) = (shared.clone(), loaded.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        asked
            .into_iter()
            .map(|(message, suppressed, token)| {
                let around = message.enrollment_id.and_then(|id| seen.get(&id));
                let survey = surveys.get(&message.id).map(String::as_str);
                let yields_to = active.get(&message.account_id).map(String::as_str);
                let other_survey = other_surveys.get(&message.id).copied();
                let report = report_key(&message).and_then(|key| reports.get(&key));
                let asker = Asker {
                    shared: &with,
                    loaded: &loaded,
                    around,
                    yields_to,
                    survey,
                    report,
                    other_survey,
                    recheck_at,
                    now,
                };
                let prepared = crate::worker::round::unless_panicking(|| asker.prepare(&message, suppressed, token));
                let fault = || Prepared::ended(State::Failed, "a fault of Keepwell's own: see its log");
                (message, prepared.unwrap_or_else(fault))
            })
            .collect::<Vec<(Claimed, Prepared)>>()
    });
    let prepared = prepared.await?;
    for (message, outcome) in &prepared {
        if let Prepared::Ended { state: State::Failed, reason } = outcome {
            let failed = FailedStep { step: &message.step, account: &message.account_id, reason };
            alert_failed_step(shared, &compiled, failed, now).await?;
        }
    }
    Ok(prepared)
}

/// What the gate says of one mail now, but for the budget; `None` where this
/// version cannot use its revision. Nothing is written.
pub(crate) async fn ask_gate(shared: &Shared, mut message: Claimed, now: Instant) -> anyhow::Result<Option<Answer>> {
    let store = &shared.store;
    let revision = message.revision.clone().unwrap_or_default();
    let Ok(loaded) = shared.loaded(&message.playbook, &revision).await? else { return Ok(None) };
    let wanted: Vec<_> = message.enrollment_id.map(|id| (message.account_id.clone(), id)).into_iter().collect();
    let enrollments = store.enrollments_by_id(&wanted).await?;
    let snapshots = take_snapshots(shared, &loaded, now, &enrollments).await?;
    let around = enrollments.into_iter().zip(snapshots).next();
    let snapshot = around.as_ref().and_then(|(_, snapshot)| snapshot.as_ref());
    if let Some(current) = snapshot.and_then(|snapshot| current_address(snapshot, &message.contact_id)) {
        message.to_address = Some(current);
    }
    let suppressed = store.suppressed(&[addressee(&message)]).await?.contains(&true);
    let written = message.words.clone().map(serde_json::from_value::<Written>).transpose()?;
    let playbook = message.playbook.clone();
    let asked = [(message, suppressed, None)];
    let active = active_before(shared, &store.published().await?, &playbook, &asked).await?;
    let [(message, ..)] = &asked;
    let other_surveys = other_surveys(shared, &loaded, std::iter::once(message), now).await?;
    let asker = Asker {
        shared,
        loaded: &loaded,
        around: around.as_ref(),
        yields_to: active.get(&message.account_id).map(String::as_str),
        survey: None,
        report: None,
        other_survey: other_surveys.get(&message.id).copied(),
        recheck_at: next_quarter(now, shared.config.recheck),
        now,
    };
    Ok(Some(gate(&asker.see(message, written.as_ref(), suppressed))))
}

/// What other surveys have to do with the contacts of survey mails, by message.
async fn other_surveys(
    shared: &Shared,
    loaded: &Loaded,
    messages: impl Iterator<Item = &Claimed>,
    now: Instant,
) -> anyhow::Result<HashMap<Uuid, OtherSurvey>> {
    let asking: Vec<SurveyRequest<'_>> = messages
        .filter_map(|message| {
            let left_alone = loaded.ready.left_alone_after_surveys(&message.step)?;
            let (account, contact) = (message.account_id.as_str(), message.contact_id.as_str());
            Some(SurveyRequest { account, contact, message: message.id, left_alone })
        })
        .collect();
    let others = shared.store.other_surveys(&asking, now).await?;
    Ok(asking.iter().zip(others).filter_map(|(mail, other)| Some((mail.message, other?))).collect())
}

/// What names the report that a mail shows; `None` of one that shows none.
fn report_key(message: &Claimed) -> Option<ReportKey> {
    Some((message.account_id.clone(), message.report.clone()?, message.report_at?))
}

/// The reports that mails show.
async fn reports_of(
    shared: &Shared,
    messages: impl Iterator<Item = &Claimed>,
) -> anyhow::Result<HashMap<ReportKey, ValueReport>> {
    let keys: Vec<ReportKey> = messages.filter_map(report_key).collect();
    Ok(shared.store.reports_named(&keys).await?)
}

/// By account, an active playbook that mail of this one yields to. The current
/// revision says to whom.
async fn active_before(
    shared: &Shared,
    published: &[Published],
    playbook: &str,
    asked: &[(Claimed, bool, Option<String>)],
) -> anyhow::Result<HashMap<String, String>> {
    let Some(current) = current_among(shared, published, playbook).await? else { return Ok(HashMap::new()) };
    let yields_to = yields_to(playbook, current.ready.playbook.guardrails.over(&shared.config.guardrails));
    if yields_to.is_empty() {
        return Ok(HashMap::new());
    }
    let accounts: Vec<String> = asked.iter().map(|(message, ..)| message.account_id.clone()).collect();
    Ok(shared.store.active_in(&accounts, &yields_to).await?)
}

/// The address a contact has by now, which may have changed since the mail was
/// planned.
fn current_address(snapshot: &Snapshot, contact: &str) -> Option<String> {
    let contact = contact_of(snapshot, contact)?;
    contact.email.as_deref().map(str::trim).filter(|email| !email.is_empty()).map(str::to_owned)
}

fn addressee(message: &Claimed) -> Addressee<'_> {
    let address = message.to_address.as_deref().unwrap_or_default();
    Addressee { account: &message.account_id, contact: &message.contact_id, address, class: message.class.name() }
}

fn contact_of<'a>(snapshot: &'a Snapshot, contact: &str) -> Option<&'a Contact> {
    snapshot.people.contacts.iter().find(|known| !contact.is_empty() && known.id == contact)
}

/// What asks the gate for one mail, and makes what may leave.
struct Asker<'a> {
    shared: &'a Shared,
    loaded: &'a Loaded,
    /// Its enrollment with what is around it.
    around: Option<&'a (Enrollment, Option<Snapshot>)>,
    /// An active playbook that it yields to.
    yields_to: Option<&'a str>,
    /// Where a survey is answered.
    survey: Option<&'a str>,
    /// The report that it shows.
    report: Option<&'a ValueReport>,
    /// What another survey has to do with its contact.
    other_survey: Option<OtherSurvey>,
    recheck_at: Instant,
    now: Instant,
}

impl Asker<'_> {
    /// What the gate has to see.
    fn see<'s>(&'s self, message: &'s Claimed, written: Option<&Written>, suppressed: bool) -> Seen<'s> {
        let snapshot = self.around.and_then(|(_, snapshot)| snapshot.as_ref());
        let contact = snapshot.and_then(|snapshot| contact_of(snapshot, &message.contact_id));
        Seen {
            now: self.now,
            valid_until: message.valid_until,
            class: message.class,
            shadow: message.shadow,
            enrollment: self.enrollment(),
            planned_for: &message.contact_id,
            contact,
            address: message.to_address.as_deref(),
            suppressed,
            other_survey: self.other_survey,
            recheck_at: self.recheck_at,
            undo_until: Some(message.leaves_at.unwrap_or(self.now + self.shared.config.mail.undo_window)),
            quiet: snapshot.and_then(|snapshot| self.quiet(message, written, contact, snapshot)),
            yields_to: self.yields_to,
            held_by: message.reason.as_deref(),
        }
    }

    fn prepare(&self, message: &Claimed, suppressed: bool, token: Option<String>) -> Prepared {
        let snapshot = self.around.and_then(|(_, snapshot)| snapshot.as_ref());
        let contact = snapshot.and_then(|snapshot| contact_of(snapshot, &message.contact_id));
        let written = match message.words.clone().map(serde_json::from_value::<Written>).transpose() {
            Ok(written) => written,
            Err(error) => return Prepared::ended(State::Failed, error.to_string()),
        };
        let answer = gate(&self.see(message, written.as_ref(), suppressed));
        if let Some(prepared) = Prepared::of(answer, message.valid_until) {
            return prepared;
        }
        // The gate lets nothing through without either.
        let (Some(snapshot), Some(to)) = (snapshot, message.to_address.clone()) else {
            return Prepared::ended(State::Failed, Because::NoAddress.to_string());
        };
        if message.report.is_some() && self.report.is_none() {
            return Prepared::ended(State::Failed, "its report is not kept any more");
        }
        let mail = CustomerMail {
            step: &message.step,
            class: message.class,
            message_id: &message.message_id,
            variant: message.variant.as_deref(),
            written: written.as_ref(),
            contact,
            to: &to,
            unsubscribe_token: token.as_deref(),
            survey: self.survey,
            report: self.report,
            date: self.now,
        };
        match mail.compose(self.shared, self.loaded, snapshot) {
            Ok(ComposedMail { rendered, .. }) if message.shadow => Prepared::Shadow { rendered, to },
            Ok(ComposedMail { composed, rendered, fingerprint }) => Prepared::Mail {
                composed: Box::new(composed),
                rendered,
                to,
                sends_again: self.sends_again(message),
                left_alone: self.loaded.ready.left_alone_after_surveys(&message.step),
                fingerprint,
            },
            Err(reason) => Prepared::ended(State::Failed, reason),
        }
    }

    fn enrollment(&self) -> gate::Enrollment {
        let (enrollment, snapshot) = match self.around {
            None => return gate::Enrollment::Gone,
            Some((enrollment, None)) if enrollment.contact.is_empty() => return gate::Enrollment::AccountGone,
            Some((_, None)) => return gate::Enrollment::ContactGone,
            Some((enrollment, Some(snapshot))) => (enrollment, snapshot),
        };
        is_mail_wanted(&self.loaded.ready, enrollment, &snapshot.context)
    }

    fn quiet(
        &self,
        message: &Claimed,
        written: Option<&Written>,
        contact: Option<&Contact>,
        snapshot: &Snapshot,
    ) -> Option<Quiet<'_>> {
        let ignores = self.loaded.ready.ignores_quiet(&message.step, written);
        let zone = recipient_zone(contact, snapshot.context.facts.account_zone(), self.loaded.ready.zone);
        let hours = self.shared.config.quiet_hours.as_ref();
        let quiet = Quiet::around(hours, &self.shared.calendar, zone, message.class, ignores)?;
        let to = message.to_address.as_deref().unwrap_or_default();
        Some(quiet.spread_by(spread(&message.account_id, &message.contact_id, to)))
    }

    fn sends_again(&self, message: &Claimed) -> bool {
        let action = self.loaded.ready.action(&message.step);
        action.and_then(|action| action.email()).is_some_and(|email| email.sends_again)
    }
}
