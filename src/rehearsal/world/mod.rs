//! The world of a case: one account, its people and its past, in memory. In a
//! contact playbook one of the people is the subject, and what a case does not
//! say of whom is theirs.
//!
//! What a case does not say is filled in so that it is an ordinary account: a
//! nullable column is missing, others have the store's default, there is a CSM
//! with a manager and one reachable contact for each role the playbook mails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::fixture::{Reader, mapping};
use crate::action::People;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::history::{ChangeRecord, ContactRecord, EnrollmentRecord, LabelRecord};
use crate::facts::{Csm, History, KpiRecord, Schema, Standing, SubjectId, Value};
use crate::playbook::SubjectKind;
use crate::playbook::case::Fixtures;
use crate::playbook::yaml::Entry;

mod contacts;
mod kpis;
mod past;
mod people;
mod plans;
mod task;

use contacts::capitalised;

/// What is filled into a world because of who looks at it.
pub(super) struct Setting<'a> {
    /// Where an account stands of which nothing is said.
    pub stage: Option<&'a str>,
    pub subject: SubjectKind,
    /// Those who get mail: one reachable contact each.
    pub roles: BTreeSet<String>,
}

/// One account with everything around it.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Who may enter: the account, or a contact of it.
    pub subject: SubjectId,
    pub history: History,
    pub people: People,
    /// The CSM's columns by name, whether or not the account has one now.
    csm: BTreeMap<String, Value>,
    csm_traits: serde_json::Map<String, serde_json::Value>,
    /// The figures that documents have recorded.
    pub kpis: Vec<KpiRecord>,
}

impl World {
    /// The id of an account of which a case says none.
    pub const ACCOUNT: &str = "account-1";

    /// The world of a case just before its first run.
    pub fn new(playbook: &ReadyPlaybook, given: &Fixtures, schema: &Schema, reader: &mut Reader) -> World {
        let setting = Setting {
            stage: playbook.playbook.stages.as_ref().and_then(|stages| stages.first()).map(String::as_str),
            subject: playbook.playbook.subject,
            roles: playbook.roles(),
        };
        World::of_setting(&setting, given, schema, reader)
    }

    /// The same where nothing but this is known of who looks at it.
    pub fn of_setting(setting: &Setting<'_>, given: &Fixtures, schema: &Schema, reader: &mut Reader) -> World {
        let mut world = World {
            subject: SubjectId { account: World::ACCOUNT.to_owned(), contact: String::new() },
            history: History::default(),
            people: People::default(),
            csm: BTreeMap::new(),
            csm_traits: serde_json::Map::new(),
            kpis: Vec::new(),
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
        if let Some(stage) = setting.stage.filter(|_| given.stages.is_empty()) {
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
        if setting.subject == SubjectKind::Contact {
            let listed = || given.contacts.as_ref().and_then(|contacts| contacts.first());
            match given.contact.as_ref().or_else(listed) {
                Some(columns) => world.apply_contact(columns, true, schema, reader),
                None => world.apply_contact(&[], true, schema, reader),
            }
            world.subject.contact =
                world.history.contacts.first().map(|contact| contact.id.clone()).unwrap_or_default();
        }
        if given.contacts.is_none() {
            for role in setting.roles.iter().filter(|role| !world.has_role(role)).cloned().collect::<Vec<_>>() {
                let person = capitalised(&role);
                let mut contact = ContactRecord { id: format!("contact-{role}"), ..ContactRecord::default() };
                contact.columns.insert("first_name".to_owned(), Value::text(&person));
                contact.columns.insert("role".to_owned(), Value::text(&role));
                world.add_contact(contact, reader.at);
            }
        }
        world.apply(given, true, schema, reader.at, reader);
        world.history.recorded_at = Some(just_before(reader.at));
        world.apply_columns_of_past(&given.past, schema, reader);
        world
    }

    /// A subject of the customer store, with its account's past and the CSM who
    /// looks after it now.
    pub fn of_store(subject: SubjectId, history: History, csm: Option<&Csm>) -> World {
        let mut columns = BTreeMap::new();
        if let Some(csm) = csm {
            let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
            columns.insert("id".to_owned(), Value::text(&csm.id));
            columns.insert("name".to_owned(), Value::text(&csm.name));
            columns.insert("email".to_owned(), Value::text(&csm.email));
            columns.insert("manager_id".to_owned(), text(&csm.manager_id));
            columns.insert("timezone".to_owned(), text(&csm.timezone));
        }
        let csm_traits = csm.map(|csm| csm.traits.clone()).unwrap_or_default();
        let mut world =
            World { subject, history, people: People::default(), csm: columns, csm_traits, kpis: Vec::new() };
        world.gather_people();
        if csm.is_none() {
            (world.people.csm, world.people.manager) = (None, None);
        }
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
        for Entry { key: role, node, .. } in &given.owners {
            match reader.owner(role, node) {
                Some(Some(id)) => drop(self.history.owners.insert(role.clone(), id)),
                Some(None) => drop(self.history.owners.remove(role)),
                None => {}
            }
        }
        for Entry { key: name, node, .. } in &given.events {
            self.apply_events(name, node, moment, reader);
        }
        for row in &given.scores {
            self.apply_score(&mapping(row), reader);
        }
        for (standing, rows) in [(Standing::Stage, &given.stages), (Standing::Tier, &given.tiers)] {
            rows.iter().for_each(|row| self.apply_standing(standing, &mapping(row), schema, reader));
        }
        given.plans.iter().for_each(|entry| self.apply_plan(entry, reader));
        given.goals.iter().for_each(|row| self.apply_goal(&mapping(row), reader));
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
            if key == "traits" {
                self.csm_traits.extend(reader.attributes("csm.traits", node));
                continue;
            }
            let Some(column) = reader.column("the CSM", &schema.csm, key, *key_place) else { continue };
            let Some(value) = reader.value(column, node) else { continue };
            let says = given.account.iter().any(|given| given.key == "csm_id");
            if key == "id" && !says && self.history.account.contains_key("csm_id") {
                self.history.account.insert("csm_id".to_owned(), value.clone());
            }
            self.csm.insert(key.clone(), value);
        }
    }

    /// Whether the CSM is away at some time; nobody else ever is.
    pub fn has_absences(&self) -> bool {
        let columns = ["away_from", "away_until"].into_iter().filter_map(|name| self.csm.get(name));
        columns.into_iter().any(|value| *value != Value::Null)
    }

    /// The enrolled contact's id; `None` in an account playbook.
    pub fn enrolled(&self) -> Option<String> {
        Some(self.subject.contact.clone()).filter(|contact| !contact.is_empty())
    }
}

/// What is in force at an instant happened before it.
fn just_before(moment: Instant) -> Instant {
    moment - TimeDelta::microseconds(1)
}
