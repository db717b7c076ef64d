//! The people around an account.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::value::Value;
use crate::clock::Instant;
use crate::playbook::calendar::local_date;
use crate::zone::find_zone;

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
    /// Takes away the blanks around the names, which a person typed somewhere.
    pub fn trim_names(&mut self) {
        self.name = self.name.trim().to_owned();
        for column in ["name", "first_name"] {
            if let Some(Value::Text(name)) = self.columns.get_mut(column) {
                *name = name.trim().into();
            }
        }
    }

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
    /// For templates; empty where nobody asks for them.
    pub traits: serde_json::Map<String, serde_json::Value>,
}

/// A CSM as work is given out: how much they can carry, and who covers for
/// them.
#[derive(Clone, Debug, PartialEq)]
pub struct Colleague {
    pub csm: Csm,
    /// How many open tasks they can carry.
    pub capacity: Option<i32>,
    pub backup_id: Option<String>,
    /// First day away, in their own zone; `None` with an end is "since ever".
    pub away_from: Option<NaiveDate>,
    /// Last day away; `None` with a beginning is "until further notice".
    pub away_until: Option<NaiveDate>,
}

impl Colleague {
    /// Whether they are away at `now`: both days count whole, in their own
    /// zone, else in `zone`. Neither day given is being there.
    pub fn is_away(&self, now: Instant, zone: Tz) -> bool {
        let own = self.csm.timezone.as_deref().and_then(find_zone);
        let today = local_date(now, own.unwrap_or(zone));
        (self.away_from.is_some() || self.away_until.is_some())
            && self.away_from.is_none_or(|first| first <= today)
            && self.away_until.is_none_or(|last| today <= last)
    }

    /// Whether their last day away is known and over by then, as in
    /// [`Colleague::is_away`].
    pub fn is_back_by(&self, then: Instant, zone: Tz) -> bool {
        let own = self.csm.timezone.as_deref().and_then(find_zone);
        self.away_until.is_some_and(|last| last < local_date(then, own.unwrap_or(zone)))
    }
}
