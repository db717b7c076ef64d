//! An account's past as the customer store has it, for a backtest.

use std::collections::BTreeMap;

use super::history::History;
use super::people::Csm;
use super::subject::SubjectId;
use super::value::Value;
use crate::clock::Instant;

/// One account from its beginning to its end.
#[derive(Clone, Debug, Default)]
pub struct AccountPast {
    pub account: String,
    /// Its columns with their changes, its contacts, events, scores and tickets.
    pub history: History,
    /// Since when each of its columns is on record.
    pub known_since: BTreeMap<String, Instant>,
    /// Who looks after it now; `None` where nobody does.
    pub csm: Option<Csm>,
    /// When it was deleted; `None` while it is there.
    pub deleted_at: Option<Instant>,
}

impl AccountPast {
    /// From when to when a subject of it is there: after the first instant, up to
    /// the second; `None` is without a bound.
    pub fn presence(&self, subject: &SubjectId) -> (Option<Instant>, Option<Instant>) {
        let time = |value: Option<&Value>| match value {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        };
        let signed_up = time(self.history.account.get("signed_up_at"));
        let contact = self.history.contacts.iter().find(|contact| contact.id == subject.contact);
        let created = contact.and_then(|contact| contact.time("created_at"));
        (signed_up.max(created), self.deleted_at)
    }
}
