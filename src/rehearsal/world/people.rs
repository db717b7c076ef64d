//! Who works there, and who can be written to.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::World;
use super::contacts::capitalised;
use crate::action::People;
use crate::config::Pools;
use crate::facts::history::ContactRecord;
use crate::facts::{Colleague, Contact, Csm, Value};
use crate::playbook::calendar::local_date;

impl World {
    /// The CSM with their absence, the manager, and whoever is named as backup
    /// or in a pool; nobody but the CSM is ever away.
    /// Dates of the case are those of `zone`.
    pub fn colleagues(&self, pools: &Pools, zone: Tz) -> Vec<Colleague> {
        let plain = |csm: Csm| Colleague { csm, capacity: None, backup_id: None, away_from: None, away_until: None };
        let mut all: BTreeMap<String, Colleague> = BTreeMap::new();
        let text = |name: &str| match self.csm.get(name) {
            Some(Value::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        let day = |name: &str| match self.csm.get(name) {
            Some(Value::Time(time)) => Some(local_date(*time, zone)),
            _ => None,
        };
        let named = |id: &str| Csm {
            id: id.to_owned(),
            name: capitalised(id),
            email: format!("{}@keepwell.example", id.replace(|c: char| !c.is_alphanumeric() && c != '_', "-")),
            manager_id: None,
            timezone: None,
            traits: Default::default(),
        };
        for id in pools.values().flat_map(|members| members.iter()).chain(self.history.owners.values()) {
            all.insert(id.clone(), plain(named(id)));
        }
        if let Some(backup) = text("backup_id") {
            all.insert(backup.clone(), plain(named(&backup)));
        }
        if let Some(manager) = &self.people.manager {
            all.insert(manager.id.clone(), plain(manager.clone()));
        }
        if let Some(csm) = &self.people.csm {
            let capacity = match self.csm.get("capacity") {
                Some(Value::Int(capacity)) => i32::try_from(*capacity).ok(),
                _ => None,
            };
            let (away_from, away_until) = (day("away_from"), day("away_until"));
            let own = Colleague { csm: csm.clone(), capacity, backup_id: text("backup_id"), away_from, away_until };
            all.insert(csm.id.clone(), own);
        }
        all.into_values().collect()
    }

    /// The people as actions see them.
    pub(super) fn gather_people(&mut self) {
        let mut contacts: Vec<Contact> = self.history.contacts.iter().filter_map(person).collect();
        contacts.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        let text = |name: &str| match self.csm.get(name) {
            Some(Value::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        let has_csm = !matches!(self.history.account.get("csm_id"), Some(Value::Null));
        let csm = has_csm.then(|| Csm {
            id: text("id").unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            email: text("email").unwrap_or_default(),
            manager_id: text("manager_id"),
            timezone: text("timezone"),
            traits: self.csm_traits.clone(),
        });
        let manager = csm.as_ref().and_then(|csm| csm.manager_id.clone()).map(|id| Csm {
            id,
            name: "Riley Quinn".to_owned(),
            email: "riley.quinn@keepwell.example".to_owned(),
            manager_id: None,
            timezone: None,
            traits: Default::default(),
        });
        self.people = People { contacts, csm, manager };
    }
}

fn person(record: &ContactRecord) -> Option<Contact> {
    let text = |column: &str| record.text(column).map(str::to_owned);
    let mut contact = Contact {
        id: record.id.clone(),
        email: text("email"),
        name: text("name").unwrap_or_default(),
        role: text("role"),
        timezone: text("timezone"),
        locale: text("locale"),
        created_at: record.time("created_at")?,
        left_at: record.time("left_at"),
        columns: record.columns.clone(),
        traits: record.traits.clone(),
    };
    contact.trim_names();
    Some(contact)
}
