//! What a run counts while it decides.

use std::collections::BTreeMap;

use sqlx::FromRow;

use crate::facts::SubjectId;

/// How many enrollments a run has committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Entered {
    pub all: i64,
    /// Of these, those that are held out.
    pub ghosts: i64,
}

/// What a run counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub candidates: i64,
    pub entered: Entered,
    /// Reason to count.
    pub skipped: BTreeMap<String, i64>,
    /// Subjects that could not be decided, with why; at most [`Tally::DETAILS`].
    pub details: Vec<serde_json::Value>,
}

impl Tally {
    pub const DETAILS: usize = 200;

    /// Counts a skip.
    pub fn skip(&mut self, reason: &str) {
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Keeps why a subject could not be decided.
    pub fn detail(&mut self, subject: &SubjectId, reason: &str, message: &str) {
        if self.details.len() < Tally::DETAILS {
            let mut detail = serde_json::json!({ "account": subject.account, "reason": reason, "message": message });
            if !subject.contact.is_empty() {
                detail["contact"] = subject.contact.as_str().into();
            }
            self.details.push(detail);
        }
    }
}
