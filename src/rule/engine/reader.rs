//! The people whom a text names, as its expressions read them.

use std::cell::Cell;

use rhai::ImmutableString;

use crate::facts::{Contact, Csm, Value};
use crate::rule::holder::Person;

/// Who reads a text, and who looks after the account.
#[derive(Debug)]
pub(crate) struct Reader {
    /// `None` when the recipient is not a contact of the account.
    pub recipient: Option<Contact>,
    /// `None` when nobody looks after the account.
    pub csm: Option<Csm>,
    /// The playbook's id.
    pub playbook: ImmutableString,
    /// The operations that the expressions of the text have done so far.
    pub operations: Cell<u64>,
}

impl Reader {
    /// Whether there is such a person.
    pub fn has(&self, person: Person) -> bool {
        match person {
            Person::Recipient => self.recipient.is_some(),
            Person::Csm => self.csm.is_some(),
        }
    }

    /// A column of a person; missing where there is nobody.
    pub fn column(&self, person: Person, name: &str) -> Value {
        match person {
            Person::Recipient => contact_column(self.recipient.as_ref(), name),
            Person::Csm => csm_column(self.csm.as_ref(), name),
        }
    }

    /// An attribute of a person, as JSON.
    pub fn attribute(&self, person: Person, key: &str) -> Option<&serde_json::Value> {
        match person {
            Person::Recipient => self.recipient.as_ref()?.traits.get(key),
            Person::Csm => self.csm.as_ref()?.traits.get(key),
        }
    }
}

/// A column of a contact; missing where there is nobody.
pub(crate) fn contact_column(contact: Option<&Contact>, column: &str) -> Value {
    let Some(contact) = contact else { return Value::Null };
    let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
    match contact.columns.get(column) {
        Some(Value::Json(json)) => Value::from_attribute(json),
        Some(value) => value.clone(),
        None => match column {
            "id" => Value::text(&contact.id),
            "name" => Value::text(&contact.name),
            "email" => text(&contact.email),
            "role" => text(&contact.role),
            "timezone" => text(&contact.timezone),
            "locale" => text(&contact.locale),
            "created_at" => Value::Time(contact.created_at),
            "left_at" => contact.left_at.map_or(Value::Null, Value::Time),
            _ => Value::Null,
        },
    }
}

/// A column of a CSM; missing where there is nobody.
pub(crate) fn csm_column(csm: Option<&Csm>, column: &str) -> Value {
    let Some(csm) = csm else { return Value::Null };
    let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
    match column {
        "id" => Value::text(&csm.id),
        "name" => Value::text(&csm.name),
        "email" => Value::text(&csm.email),
        "manager_id" => text(&csm.manager_id),
        "timezone" => text(&csm.timezone),
        _ => Value::Null,
    }
}
