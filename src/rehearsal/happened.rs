//! What a case may expect: the things that really happened, with the names
//! that authors give them.

use super::wording;
use crate::effect::{NoticeDraft, TaskDraft, WebhookDraft, Words};
use crate::enrollment::State;
use crate::playbook::case::ExpectedKind;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// Seconds after the case's `at`.
    pub after: i64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Mail {
        step: String,
        /// The recipient's role, if it is a contact with one.
        role: Option<String>,
        /// Whether it is the enrolled contact.
        enrolled: bool,
        address: String,
        words: Words,
    },
    Task {
        step: String,
        /// `csm`, `manager` or `pool:NAME`, if it is for one of these.
        role: Option<String>,
        draft: TaskDraft,
    },
    Notice {
        step: String,
        draft: NoticeDraft,
    },
    Webhook {
        step: String,
        draft: WebhookDraft,
    },
    Ended {
        state: State,
        reason: Option<String>,
    },
}

/// Why something did not happen.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub after: i64,
    pub step: Option<String>,
    pub what: String,
    /// Something of the playbook does not work: never what an author wants.
    pub failed: bool,
}

impl Deed {
    /// Whether it is what an expectation names, apart from the time.
    pub fn is(&self, kind: &ExpectedKind) -> bool {
        match (&self.what, kind) {
            (What::Mail { step, .. }, ExpectedKind::Email(id) | ExpectedKind::Survey(id))
            | (What::Task { step, .. }, ExpectedKind::Task(id))
            | (What::Notice { step, .. }, ExpectedKind::Notify(id))
            | (What::Webhook { step, .. }, ExpectedKind::Webhook(id)) => step == id,
            (What::Ended { state, reason }, ExpectedKind::Ended(word)) => {
                state.name() == word || (*state == State::Completed && reason.as_ref() == Some(word))
            }
            _ => false,
        }
    }

    /// Whether the author must list it: all but endings.
    pub fn must_be_listed(&self) -> bool {
        !matches!(self.what, What::Ended { .. })
    }

    /// `the mail `nudge``.
    pub fn name(&self) -> String {
        match &self.what {
            What::Mail { step, .. } => format!("the mail `{step}`"),
            What::Task { step, .. } => format!("the task `{step}`"),
            What::Notice { step, .. } => format!("the notice `{step}`"),
            What::Webhook { step, .. } => format!("the webhook `{step}`"),
            What::Ended { .. } => "the end".to_owned(),
        }
    }

    /// `was sent to champion`, `was created for csm`, `ended as goal (…)`.
    pub fn told(&self) -> String {
        match &self.what {
            What::Mail { .. } => format!("{} was sent to {}", self.name(), self.addressee()),
            What::Task { .. } => format!("{} was created for {}", self.name(), self.addressee()),
            What::Notice { .. } | What::Webhook { .. } => format!("{} was sent to {}", self.name(), self.addressee()),
            What::Ended { state, reason } => {
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                format!("it ended as `{}`{why}", state.name())
            }
        }
    }

    /// Whom it went to, in words.
    pub fn addressee(&self) -> String {
        match &self.what {
            What::Mail { role: Some(role), address, .. } => format!("{role} ({address})"),
            What::Mail { enrolled: true, address, .. } => format!("contact ({address})"),
            What::Mail { address, .. } => address.clone(),
            What::Task { role: Some(role), .. } => role.clone(),
            What::Task { draft, .. } => draft.assignee.clone().unwrap_or_else(|| "nobody".to_owned()),
            What::Notice { draft, .. } => match &draft.to {
                Some(to) => format!("{} ({to})", draft.audience),
                None => draft.audience.clone(),
            },
            What::Webhook { draft, .. } => draft.variable.clone(),
            What::Ended { .. } => "nobody".to_owned(),
        }
    }

    /// Whether it went to this role, colleague, channel or address.
    pub fn went_to(&self, to: &str) -> bool {
        match &self.what {
            What::Mail { role, enrolled, address, .. } => {
                role.as_deref() == Some(to) || (*enrolled && to == "contact") || address.eq_ignore_ascii_case(to)
            }
            What::Task { role, draft, .. } => {
                role.as_deref() == Some(to) || draft.assignee.as_deref().is_some_and(|who| who.eq_ignore_ascii_case(to))
            }
            What::Notice { draft, .. } => {
                draft.audience == to || draft.to.as_deref().is_some_and(|address| address.eq_ignore_ascii_case(to))
            }
            What::Webhook { draft, .. } => draft.variable == to,
            What::Ended { .. } => false,
        }
    }

    /// The subject of a mail or notice, the title of a task.
    pub fn subject(&self) -> Option<&str> {
        match &self.what {
            What::Mail { words, .. } => Some(&words.subject),
            What::Task { draft, .. } => Some(&draft.title),
            What::Notice { draft, .. } => Some(&draft.subject),
            What::Webhook { .. } | What::Ended { .. } => None,
        }
    }

    /// Its whole text, subject or title first.
    pub fn text(&self) -> String {
        match &self.what {
            What::Mail { words, .. } => format!("{}\n{}", words.subject, words.body),
            What::Task { draft, .. } => {
                let parts = [draft.title.as_str()].into_iter().chain(draft.description.as_deref());
                parts.chain(draft.checklist.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
            }
            What::Notice { draft, .. } => format!("{}\n{}", draft.subject, draft.text),
            What::Webhook { draft, .. } => draft.body.clone(),
            What::Ended { reason, .. } => reason.clone().unwrap_or_default(),
        }
    }

    /// Whether a text stands in it: in what was written, or, for a mail, in
    /// what its reader sees.
    pub fn contains(&self, wanted: &str) -> bool {
        let text = self.text();
        let line = wording::one_line(wanted);
        let read = match &self.what {
            What::Mail { words, .. } => wording::plain(&words.body),
            _ => String::new(),
        };
        text.contains(wanted) || wording::one_line(&text).contains(&line) || read.contains(&line)
    }
}
