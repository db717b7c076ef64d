//! Consequences as data: what a decision asks for, before anything is done.
//!
//! A *record* is a row of ours, a *message* leaves the building. Each has an
//! id derived from the enrollment, the step and the visit, so that the same
//! decision taken twice names the same consequence.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::value_report::ValueReport;

/// One consequence of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub id: Uuid,
    /// The step that asked for it.
    pub step: String,
    /// Its place among the effects of its kind that the step asked for.
    pub ordinal: i32,
    pub body: EffectBody,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EffectBody {
    Task(TaskDraft),
    Message(MessageDraft),
    /// The subject shall enter that playbook.
    Referral {
        playbook: String,
    },
    Label(LabelDraft),
    /// The account shall have that success plan.
    Plan {
        plan: String,
    },
    /// What the account got, to be kept.
    Report(Arc<ValueReport>),
}

/// A label of the subject.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelDraft {
    pub name: String,
    /// `None` removes it.
    pub value: Option<String>,
}

impl Effect {
    /// Whose work grows by it: who gets its task.
    pub fn assignee(&self) -> Option<&str> {
        match &self.body {
            EffectBody::Task(draft) => draft.assignee.as_deref(),
            _ => None,
        }
    }
}

/// The kinds of effects, each called as the step kind that has no other.
pub mod kind {
    pub const TASK: &str = "task";
    pub const MAIL: &str = "email";
    pub const NOTICE: &str = "notify";
    pub const WEBHOOK: &str = "webhook";
    pub const REFERRAL: &str = "enroll";
    pub const LABEL: &str = "set";
    pub const PLAN: &str = "plan";
    pub const REPORT: &str = "report";
}

impl EffectBody {
    /// Its kind; `None` for a message that only says why there is none.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            EffectBody::Task(_) => kind::TASK,
            EffectBody::Message(MessageDraft::Mail(_)) => kind::MAIL,
            EffectBody::Message(MessageDraft::Notice(_)) => kind::NOTICE,
            EffectBody::Message(MessageDraft::Webhook(_)) => kind::WEBHOOK,
            EffectBody::Message(MessageDraft::Skipped { .. } | MessageDraft::Failed { .. }) => return None,
            EffectBody::Referral { .. } => kind::REFERRAL,
            EffectBody::Label(_) => kind::LABEL,
            EffectBody::Plan { .. } => kind::PLAN,
            EffectBody::Report(_) => kind::REPORT,
        })
    }
}

/// A task for a colleague.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDraft {
    pub title: String,
    pub description: Option<String>,
    /// A CSM's id or an address; `None` is unassigned.
    pub assignee: Option<String>,
    /// Why it is theirs, where that is not plain: for whom they cover.
    pub reason: Option<String>,
    /// The pool that the assignee was chosen from.
    pub pool: Option<String>,
    pub due_at: Option<Instant>,
    /// When the manager hears that it is still open; `None` never.
    pub escalate_at: Option<Instant>,
    pub priority: Priority,
    pub checklist: Vec<String>,
    /// The outcomes a person may choose from.
    pub outcomes: Vec<String>,
    /// Whether it stays open when the enrollment is stopped.
    pub keep: bool,
}

impl TaskDraft {
    /// A task for nobody yet.
    pub fn new(title: String, priority: Priority) -> TaskDraft {
        TaskDraft {
            title,
            description: None,
            assignee: None,
            reason: None,
            pool: None,
            due_at: None,
            escalate_at: None,
            priority,
            checklist: Vec::new(),
            outcomes: Vec::new(),
            keep: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    pub const ALL: [(&'static str, Priority); 4] =
        [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High), ("urgent", Priority::Urgent)];

    /// The word authors use.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }
}

/// When a mail of which nobody knows whether it arrived leaves once more, where
/// its step asks for that: until then a bounce or a person may say it.
pub const SENT_AGAIN_AFTER: chrono::Duration = chrono::Duration::hours(1);

/// A message before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageDraft {
    /// Mail to a customer. Its words are rendered when it is about to leave.
    Mail(MailDraft),
    /// Mail to a colleague, with its words.
    Notice(NoticeDraft),
    /// A body for another system, final.
    Webhook(WebhookDraft),
    /// A customer mail that will not be sent, kept as a row with its reason.
    Skipped { contact: String, to: Option<String>, class: Class, variant: Option<String>, reason: &'static str },
    /// What a step could not do, kept as a row with its reason. `channel` is
    /// what it would have left by.
    Failed { channel: Channel, reason: String },
}

#[derive(Clone, Debug, PartialEq)]
pub struct MailDraft {
    /// The contact's id; empty for an address that belongs to no contact.
    pub contact: String,
    pub to: String,
    pub class: Class,
    /// Not sent any more after this.
    pub valid_until: Instant,
    /// Which of the step's texts it has; `None` where there is one for all.
    pub variant: Option<String>,
    /// What a script wrote; `None` renders the step's templates.
    pub written: Option<Written>,
    /// The survey that it asks: its id, or empty of a step's own question; `None` of
    /// mail that asks nothing.
    pub survey: Option<String>,
    /// The value report that it shows and carries.
    pub report: Option<Arc<ValueReport>>,
}

/// A mail that a script wrote: its words, which are final, and how it leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    #[serde(flatten)]
    pub words: Words,
    #[serde(default)]
    pub from: From,
    #[serde(default)]
    pub reply_to: ReplyTo,
    /// Whether it leaves in quiet hours too; only transactional mail may.
    #[serde(default)]
    pub ignores_quiet: bool,
}

/// Whose name stands in From.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// The CSM's name with our address.
    Csm,
    /// `mail.from` of the configuration.
    #[default]
    Default,
}

impl From {
    pub const ALL: [(&'static str, From); 2] = [("csm", From::Csm), ("default", From::Default)];
}

/// Where answers go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyTo {
    #[default]
    Csm,
    Address(String),
}

/// Whether a mail leaves in quiet hours too, as authors say it.
pub const QUIET: [(&str, bool); 2] = [("hold", false), ("ignore", true)];

/// A subject and a Markdown body, final.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Words {
    pub subject: String,
    pub body: String,
    /// The BCP 47 tag of the language they are in, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NoticeDraft {
    /// What it leaves by.
    pub channel: Channel,
    /// `csm`, `manager`, `alerts_to` or `slack:NAME`: whom the author meant.
    pub audience: String,
    /// The address, or `env:NAME` of a Slack channel; `None` when nobody could
    /// be found.
    pub to: Option<String>,
    pub subject: String,
    pub text: String,
    pub valid_until: Instant,
    /// Whether the text is Markdown; else it is shown as it stands.
    pub is_markdown: bool,
    /// The value report that it is about.
    pub report: Option<Arc<ValueReport>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WebhookDraft {
    /// What it leaves by.
    pub channel: Channel,
    /// `env:NAME`: the environment variable that holds the URL.
    pub variable: String,
    /// For people who look at it; not sent.
    pub subject: String,
    pub body: String,
    pub valid_until: Instant,
}
