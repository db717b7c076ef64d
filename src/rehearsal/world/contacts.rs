//! The contacts of a case, and which of them is enrolled.

use chrono::TimeDelta;

use super::World;
use crate::clock::Instant;
use crate::facts::history::ContactRecord;
use crate::facts::{Schema, Value};
use crate::playbook::case::Fixtures;
use crate::playbook::yaml::Entry;
use crate::rehearsal::fixture::Reader;

impl World {
    /// What a case says of the subject, after the beginning.
    pub(super) fn apply_subject(&mut self, given: &Fixtures, initial: bool, schema: &Schema, reader: &mut Reader) {
        let Some(columns) = &given.contact else { return };
        if self.subject.contact.is_empty() {
            let at = columns.first().map_or(reader.place, |first| first.key_place);
            let message = "`contact` is the enrolled contact, and this playbook enrolls accounts";
            reader.error("KW0501", at, message, "list people under `contacts:`");
        } else if !initial {
            let changed = read_contact(columns, schema, reader);
            let known = self.history.contacts.iter_mut().find(|known| known.id == self.subject.contact);
            if let Some(known) = known {
                known.columns.extend(changed.columns.into_iter().filter(|(column, _)| column != "id"));
                known.traits.extend(changed.traits);
            }
        }
    }

    pub(super) fn apply_contact(&mut self, given: &[Entry], initial: bool, schema: &Schema, reader: &mut Reader) {
        let mut contact = read_contact(given, schema, reader);
        let known = self.history.contacts.iter_mut().find(|known| {
            if contact.id.is_empty() {
                contact.text("role").is_some() && known.text("role") == contact.text("role")
            } else {
                known.id == contact.id
            }
        });
        match known {
            Some(known) if !initial => {
                known.columns.extend(contact.columns);
                known.traits.extend(contact.traits);
            }
            _ => {
                if contact.id.is_empty() {
                    contact.id = format!("contact-{}", self.history.contacts.len() + 1);
                }
                self.add_contact(contact, reader.at);
            }
        }
    }

    /// Adds a contact with what it does not say itself.
    pub(super) fn add_contact(&mut self, mut contact: ContactRecord, at: Instant) {
        let order = self.history.contacts.len() as i64;
        let called = contact.text("role").unwrap_or(&contact.id).to_owned();
        let name = match contact.text("first_name") {
            Some(first) => first.to_owned(),
            None => capitalised(&called),
        };
        let place = if contact.text("role").is_some() && !self.has_role(&called) { &called } else { &contact.id };
        let email = format!("{}@customer.example", place.replace(|c: char| !c.is_alphanumeric() && c != '_', "-"));
        // Long ago, in the order of the list.
        let created = at - TimeDelta::days(3_650) + TimeDelta::seconds(order);
        for (column, value) in [
            ("account_id", Value::text(&self.subject.account)),
            ("id", Value::text(&contact.id)),
            ("name", Value::text(&name)),
            ("email", Value::text(&email)),
            ("created_at", Value::Time(created)),
        ] {
            contact.columns.entry(column.to_owned()).or_insert(value);
        }
        self.history.contacts.push(contact);
    }

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.history.contacts.iter().any(|contact| contact.text("role") == Some(role))
    }
}

/// The columns of a contact that a case gives.
fn read_contact(given: &[Entry], schema: &Schema, reader: &mut Reader) -> ContactRecord {
    let mut contact = ContactRecord::default();
    for Entry { key, key_place, node } in given {
        if key == "traits" {
            contact.traits = reader.attributes("contacts.traits", node);
            continue;
        }
        let Some(column) = reader.column("a contact", &schema.contact, key, *key_place) else { continue };
        if let Some(value) = reader.value(column, node) {
            let value = match &value {
                Value::Text(role) if key == "role" => Value::text(schema.roles.resolve(role)),
                _ => value,
            };
            contact.columns.insert(key.clone(), value);
        }
    }
    contact.id = contact.text("id").unwrap_or_default().to_owned();
    contact
}

pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
