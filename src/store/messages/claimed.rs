//! A message in the hands of one claim.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::class::Class;

/// A claimed message.
#[derive(Clone, Debug, FromRow)]
pub struct Claimed {
    pub account_id: String,
    pub contact_id: String,
    pub id: Uuid,
    pub enrollment_id: Option<Uuid>,
    pub playbook: String,
    pub revision: Option<String>,
    pub step: String,
    #[sqlx(try_from = "String")]
    pub channel: Channel,
    #[sqlx(try_from = "String")]
    pub class: Class,
    /// `csm`, `manager`, `alerts_to` or `slack:NAME`, of a notice.
    pub audience: Option<String>,
    pub to_address: Option<String>,
    /// Which of its step's texts it has; `None` where there is one for all.
    pub variant: Option<String>,
    pub subject: Option<String>,
    pub words: Option<serde_json::Value>,
    pub attempts: i32,
    pub valid_until: Instant,
    /// The claim that holds this message; one token for each batch.
    pub token: Uuid,
    pub message_id: String,
    pub shadow: bool,
    /// Not before this; `None` as long as no undo window has begun.
    pub leaves_at: Option<Instant>,
    /// The end of the quiet hours that held it last.
    pub held_until: Option<Instant>,
    /// Why it has waited until now; `None` of one that nobody has looked at.
    pub reason: Option<String>,
    /// The value report that it shows, with its instant.
    pub report: Option<String>,
    pub report_at: Option<Instant>,
}

impl Claimed {
    /// Of several mails that say the same to one address, the first by this leaves.
    pub fn duplicate_order(&self) -> (&str, Uuid) {
        (&self.contact_id, self.id)
    }
}

/// What was rendered, for the preview and the record.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// What the page of its survey asks; `None` where the subject says it.
    pub question: Option<String>,
    /// Where it goes in place of its reader, if it does.
    pub redirected_to: Option<String>,
}
