//! A named subject, and where its windows start.

use crate::clock::Instant;
use crate::facts::SubjectId;

/// A subject to fetch facts of, and where its windows start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectWindow {
    pub account: String,
    /// Empty for accounts.
    pub contact: String,
    /// What `since_entry` means; without it such a window is empty.
    pub since_entry: Option<Instant>,
    /// What `since_step` means; without it such a window is empty.
    pub since_step: Option<Instant>,
}

impl From<SubjectId> for SubjectWindow {
    /// Without an enrollment: both windows are empty.
    fn from(SubjectId { account, contact }: SubjectId) -> SubjectWindow {
        SubjectWindow { account, contact, since_entry: None, since_step: None }
    }
}
