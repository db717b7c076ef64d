//! Messages as they are written into the outbox, with the decision.

use sqlx::PgConnection;
use uuid::Uuid;

use super::claimed::Claimed;
use super::message_ids::Naming;
use crate::clock::Instant;
use crate::effect::{MessageDraft, Written};
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::message::state::State;
use crate::store::Store;
use crate::store::enrollments::planned_effect::PlannedEffect;
use crate::store::sql::bulk_rows::Rows;
use crate::value_report::ValueReport;

/// Writes messages inside the transaction of their transitions.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    messages: &[PlannedEffect<'_, MessageDraft>],
    priority: i32,
    naming: Naming<'_>,
    now: Instant,
) -> sqlx::Result<()> {
    let messages: Vec<NewMessage> = messages.iter().map(|effect| message(effect, priority, now)).collect();
    insert_all(tx, &messages, naming).await
}

fn message<'a>(planned: &PlannedEffect<'a, MessageDraft>, priority: i32, now: Instant) -> NewMessage<'a> {
    let (enrollment, effect) = (planned.enrollment, planned.effect);
    let mut message = NewMessage {
        account: &enrollment.account,
        id: effect.id,
        enrollment: Some(enrollment.id),
        playbook: &enrollment.playbook,
        revision: Some(&enrollment.revision),
        step: &effect.step,
        shadow: enrollment.shadow,
        priority,
        ..NewMessage::at(now)
    };
    match planned.draft {
        MessageDraft::Mail(mail) => {
            message.contact = &mail.contact;
            message.class = mail.class;
            message.to = Some(&mail.to);
            message.valid_until = mail.valid_until;
            message.variant = mail.variant.as_deref();
            message.survey = mail.survey.as_deref();
            message.written = mail.written.as_ref();
            message.report = mail.report.as_deref();
        }
        MessageDraft::Notice(notice) => {
            message.contact = &enrollment.contact;
            message.channel = notice.channel;
            message.class = Class::Internal;
            message.audience = Some(&notice.audience);
            message.to = notice.to.as_deref();
            message.subject = Some(&notice.subject);
            message.text = Some(&notice.text);
            message.is_markdown = notice.is_markdown;
            message.report = notice.report.as_deref();
            message.valid_until = notice.valid_until;
            if notice.to.is_none() {
                message.state = State::Skipped;
                message.reason = Some("nobody to tell");
            }
        }
        MessageDraft::Webhook(webhook) => {
            message.channel = webhook.channel;
            message.class = Class::Internal;
            message.to = Some(webhook.variable.as_str());
            message.subject = Some(&webhook.subject);
            message.text = Some(&webhook.body);
            message.valid_until = webhook.valid_until;
        }
        MessageDraft::Skipped { contact, to, class, variant, reason } => {
            message.variant = variant.as_deref();
            message.contact = contact;
            message.to = to.as_deref();
            message.class = *class;
            message.state = State::Skipped;
            message.reason = Some(reason);
        }
        MessageDraft::Failed { channel, reason } => {
            message.channel = *channel;
            message.class = if channel.reaches_customers() { message.class } else { Class::Internal };
            message.state = State::Failed;
            message.reason = Some(reason);
        }
    }
    message
}

/// A message row before it is written.
struct NewMessage<'a> {
    account: &'a str,
    contact: &'a str,
    id: Uuid,
    enrollment: Option<Uuid>,
    playbook: &'a str,
    revision: Option<&'a str>,
    step: &'a str,
    channel: Channel,
    class: Class,
    audience: Option<&'a str>,
    to: Option<&'a str>,
    variant: Option<&'a str>,
    survey: Option<&'a str>,
    report: Option<&'a ValueReport>,
    subject: Option<&'a str>,
    text: Option<&'a str>,
    written: Option<&'a Written>,
    /// Whether the text is the Markdown of a list mail.
    is_markdown: bool,
    state: State,
    reason: Option<&'a str>,
    priority: i32,
    valid_until: Instant,
    shadow: bool,
    /// The answer that it posts.
    answer: Option<Uuid>,
    now: Instant,
}

impl<'a> NewMessage<'a> {
    /// What is kept of words that are Markdown and final.
    fn words(&self) -> Option<serde_json::Value> {
        let list = || serde_json::json!({ "subject": self.subject, "body": self.text });
        self.written.map(|written| serde_json::json!(written)).or_else(|| self.is_markdown.then(list))
    }

    fn at(now: Instant) -> NewMessage<'a> {
        NewMessage {
            account: "",
            contact: "",
            id: Uuid::nil(),
            enrollment: None,
            playbook: "",
            revision: None,
            step: "",
            channel: Channel::OF_CUSTOMERS,
            class: Class::Lifecycle,
            audience: None,
            to: None,
            variant: None,
            survey: None,
            report: None,
            subject: None,
            text: None,
            written: None,
            is_markdown: false,
            state: State::Planned,
            reason: None,
            priority: 50,
            valid_until: now,
            shadow: false,
            answer: None,
            now,
        }
    }
}

/// Writes messages; those that exist already stay.
async fn insert_all(tx: &mut PgConnection, messages: &[NewMessage<'_>], naming: Naming<'_>) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let each = || messages.iter();
    let ended = |one: &NewMessage| one.state.is_final().then_some(one.now);
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.account))
        .column("contact_id", each().map(|one| one.contact))
        .column("id", each().map(|one| one.id))
        .column("enrollment_id", each().map(|one| one.enrollment))
        .column("playbook", each().map(|one| one.playbook))
        .column("revision", each().map(|one| one.revision))
        .column("step", each().map(|one| one.step))
        .column("channel", each().map(|one| one.channel.name()))
        .column("class", each().map(|one| one.class.name()))
        .column("audience", each().map(|one| one.audience))
        .column("to_address", each().map(|one| one.to))
        .column("variant", each().map(|one| one.variant))
        .column("survey", each().map(|one| one.survey))
        .column("report", each().map(|one| one.report.map(|report| report.report.as_str())))
        .column("report_at", each().map(|one| one.report.map(|report| report.at)))
        .column("subject", each().map(|one| one.subject))
        .column("body_text", each().map(|one| one.text))
        .column("words", each().map(NewMessage::words))
        .column("state", each().map(|one| one.state.name()))
        .column("reason", each().map(|one| one.reason))
        .column("priority", each().map(|one| one.priority))
        .column("valid_until", each().map(|one| one.valid_until))
        .column("next_at", each().map(|one| one.now))
        .column("message_id", each().map(|one| naming.message_id(one.id)))
        .column("shadow", each().map(|one| one.shadow))
        .column("answer", each().map(|one| one.answer))
        .column("created_at", each().map(|one| one.now))
        .column("ended_at", each().map(ended));
    rows.insert("keepwell.messages", "on conflict (account_id, id) do nothing")?.execute(tx).await?;
    Ok(())
}

/// What a notice says.
#[derive(Clone, Copy, Debug)]
pub struct NoticeText<'a> {
    pub subject: &'a str,
    pub text: &'a str,
}

/// A notice that no step asked for.
#[derive(Clone, Debug)]
pub struct OwnerNotice<'a> {
    pub id: Uuid,
    /// Empty where it belongs to no account.
    pub account: &'a str,
    pub playbook: &'a str,
    pub step: &'a str,
    /// `csm`, `manager` or `alerts_to`.
    pub audience: &'a str,
    /// `None` keeps it as a row that nobody could be told.
    pub to: Option<&'a str>,
    pub subject: &'a str,
    pub text: &'a str,
}

impl<'a> OwnerNotice<'a> {
    /// To the owners of a playbook, or of the installation; it is about no account.
    pub fn alert(id: Uuid, playbook: &'a str, to: &'a str, text: NoticeText<'a>) -> OwnerNotice<'a> {
        let NoticeText { subject, text } = text;
        OwnerNotice { id, account: "", playbook, step: "alert", audience: "alerts_to", to: Some(to), subject, text }
    }

    /// Writes it, once per id.
    pub(crate) async fn insert(&self, tx: &mut PgConnection, naming: Naming<'_>, now: Instant) -> sqlx::Result<()> {
        let message = NewMessage {
            account: self.account,
            id: self.id,
            playbook: self.playbook,
            step: self.step,
            channel: Channel::OF_COLLEAGUES,
            class: Class::Internal,
            audience: Some(self.audience),
            to: self.to,
            subject: Some(self.subject),
            text: Some(self.text),
            state: if self.to.is_none() { State::Skipped } else { State::Planned },
            reason: self.to.is_none().then_some("nobody to tell"),
            priority: 100,
            valid_until: now + chrono::Duration::days(30),
            ..NewMessage::at(now)
        };
        insert_all(tx, &[message], naming).await
    }
}

/// An answer to a survey for another system.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerPost<'a> {
    pub id: Uuid,
    pub account: &'a str,
    /// Empty of an address that belongs to no contact.
    pub contact: &'a str,
    /// The mail that asked.
    pub answer: Uuid,
    pub step: &'a str,
    /// The environment variable with the URL, behind `env:`.
    pub variable: &'a str,
    pub subject: &'a str,
    pub body: &'a str,
    pub valid_until: Instant,
}

impl AnswerPost<'_> {
    /// Writes it, once per id.
    pub async fn insert(&self, tx: &mut PgConnection, naming: Naming<'_>, now: Instant) -> sqlx::Result<()> {
        let message = NewMessage {
            account: self.account,
            contact: self.contact,
            id: self.id,
            answer: Some(self.answer),
            step: self.step,
            channel: Channel::Webhook,
            class: Class::Internal,
            to: Some(self.variable),
            subject: Some(self.subject),
            text: Some(self.body),
            valid_until: self.valid_until,
            ..NewMessage::at(now)
        };
        insert_all(tx, &[message], naming).await
    }
}

impl Store {
    /// Plans the words of a notice for another channel as well, whose URL is in
    /// an environment variable; once for each notice.
    pub async fn also_by(
        &self,
        channel: Channel,
        notice: &Claimed,
        variable: &str,
        text: &str,
        now: Instant,
    ) -> sqlx::Result<()> {
        let (to, audience) = (format!("env:{variable}"), format!("{channel}:{variable}"));
        let subject = notice.subject.clone().unwrap_or_default();
        let text = format!("{subject}\n{text}");
        let copy = NewMessage {
            account: &notice.account_id,
            id: crate::ids::notice(&[channel.name(), &notice.id.to_string()]),
            enrollment: notice.enrollment_id,
            playbook: &notice.playbook,
            revision: notice.revision.as_deref(),
            step: &notice.step,
            channel,
            class: Class::Internal,
            audience: Some(&audience),
            to: Some(&to),
            subject: Some(&subject),
            text: Some(&text),
            valid_until: notice.valid_until.min(now + chrono::Duration::days(3)),
            ..NewMessage::at(now)
        };
        let naming = self.naming().await?;
        insert_all(&mut *self.pool().acquire().await?, &[copy], naming).await
    }

    /// Writes a notice, once per id.
    pub async fn notice(&self, notice: &OwnerNotice<'_>, now: Instant) -> sqlx::Result<()> {
        let naming = self.naming().await?;
        let mut connection = self.pool().acquire().await?;
        notice.insert(&mut connection, naming, now).await
    }
}
