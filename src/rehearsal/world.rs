//! The world of a case: one account, its people and its past, in memory. In a
//! contact playbook one of the people is the subject, and what a case does not
//! say of whom is theirs.
//!
//! What a case does not say is filled in so that it is an ordinary account: a
//! nullable column is missing, others have the store's default, there is a CSM
//! with a manager and one reachable contact for each role the playbook mails.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::fixture::{Reader, mapping};
use crate::action::People;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::config::Pools;
use crate::facts::history::{
    ChangeRecord, ContactRecord, EnrollmentRecord, EventRecord, LabelRecord, ScoreRecord, TicketRecord,
};
use crate::facts::{Colleague, Contact, Csm, History, Schema, SubjectId, Value};
use crate::playbook::calendar::local_date;
use crate::playbook::case::{Case, Fixtures};
use crate::playbook::reader::{Fields, short};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Duration, SubjectKind};

mod task;

/// The most events that `N over SPAN` makes.
const MAX_EVENTS: i64 = 10_000;

/// One account with everything around it.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Who may enter: the account, or a contact of it.
    pub subject: SubjectId,
    pub history: History,
    pub people: People,
    /// The CSM's columns by name, whether or not the account has one now.
    csm: BTreeMap<String, Value>,
}

impl World {
    /// The world of a case just before its first run.
    pub fn new(playbook: &ReadyPlaybook, case: &Case, schema: &Schema, reader: &mut Reader) -> World {
        let mut world = World {
            subject: SubjectId { account: "account-1".to_owned(), contact: String::new() },
            history: History::default(),
            people: People::default(),
            csm: BTreeMap::new(),
        };
        let mut default = |name: &str, value: Value| {
            if schema.account.iter().any(|column| column.name == name) {
                world.history.account.insert(name.to_owned(), value);
            }
        };
        default("name", Value::text("Example Company"));
        default("status", Value::text("active"));
        default("mrr", Value::Float(0.0));
        default("csm_id", Value::text("csm-1"));
        if let Some(stage) = playbook.playbook.stages.as_ref().and_then(|stages| stages.first()) {
            default("stage", Value::text(stage));
        }
        for (name, value) in [
            ("id", "csm-1"),
            ("name", "Casey Morgan"),
            ("email", "casey.morgan@keepwell.example"),
            ("manager_id", "csm-2"),
        ] {
            world.csm.insert(name.to_owned(), Value::text(value));
        }
        if playbook.playbook.subject == SubjectKind::Contact {
            let listed = || case.fixtures.contacts.as_ref().and_then(|contacts| contacts.first());
            match case.fixtures.contact.as_ref().or_else(listed) {
                Some(columns) => world.apply_contact(columns, true, schema, reader),
                None => world.apply_contact(&[], true, schema, reader),
            }
            world.subject.contact =
                world.history.contacts.first().map(|contact| contact.id.clone()).unwrap_or_default();
        }
        if case.fixtures.contacts.is_none() {
            for role in playbook.roles().into_iter().filter(|role| !world.has_role(role)).collect::<Vec<_>>() {
                let person = capitalised(&role);
                let mut contact = ContactRecord { id: format!("contact-{role}"), ..ContactRecord::default() };
                contact.columns.insert("first_name".to_owned(), Value::text(&person));
                contact.columns.insert("role".to_owned(), Value::text(&role));
                world.add_contact(contact, reader.at);
            }
        }
        world.apply(&case.fixtures, true, schema, reader.at, reader);
        world.history.recorded_at = Some(just_before(reader.at));
        world
    }

    /// What happened since, in force just before `moment`.
    pub fn change(&mut self, given: &Fixtures, schema: &Schema, moment: Instant, reader: &mut Reader) {
        self.apply(given, false, schema, moment, reader);
    }

    /// Puts fixtures on top of what is there, as of `moment`: columns replace
    /// columns, contacts with a known id or role are changed unless this is the
    /// beginning, everything else is added.
    fn apply(&mut self, given: &Fixtures, initial: bool, schema: &Schema, moment: Instant, reader: &mut Reader) {
        let changed = self.apply_account(given, schema, reader);
        if !initial && !changed.is_empty() {
            self.history.changes.push(ChangeRecord { at: just_before(moment), was: changed });
        }
        self.apply_csm(given, schema, reader);
        self.apply_subject(given, initial, schema, reader);
        // The first one listed is the subject where nobody else is, and is there.
        let is_there = initial && !self.subject.contact.is_empty() && given.contact.is_none();
        for columns in given.contacts.iter().flatten().skip(usize::from(is_there)) {
            self.apply_contact(columns, initial, schema, reader);
        }
        for Entry { key: name, node, .. } in &given.events {
            self.apply_events(name, node, moment, reader);
        }
        for row in &given.scores {
            self.apply_score(&mapping(row), reader);
        }
        for row in &given.tickets {
            self.apply_ticket(&mapping(row), reader);
        }
        given.tasks.iter().for_each(|row| self.apply_task(&mapping(row), reader));
        for Entry { key: name, node, .. } in &given.labels {
            if let Some(value) = reader.label(name, node) {
                let (contact, at) = (self.enrolled(), just_before(moment));
                self.history.labels.push(LabelRecord { contact, name: name.clone(), value, at });
            }
        }
        for playbook in &given.in_playbook {
            self.history.enrollments.push(EnrollmentRecord {
                playbook: playbook.text.to_string(),
                contact: self.enrolled(),
                started_at: moment - TimeDelta::hours(1),
                ended_at: None,
                goal_at: None,
            });
        }
        self.gather_people();
    }

    /// The columns that have another value now, with the one before.
    fn apply_account(&mut self, given: &Fixtures, schema: &Schema, reader: &mut Reader) -> BTreeMap<String, Value> {
        let mut changed = BTreeMap::new();
        for Entry { key, key_place, node } in &given.account {
            if key == "traits" {
                let attributes = reader.attributes("account.traits", node);
                let before = self.history.traits.clone();
                self.history.traits.extend(attributes);
                if before != self.history.traits {
                    changed.insert(key.clone(), Value::Json(Arc::new(before.into())));
                }
                continue;
            }
            let Some(column) = reader.column("the account", &schema.account, key, *key_place) else { continue };
            let Some(value) = reader.value(column, node) else { continue };
            match (key.as_str(), &value) {
                ("id", Value::Text(id)) => self.subject.account = id.to_string(),
                // Somebody else looks after the account.
                ("csm_id", Value::Text(_)) => {
                    self.csm.insert("id".to_owned(), value.clone());
                }
                _ => {}
            }
            let before = self.history.account.insert(key.clone(), value.clone()).unwrap_or(Value::Null);
            if before != value {
                changed.insert(key.clone(), before);
            }
        }
        changed
    }

    fn apply_csm(&mut self, given: &Fixtures, schema: &Schema, reader: &mut Reader) {
        for Entry { key, key_place, node } in given.csm.iter().flatten() {
            let Some(column) = reader.column("the CSM", &schema.csm, key, *key_place) else { continue };
            let Some(value) = reader.value(column, node) else { continue };
            let says = given.account.iter().any(|given| given.key == "csm_id");
            if key == "id" && !says && self.history.account.contains_key("csm_id") {
                self.history.account.insert("csm_id".to_owned(), value.clone());
            }
            self.csm.insert(key.clone(), value);
        }
    }

    /// The enrolled contact's id; `None` in an account playbook.
    pub fn enrolled(&self) -> Option<String> {
        Some(self.subject.contact.clone()).filter(|contact| !contact.is_empty())
    }

    /// What a case says of the subject, after the beginning.
    fn apply_subject(&mut self, given: &Fixtures, initial: bool, schema: &Schema, reader: &mut Reader) {
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

    fn apply_contact(&mut self, given: &[Entry], initial: bool, schema: &Schema, reader: &mut Reader) {
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
    fn add_contact(&mut self, mut contact: ContactRecord, at: Instant) {
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

    fn has_role(&self, role: &str) -> bool {
        self.history.contacts.iter().any(|contact| contact.text("role") == Some(role))
    }

    fn apply_events(&mut self, name: &str, node: &Node, moment: Instant, reader: &mut Reader) {
        let add = |world: &mut World, at, contact, properties| {
            world.history.events.push(EventRecord { name: name.to_owned(), at, contact, properties });
        };
        let spread = node.as_text().and_then(|text| text.split_once(" over "));
        if let Some((count, window)) = spread {
            let count: Option<i64> = count.trim().parse().ok().filter(|count| (0..=MAX_EVENTS).contains(count));
            let (Some(count), Some(Duration::Seconds(span))) = (count, Duration::parse(window)) else {
                let message = format!("the events `{}` cannot be read", short(name));
                let help = format!("write `12 over 30d`, with a number up to {MAX_EVENTS}");
                reader.error("KW0501", node.place, message, help);
                return;
            };
            for index in 0..count {
                // The middle of each of `count` equal parts of the window.
                let before = i128::from(2 * index + 1) * i128::from(span) * 1_000 / i128::from(2 * count);
                let at = i64::try_from(before).ok().and_then(TimeDelta::try_milliseconds);
                if let Some(at) = at.and_then(|before| moment.checked_sub_signed(before)) {
                    add(self, at, self.enrolled(), serde_json::Map::new());
                }
            }
            return;
        }
        let single = [node.clone()];
        let items = match &node.value {
            NodeValue::Sequence(items) => items.as_slice(),
            _ => &single,
        };
        for item in items {
            if item.as_mapping().is_none() {
                if let Some(at) = reader.time(name, item) {
                    add(self, at, self.enrolled(), serde_json::Map::new());
                }
                continue;
            }
            let mut problems = Vec::new();
            let mut fields = Fields::new(reader.file, item, "an event", &mut problems);
            let (at, contact, properties) = (fields.required("at"), fields.take("contact"), fields.take("properties"));
            fields.finish();
            reader.problems.append(&mut problems);
            let properties = properties.map(|node| reader.attributes("properties", node)).unwrap_or_default();
            let contact = self.whose(contact, reader);
            if let Some(at) = at.and_then(|node| reader.time("at", node)) {
                add(self, at, contact, properties);
            }
        }
    }

    fn apply_score(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, "a score", &mut problems);
        let name = fields.required_text("name");
        let value = fields.required("value");
        let (at, contact) = (fields.required("at"), fields.take("contact"));
        fields.finish();
        reader.problems.append(&mut problems);
        let value = value.and_then(|node| match node.value {
            NodeValue::Int(whole) => Some(whole as f64),
            NodeValue::Float(number) => Some(number),
            _ => {
                let message = format!("`value` needs a number, not {}", node.found());
                reader.error("KW0501", node.place, message, "write a number without quotes");
                None
            }
        });
        let contact = self.whose(contact, reader);
        let at = at.and_then(|node| reader.time("at", node));
        if let (Some(name), Some(value), Some(at)) = (name, value, at) {
            let id = format!("score-{:06}", self.history.scores.len());
            self.history.scores.push(ScoreRecord { id, name: name.text.to_string(), value, at, contact });
        }
    }

    fn apply_ticket(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, "a ticket", &mut problems);
        let (opened, closed) = (fields.required("opened_at"), fields.take("closed_at"));
        let contact = fields.take("contact");
        let severity = fields.string("severity");
        fields.finish();
        reader.problems.append(&mut problems);
        let closed_at = closed
            .filter(|node| !matches!(node.value, NodeValue::Null))
            .and_then(|node| reader.time("closed_at", node));
        let contact = self.whose(contact, reader);
        let Some(opened_at) = opened.and_then(|node| reader.time("opened_at", node)) else { return };
        let ticket = TicketRecord { contact, opened_at, closed_at, severity };
        // The same ticket again is how a case closes it later.
        let same = |known: &&mut TicketRecord| {
            known.opened_at == opened_at
                && known.contact == ticket.contact
                && known.severity == ticket.severity
                && known.closed_at.is_none()
                && closed_at.is_some()
        };
        match self.history.tickets.iter_mut().find(same) {
            Some(known) => *known = ticket,
            None => self.history.tickets.push(ticket),
        }
    }

    /// Whose something is: the subject's, unless a case says otherwise; `none`
    /// is nobody's.
    fn whose(&self, named: Option<&Node>, reader: &mut Reader) -> Option<String> {
        match named {
            None => self.enrolled(),
            Some(node) if matches!(node.value, NodeValue::Null) || node.as_text() == Some("none") => None,
            Some(node) => self.contact(node, reader),
        }
    }

    /// The id of the contact with that role or id; `contact` is the subject.
    fn contact(&self, node: &Node, reader: &mut Reader) -> Option<String> {
        let word = node.as_text().unwrap_or_default();
        if word == "contact" && !self.subject.contact.is_empty() {
            return self.enrolled();
        }
        let mut contacts = self.history.contacts.iter();
        let found = contacts.find(|contact| contact.text("role") == Some(word) || contact.id == word);
        if found.is_none() {
            let message = format!("the case has no contact with the role `{}`", short(word));
            reader.error("KW0501", node.place, message, "add it under `contacts:`");
        }
        found.map(|contact| contact.id.clone())
    }

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
        };
        for id in pools.values().flat_map(|members| members.iter()) {
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
    fn gather_people(&mut self) {
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
        });
        let manager = csm.as_ref().and_then(|csm| csm.manager_id.clone()).map(|id| Csm {
            id,
            name: "Riley Quinn".to_owned(),
            email: "riley.quinn@keepwell.example".to_owned(),
            manager_id: None,
            timezone: None,
        });
        self.people = People { contacts, csm, manager };
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
            contact.columns.insert(key.clone(), value);
        }
    }
    contact.id = contact.text("id").unwrap_or_default().to_owned();
    contact
}

fn person(record: &ContactRecord) -> Option<Contact> {
    let text = |column: &str| record.text(column).map(str::to_owned);
    Some(Contact {
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
    })
}

/// What is in force at an instant happened before it.
fn just_before(moment: Instant) -> Instant {
    moment - TimeDelta::microseconds(1)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
