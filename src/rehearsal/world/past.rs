//! What happened before: events, scores and tickets, and what the account was.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{World, just_before};
use crate::clock::Instant;
use crate::facts::history::{AnswerRecord, ChangeRecord, OwnScore, ScoreRecord, StandingRecord, TicketRecord};
use crate::facts::{EventRecord, Schema, Standing, Value};
use crate::playbook::Duration;
use crate::playbook::case::{EVENT, PastColumns, SCORE, STANDING, TICKET};
use crate::playbook::reader::{Fields, short};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::rehearsal::fixture::Reader;

/// The most events that `N over SPAN` makes.
const MAX_EVENTS: i64 = 10_000;

impl World {
    pub(super) fn apply_events(&mut self, name: &str, node: &Node, moment: Instant, reader: &mut Reader) {
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
            let mut fields = Fields::new(reader.file, item, &EVENT, &mut problems);
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

    pub(super) fn apply_score(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, &SCORE, &mut problems);
        let name = fields.required_text("name");
        let value = fields.required("value");
        let (at, contact) = (fields.required("at"), fields.take("contact"));
        let (factors, band) = (fields.take("factors"), fields.string("band"));
        let text = fields.string("text");
        fields.finish();
        reader.problems.append(&mut problems);
        let own = self.own_score(factors, band, reader);
        let value = value.and_then(|node| match &node.value {
            NodeValue::Int(whole) => Some(*whole as f64),
            NodeValue::Float(number) => Some(number.value),
            _ => {
                let message = format!("`value` needs a number, not {}", node.describe());
                reader.error("KW0501", node.place, message, "write a number without quotes");
                None
            }
        });
        let contact = self.whose(contact, reader);
        let at = at.and_then(|node| reader.time("at", node));
        if let (Some(name), Some(value), Some(at)) = (name, value, at) {
            let id = format!("score-{:06}", self.history.scores.len());
            if text.is_some() {
                let (id, contact, score) = (id.clone(), contact.clone(), Some(name.text.to_string()));
                self.history.answers.push(AnswerRecord { id, contact, score, survey: None, text, at });
            }
            self.history.scores.push(ScoreRecord { id, name: name.text.to_string(), value, at, contact, own });
        }
    }

    /// What the columns of the account were before `at`: each value holds until the
    /// next one that is given, the last until just before `at`.
    pub(super) fn apply_columns_of_past(&mut self, past: &[PastColumns], schema: &Schema, reader: &mut Reader) {
        let mut known: BTreeMap<Instant, BTreeMap<String, Value>> = BTreeMap::new();
        for PastColumns { before, columns } in past {
            let span = TimeDelta::try_seconds(*before);
            let Some(at) = span.and_then(|span| just_before(reader.at).checked_sub_signed(span)) else { continue };
            for Entry { key, key_place, node } in columns {
                let value = if key == "traits" {
                    let mut traits = self.history.traits.clone();
                    traits.extend(reader.attributes("past.traits", node));
                    Some(Value::Json(Arc::new(traits.into())))
                } else {
                    let column = reader.column("the account", &schema.account, key, *key_place);
                    column.and_then(|column| reader.value(column, node))
                };
                value.into_iter().for_each(|value| drop(known.entry(at).or_default().insert(key.clone(), value)));
            }
        }
        let Some(first) = known.keys().next().copied() else { return };
        self.history.recorded_at = Some(first);
        for (at, columns) in &known {
            for (column, value) in columns {
                let mut later = known.range(*at..).skip(1);
                let next = later.find_map(|(then, columns)| columns.get(column).map(|value| (*then, value.clone())));
                let (until, became) = next.unwrap_or_else(|| (just_before(reader.at), self.present(column)));
                if became != *value {
                    let was = [(column.clone(), value.clone())].into();
                    self.history.changes.push(ChangeRecord { at: until, was });
                }
            }
        }
    }

    /// A column of the account as it stands, `traits` as JSON.
    fn present(&self, column: &str) -> Value {
        match column {
            "traits" => Value::Json(Arc::new(self.history.traits.clone().into())),
            _ => self.history.account.get(column).cloned().unwrap_or(Value::Null),
        }
    }

    /// What a case says of a score that a document makes.
    fn own_score(&self, factors: Option<&Node>, band: Option<String>, reader: &mut Reader) -> Option<OwnScore> {
        if factors.is_none() && band.is_none() {
            return None;
        }
        let mut own = OwnScore { factors: BTreeMap::new(), band };
        let entries = factors.and_then(|node| node.as_mapping());
        if let (Some(node), None) = (factors, entries) {
            let message = format!("`factors` needs a mapping, not {}", node.describe());
            reader.error("KW0501", node.place, message, "write `factors: { usage: 20 }`");
        }
        for entry in entries.unwrap_or_default() {
            match &entry.node.value {
                NodeValue::Int(whole) => drop(own.factors.insert(entry.key.clone(), *whole as f64)),
                NodeValue::Float(number) => drop(own.factors.insert(entry.key.clone(), number.value)),
                _ => {
                    let message = format!("`{}` needs a number, not {}", short(&entry.key), entry.node.describe());
                    reader.error("KW0501", entry.node.place, message, "write a number without quotes");
                }
            }
        }
        Some(own)
    }

    /// A stage or a tier that a document has found.
    pub(super) fn apply_standing(&mut self, standing: Standing, row: &Node, schema: &Schema, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, &STANDING, &mut problems);
        let (id, at) = (fields.required("id"), fields.required("at"));
        fields.finish();
        reader.problems.append(&mut problems);
        if !schema.takes(standing) {
            let message = format!("the customer store has a {} of its own for each account", standing.name());
            let help = format!("write `account: {{ {}: … }}`", standing.name());
            reader.error("KW0501", row.place, message, help);
            return;
        }
        let value = id.and_then(|node| match (&node.value, node.as_text()) {
            (NodeValue::Null, _) | (_, Some("none")) => Some(Value::Null),
            (_, Some(text)) => Some(Value::text(text)),
            _ => {
                let message = format!("`id` needs a {}, not {}", standing.name(), node.describe());
                reader.error("KW0501", node.place, message, "put it in quotes");
                None
            }
        });
        if let (Some(value), Some(at)) = (value, at.and_then(|node| reader.time("at", node))) {
            self.history.standings.push(StandingRecord { standing, at, value });
            self.history.standings.sort_by_key(|record| record.at);
        }
    }

    pub(super) fn apply_ticket(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, &TICKET, &mut problems);
        let (opened, closed) = (fields.required("opened_at"), fields.take("closed_at"));
        let contact = fields.take("contact");
        let [severity, topic, subject] = ["severity", "topic", "subject"].map(|key| fields.string(key));
        fields.finish();
        reader.problems.append(&mut problems);
        let closed_at = closed
            .filter(|node| !matches!(node.value, NodeValue::Null))
            .and_then(|node| reader.time("closed_at", node));
        let contact = self.whose(contact, reader);
        let Some(opened_at) = opened.and_then(|node| reader.time("opened_at", node)) else { return };
        let ticket = TicketRecord { contact, opened_at, closed_at, severity, topic, subject };
        // The same ticket again is how a case closes it later.
        let same = |known: &&mut TicketRecord| {
            known.opened_at == opened_at
                && known.contact == ticket.contact
                && known.severity == ticket.severity
                && known.topic == ticket.topic
                && known.subject == ticket.subject
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
    pub(super) fn whose(&self, named: Option<&Node>, reader: &mut Reader) -> Option<String> {
        match named {
            None => self.enrolled(),
            Some(node) if matches!(node.value, NodeValue::Null) || node.as_text() == Some("none") => None,
            Some(node) => self.contact(node, reader),
        }
    }

    /// The id of the contact with that role or id; `contact` is the subject.
    pub(super) fn contact(&self, node: &Node, reader: &mut Reader) -> Option<String> {
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
}
