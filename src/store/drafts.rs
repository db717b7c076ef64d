//! Messages as they are written into the outbox, with the decision.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft, Words};
use crate::enrollment::Enrollment;

/// Writes one effect of a transition, inside its transaction.
pub(super) async fn insert_effect(
    tx: &mut PgConnection,
    enrollment: &Enrollment,
    effect: &Effect,
    priority: i32,
    mail_domain: &str,
    now: Instant,
) -> sqlx::Result<()> {
    let row = match &effect.body {
        EffectBody::Task(draft) => return super::tasks::insert(tx, enrollment, effect, draft, now).await,
        EffectBody::Message(draft) => draft,
    };
    let mut message = NewMessage {
        account: &enrollment.account,
        id: effect.id,
        enrollment: Some(enrollment.id),
        playbook: &enrollment.playbook,
        revision: Some(&enrollment.revision),
        step: &effect.step,
        shadow: enrollment.shadow,
        priority,
        mail_domain,
        ..NewMessage::at(now)
    };
    match row {
        MessageDraft::Mail(mail) => {
            message.contact = &mail.contact;
            message.class = mail.class.name();
            message.to = Some(&mail.to);
            message.valid_until = mail.valid_until;
            message.words = mail.words.as_ref();
        }
        MessageDraft::Notice(notice) => {
            message.contact = &enrollment.contact;
            message.channel = "notice";
            message.class = "internal";
            message.audience = Some(&notice.audience);
            message.to = notice.to.as_deref();
            message.subject = Some(&notice.subject);
            message.text = Some(&notice.text);
            message.valid_until = notice.valid_until;
            if notice.to.is_none() {
                message.state = "skipped";
                message.reason = Some("nobody to tell");
            }
        }
        MessageDraft::Skipped { contact, to, class, reason } => {
            message.contact = contact;
            message.to = to.as_deref();
            message.class = class.name();
            message.state = "skipped";
            message.reason = Some(reason);
        }
        MessageDraft::Failed { reason } => {
            message.state = "failed";
            message.reason = Some(reason);
        }
    }
    message.insert(tx).await
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
    channel: &'a str,
    class: &'a str,
    audience: Option<&'a str>,
    to: Option<&'a str>,
    subject: Option<&'a str>,
    text: Option<&'a str>,
    words: Option<&'a Words>,
    state: &'a str,
    reason: Option<&'a str>,
    priority: i32,
    valid_until: Instant,
    shadow: bool,
    mail_domain: &'a str,
    now: Instant,
}

impl<'a> NewMessage<'a> {
    fn at(now: Instant) -> NewMessage<'a> {
        NewMessage {
            account: "",
            contact: "",
            id: Uuid::nil(),
            enrollment: None,
            playbook: "",
            revision: None,
            step: "",
            channel: "email",
            class: "lifecycle",
            audience: None,
            to: None,
            subject: None,
            text: None,
            words: None,
            state: "planned",
            reason: None,
            priority: 50,
            valid_until: now,
            shadow: false,
            mail_domain: "keepwell.invalid",
            now,
        }
    }

    async fn insert(&self, tx: &mut PgConnection) -> sqlx::Result<()> {
        let ended = matches!(self.state, "skipped" | "failed").then_some(self.now);
        sqlx::query(
            "insert into keepwell.messages
                 (account_id, contact_id, id, enrollment_id, playbook, revision, step, channel, class, audience,
                  to_address, subject, body_text, words, state, reason, priority, valid_until, next_at, message_id,
                  shadow, created_at, ended_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                     $19, $22)
             on conflict (account_id, id) do nothing",
        )
        .bind(self.account)
        .bind(self.contact)
        .bind(self.id)
        .bind(self.enrollment)
        .bind(self.playbook)
        .bind(self.revision)
        .bind(self.step)
        .bind(self.channel)
        .bind(self.class)
        .bind(self.audience)
        .bind(self.to)
        .bind(self.subject)
        .bind(self.text)
        .bind(self.words.map(|words| serde_json::json!(words)))
        .bind(self.state)
        .bind(self.reason)
        .bind(self.priority)
        .bind(self.valid_until)
        .bind(self.now)
        .bind(format!("<{}@{}>", self.id, self.mail_domain))
        .bind(self.shadow)
        .bind(ended)
        .execute(tx)
        .await?;
        Ok(())
    }
}

impl Store {
    /// Writes a notice that belongs to no account, once per `id`.
    pub async fn notice(
        &self,
        id: Uuid,
        playbook: &str,
        to: &str,
        subject: &str,
        text: &str,
        now: Instant,
    ) -> sqlx::Result<()> {
        let mut connection = self.pool().acquire().await?;
        NewMessage {
            id,
            playbook,
            step: "alert",
            channel: "notice",
            class: "internal",
            audience: Some("alerts_to"),
            to: Some(to),
            subject: Some(subject),
            text: Some(text),
            priority: 100,
            valid_until: now + chrono::Duration::days(30),
            mail_domain: &self.mail_domain,
            ..NewMessage::at(now)
        }
        .insert(&mut connection)
        .await
    }
}
