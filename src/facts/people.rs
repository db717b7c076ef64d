//! The people around an account.

use std::collections::BTreeMap;

use super::Value;
use crate::clock::Instant;

/// A person at a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    pub id: String,
    pub email: Option<String>,
    pub name: String,
    pub role: Option<String>,
    /// IANA name.
    pub timezone: Option<String>,
    /// BCP 47 tag.
    pub locale: Option<String>,
    pub created_at: Instant,
    pub left_at: Option<Instant>,
    /// Every column of the contact by its own name, for templates.
    pub columns: BTreeMap<String, Value>,
    pub traits: serde_json::Map<String, serde_json::Value>,
}

impl Contact {
    /// Whether mail can reach this contact at `now`: there is an address and
    /// the person has not left.
    pub fn is_reachable(&self, now: Instant) -> bool {
        self.email.as_deref().is_some_and(|email| !email.trim().is_empty())
            && self.left_at.is_none_or(|left| left > now)
    }
}

/// A colleague who looks after accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Csm {
    pub id: String,
    pub name: String,
    pub email: String,
    pub manager_id: Option<String>,
    /// IANA name.
    pub timezone: Option<String>,
}
