//! What a kind of document is.

use std::fmt;
use std::sync::Arc;

use super::DocumentBody;
use crate::playbook::reader::{Fields, Form};

/// A kind of document: how its files begin, what they hold, and when they are
/// evaluated among others.
pub struct DocumentKind {
    /// The first key of its files, which names the document.
    pub word: &'static str,
    /// With its article, for messages: `a score`.
    pub noun: &'static str,
    /// All its keys, those of the head included.
    pub form: &'static Form,
    /// Who is evaluated before whom at one instant.
    pub stage: Stage,
    /// When one is evaluated that does not say it.
    pub(super) schedule: &'static str,
    /// Reads the keys that are its own. Mistakes are reported; what is missing is
    /// replaced by something harmless, so that the rest can be checked.
    pub(super) read: fn(&Arc<str>, &mut Fields<'_, '_>) -> DocumentBody,
}

/// The order of evaluation at one instant: each sees what those before it wrote.
/// Playbooks come after all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Where an account stands: lifecycles and tiers.
    Standing,
    /// Scores.
    Scores,
    /// What is asked of customers and agreed with them: surveys and plans.
    Agreements,
    /// Figures over all accounts.
    Figures,
    /// What accounts are shown of themselves.
    Reports,
}

impl DocumentKind {
    /// The noun for one that is at hand: `this score`.
    pub fn this(&self) -> String {
        format!("this {}", self.noun.strip_prefix("a ").unwrap_or(self.noun))
    }
}

impl fmt::Debug for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}

impl PartialEq for DocumentKind {
    fn eq(&self, other: &DocumentKind) -> bool {
        self.word == other.word
    }
}
