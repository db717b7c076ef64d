//! A message in the hands of one claim, and what it may be put back for.

use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;

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
    /// `email`, `notice`, `webhook` or `slack`.
    pub channel: String,
    /// `lifecycle`, `marketing`, `transactional` or `internal`.
    pub class: String,
    /// `csm`, `manager`, `alerts_to` or `slack:NAME`, of a notice.
    pub audience: Option<String>,
    pub to_address: Option<String>,
    pub subject: Option<String>,
    pub words: Option<serde_json::Value>,
    pub attempts: i32,
    pub valid_until: Instant,
    /// Whoever has it, which is all of one claim.
    pub token: Uuid,
    pub message_id: String,
    pub shadow: bool,
    /// Not before this; `None` as long as no undo window has begun.
    pub leaves_at: Option<Instant>,
    /// The end of the quiet hours that held it last.
    pub held_until: Option<Instant>,
}

/// What a claimed mail waits for when it is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another try.
    Retry,
    /// The end of its undo window.
    Undo { until: Instant },
    /// The end of quiet hours, which may come some minutes before its turn.
    Quiet { until: Instant },
    /// A place in the attention budget.
    Budget,
}

/// What was rendered, for the preview and the record.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}
