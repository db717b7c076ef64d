//! Reading one test case.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use super::forms::{ANSWER_KEYS, CASE, CHANGE, EXPECTATION, MEMBER, MOST_MEMBERS};
use super::{Case, CaseAnswer, Change, Expectation, Expected, Fixtures, Member, PastColumns};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::budget::Budget;
use crate::playbook::quiet_hours::QuietHours;
use crate::playbook::reader::{Fields, inline, short};
use crate::playbook::steps::{KnownStep, nearest_step};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Duration, ExpectedForm, Source, StepForm, duration};

/// Reads the cases of one playbook.
pub(super) struct CaseReader<'a> {
    pub file: &'a Arc<str>,
    pub steps: &'a [KnownStep],
    pub forms: &'a [StepForm],
}

impl CaseReader<'_> {
    pub fn case(
        &self,
        name: &str,
        place: Position,
        entries: Vec<Entry>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Case> {
        let node = Node { place, value: NodeValue::Mapping(entries) };
        let mut fields = Fields::new(self.file, &node, &CASE, problems);
        // Said above; here so that it is among the keys that a message lists.
        fields.take("name");
        fields.take("like");
        if !fields.has("at") {
            fields.missing("at");
        }
        let at = instant(&mut fields);
        let fixtures = Fixtures { past: self.past(&mut fields), ..self.fixtures(&mut fields) };
        let population = self.population(&mut fields);
        let kpis = fields.mapping("kpis").map(<[Entry]>::to_vec).unwrap_or_default();
        let budget = match fields.take("budget") {
            Some(node) => Budget::read(self.file, node, Budget::OFF, fields.problems()),
            None => Budget::OFF,
        };
        let quiet_hours =
            fields.take("quiet_hours").and_then(|node| QuietHours::read(self.file, node, fields.problems()));
        let then = self.then(&mut fields);
        if !fields.has("expect") {
            fields.missing("expect");
        }
        let (expect, variants) = self.expect(&mut fields);
        let ok = fields.finish();
        if !ok {
            return None;
        }
        let name = name.to_owned();
        Some(Case { name, place, at: at?, fixtures, population, kpis, budget, quiet_hours, then, variants, expect })
    }

    pub fn fixtures(&self, fields: &mut Fields<'_, '_>) -> Fixtures {
        let columns = |fields: &mut Fields<'_, '_>, key| fields.mapping(key).map(<[Entry]>::to_vec);
        Fixtures {
            account: columns(fields, "account").unwrap_or_default(),
            contact: columns(fields, "contact"),
            contacts: self.contacts(fields),
            csm: columns(fields, "csm"),
            owners: columns(fields, "owners").unwrap_or_default(),
            events: columns(fields, "events").unwrap_or_default(),
            scores: rows(fields, "scores").unwrap_or_default(),
            stages: rows(fields, "stages").unwrap_or_default(),
            tiers: rows(fields, "tiers").unwrap_or_default(),
            plans: columns(fields, "plans").unwrap_or_default(),
            goals: rows(fields, "goals").unwrap_or_default(),
            tickets: rows(fields, "tickets").unwrap_or_default(),
            tasks: rows(fields, "tasks").unwrap_or_default(),
            in_playbook: sources(fields, "in_playbook"),
            labels: columns(fields, "labels").unwrap_or_default(),
            past: Vec::new(),
        }
    }

    /// What the columns of the account were before.
    pub fn past(&self, fields: &mut Fields<'_, '_>) -> Vec<PastColumns> {
        let mut past = Vec::new();
        for entry in fields.mapping("past").unwrap_or_default() {
            let Some(Duration::Seconds(before)) = Duration::parse(&entry.key) else {
                let message = format!("`{}` is no time before `at`", short(&entry.key));
                let right = duration::meant(&entry.key).unwrap_or_else(|| "30d`, `12h`, `4w".to_owned());
                let help = format!("write `{right}`");
                fields.error_with_help("KW0110", entry.key_place, message, help);
                continue;
            };
            match entry.node.as_mapping() {
                Some(columns) => past.push(PastColumns { before, columns: columns.to_vec() }),
                None => fields.wrong_type(&entry.key, &entry.node, "columns of the account"),
            }
        }
        past
    }

    pub fn population(&self, fields: &mut Fields<'_, '_>) -> Vec<Member> {
        let mut members = Vec::new();
        for node in fields.list("population").unwrap_or_default() {
            let mut inner = Fields::new(self.file, node, &MEMBER, fields.problems());
            let fixtures = Fixtures { past: self.past(&mut inner), ..self.fixtures(&mut inner) };
            let times = inner.int_within("times", 1, MOST_MEMBERS).and_then(|times| u64::try_from(times).ok());
            inner.finish();
            members.push(Member { fixtures, times: times.unwrap_or(1) });
        }
        members
    }

    /// A list of contacts, or a mapping from role to contact.
    fn contacts(&self, fields: &mut Fields<'_, '_>) -> Option<Vec<Vec<Entry>>> {
        let node = fields.take("contacts")?;
        let Some(roles) = node.as_mapping() else {
            return rows(fields, "contacts");
        };
        let mut contacts = Vec::new();
        for role in roles {
            let Some(columns) = role.node.as_mapping() else {
                fields.wrong_type(&role.key, &role.node, "the contact's columns");
                continue;
            };
            let place = role.key_place;
            let value = NodeValue::Text(inline(self.file, place, &role.key));
            let mut contact = vec![Entry { key: "role".to_owned(), key_place: place, node: Node { place, value } }];
            contact.extend(columns.iter().cloned());
            contacts.push(contact);
        }
        Some(contacts)
    }

    fn then(&self, fields: &mut Fields<'_, '_>) -> Vec<Change> {
        let mut changes = Vec::new();
        for entry in fields.mapping("then").unwrap_or_default() {
            let Some(Duration::Seconds(after)) = Duration::parse(&entry.key) else {
                let message = format!("`{}` is not an offset from `at`", short(&entry.key));
                let right = duration::meant(&entry.key).unwrap_or_else(|| "30m`, `12h`, `3d".to_owned());
                let help = format!("write `{right}`");
                fields.error_with_help("KW0110", entry.key_place, message, help);
                continue;
            };
            let mut inner = Fields::new(self.file, &entry.node, &CHANGE, fields.problems());
            let fixtures = self.fixtures(&mut inner);
            let kpis = inner.mapping("kpis").map(<[Entry]>::to_vec).unwrap_or_default();
            let done = words(&mut inner, "done");
            let at = inner.value_place("done");
            for id in &done {
                self.check_named(&mut inner, id, "done", at);
            }
            let mut outcomes = Vec::new();
            for outcome in inner.mapping("outcome").unwrap_or_default() {
                self.check_named(&mut inner, &outcome.key, "outcome", outcome.key_place);
                match outcome.node.as_text() {
                    Some(text) => outcomes.push((outcome.key.clone(), text.to_owned())),
                    None => inner.wrong_type(&outcome.key, &outcome.node, "text"),
                }
            }
            let mut answers = Vec::new();
            for answer in inner.mapping("answer").unwrap_or_default() {
                self.check_named(&mut inner, &answer.key, "answer", answer.key_place);
                let step = answer.key.clone();
                match &answer.node.value {
                    NodeValue::Int(_) | NodeValue::Text(_) => {
                        answers.push(CaseAnswer { step, value: answer.node.clone(), comment: None });
                    }
                    NodeValue::Mapping(_) => {
                        let mut keys = Fields::new(self.file, &answer.node, &ANSWER_KEYS, inner.problems());
                        let value = keys.required("value").cloned();
                        let (value, comment) = (value.filter(|_| keys.int("value").is_some()), keys.string("text"));
                        keys.finish();
                        answers.extend(value.map(|value| CaseAnswer { step, value, comment }));
                    }
                    _ => inner.wrong_type(&answer.key, &answer.node, "a whole number or text"),
                }
            }
            inner.finish();
            changes.push(Change { after, fixtures, kpis, done, outcomes, answers });
        }
        changes.sort_by_key(|change| change.after);
        changes
    }

    fn expect(&self, fields: &mut Fields<'_, '_>) -> (Vec<Expectation>, BTreeMap<String, String>) {
        let mut variants = BTreeMap::new();
        let mut expected: Vec<Expectation> = Vec::new();
        for node in fields.list("expect").unwrap_or_default() {
            let Some(expectation) = self.expectation(node, fields.problems()) else {
                continue;
            };
            if expected.last().is_some_and(|last| last.after > expectation.after) {
                let message = "expectations stand in the order of time, and this one is earlier";
                fields.error("KW0501", node.place, message);
            }
            if let (Expected::Step { id, .. }, Some(variant)) = (&expectation.expected, &expectation.variant) {
                let first = variants.entry(id.clone()).or_insert_with(|| variant.clone());
                if first != variant {
                    let message =
                        format!("the account of a case gets one variant of `{id}`, and `{first}` stands above");
                    let help = "write a case of its own for the other variant";
                    fields.error_with_help("KW0501", node.place, message, help);
                }
            }
            expected.push(expectation);
        }
        (expected, variants)
    }

    fn expectation(&self, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Expectation> {
        let kinds = self.expectations().map(|(key, _)| key);
        let mut fields = Fields::new(self.file, node, &EXPECTATION, problems).allow_keys(kinds);
        if !fields.has("after") {
            fields.missing("after");
        }
        let after = fields.elapsed("after");
        let mut expected = Vec::new();
        for (key, form) in self.expectations() {
            let given = fields.has(key);
            let Some(id) = fields.string(key) else {
                if given {
                    expected.push(None);
                }
                continue;
            };
            let at = fields.value_place(key);
            self.check_step(&mut fields, &id, key, at, |form| form.can_be_expected_as(key));
            expected.push(Some(Expected::Step { id, form }));
        }
        let given = fields.has("ended");
        match fields.string("ended") {
            Some(word) => expected.push(Some(Expected::Ended(word))),
            None if given => expected.push(None),
            None => {}
        }
        let given = fields.has("undecided");
        match fields.boolean("undecided") {
            Some(true) => expected.push(Some(Expected::Undecided)),
            Some(false) => {
                let (at, message) = (fields.value_place("undecided"), "an expectation is of what happens");
                fields.error_with_help("KW0501", at, message, "write `undecided: true`, or leave it out");
                expected.push(None);
            }
            None if given => expected.push(None),
            None => {}
        }
        if expected.len() != 1 && node.as_mapping().is_some() {
            let keys: Vec<String> = self.expectations().map(|(key, _)| format!("`{key}`")).collect();
            let message = format!("an expectation has exactly one of {}, `ended` and `undecided`", keys.join(", "));
            fields.error("KW0501", node.place, message);
        }
        let to = fields.string("to");
        let variant = fields.string("variant");
        let subject = fields.string("subject");
        let contains = fields.string("contains");
        if !fields.finish() {
            return None;
        }
        Some(Expectation {
            place: node.place,
            after: after?,
            expected: expected.pop()??,
            to,
            variant,
            subject,
            contains,
        })
    }

    /// The keys of an expectation that name a step, with what they stand for.
    fn expectations(&self) -> impl Iterator<Item = (&'static str, ExpectedForm)> {
        self.forms.iter().filter_map(|form| Some((form.name, form.expected?)))
    }

    /// Reports an id that is no step which a function such as `done` can name.
    fn check_named(&self, fields: &mut Fields<'_, '_>, id: &str, function: &str, at: Position) {
        let kind = self.forms.iter().find(|form| form.functions.contains(&function)).map_or(function, |form| form.name);
        self.check_step(fields, id, kind, at, |form| form.may_do_anything || form.functions.contains(&function));
    }

    /// Reports an id that is no step, or one of another kind.
    fn check_step(
        &self,
        fields: &mut Fields<'_, '_>,
        id: &str,
        kind: &str,
        at: Position,
        fits: impl Fn(&StepForm) -> bool,
    ) {
        let found = self.steps.iter().find(|step| step.id == id);
        let message = match found {
            Some(step) if fits(&step.form) => return,
            Some(step) => format!("`{id}` is no {kind} step but a step of the kind `{}`", step.form.name),
            None => format!("there is no step `{}`", short(id)),
        };
        match nearest_step(id, self.steps).filter(|_| found.is_none()) {
            Some(help) => fields.error_with_help("KW0107", at, message, help),
            None => fields.error("KW0107", at, message),
        }
    }
}

pub(super) fn instant(fields: &mut Fields<'_, '_>) -> Option<DateTime<FixedOffset>> {
    let source = fields.text("at")?;
    let parsed = DateTime::parse_from_rfc3339(&source.text);
    if parsed.is_err() {
        let message = format!("`at` is not an instant: `{}`", short(&source.text));
        let help = "write date, time and offset: `2026-03-02T09:00:00+01:00`";
        let at = fields.value_place("at");
        fields.error_with_help("KW0116", at, message, help);
    }
    parsed.ok()
}

/// A list of mappings with free keys.
fn rows(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Vec<Vec<Entry>>> {
    let items = fields.list(key)?;
    let mut rows = Vec::new();
    for item in items {
        match item.as_mapping() {
            Some(entries) => rows.push(entries.to_vec()),
            None => fields.wrong_type(key, item, "mappings in its list"),
        }
    }
    Some(rows)
}

/// One word, or a list of them.
fn words(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<String> {
    sources(fields, key).into_iter().map(|word| word.text.to_string()).collect()
}

/// The same with their places.
fn sources(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<Source> {
    match fields.take(key).map(|node| &node.value) {
        None => Vec::new(),
        Some(NodeValue::Text(source)) => vec![source.clone()],
        Some(_) => fields.texts(key),
    }
}
