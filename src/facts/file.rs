//! A facts file: what `keepwell facts --format json` writes of a customer
//! store, so that playbooks are checked without its database.
//!
//! ```yaml
//! facts:
//!   - { name: account.id, type: text, nullable: false }
//!   - { name: account.industry, type: text, nullable: true }
//! absent: [changes, tickets.severity]   # what the store does not have
//! statuses: [customer, lead]            # the words of account.status
//! seen:                                 # what the store was seen to hold, with the number of rows
//!   events: { Logged In: 12430 }
//!   account_attributes: { plan: { rows: 40, shapes: [] } }
//!   partly: [scores]                    # kinds of which there are more names than these
//! ```
//!
//! JSON is YAML, so one reader reads both.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::inventory::{self, Inventory, KnownName, KnownNames, NameKind, ShapeKind};
use super::schema::{Column, Schema};
use super::value::Type;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::form::words;
use crate::playbook::reader::{Fields, Form, Key, KeyNames, Shape};
use crate::playbook::source::{SourceFile, read_file};
use crate::playbook::yaml::{self, Node, NodeValue};

/// The words for types.
pub const TYPES: [(&str, Type); 6] = [
    ("bool", Type::Bool),
    ("int", Type::Int),
    ("float", Type::Float),
    ("text", Type::Text),
    ("time", Type::Time),
    ("json", Type::Json),
];

const KINDS: [(&str, bool); 3] = [("column", true), ("method", false), ("function", false)];
const KIND_WORDS: &[&str] = &words(&KINDS);
const TYPE_WORDS: &[&str] = &words(&TYPES);

static FACTS_FILE: Form = Form::new(
    "a facts file",
    &[&[
        Key::required("facts", Shape::list(&Shape::Form(&FACT), 0), "What can be asked."),
        Key::new("absent", Shape::list(&Shape::Text, 0), "What the store does not have."),
        Key::new("statuses", Shape::list(&Shape::Text, 0), "The words of `account.status`."),
        Key::new("seen", Shape::Form(&SEEN), "What the store was seen to hold."),
    ]],
);

static FACT: Form = Form::new(
    "a fact",
    &[&[
        Key::new("kind", Shape::Words(KIND_WORDS), "What can be done with it."),
        Key::required("name", Shape::Text, "How it is written."),
        Key::new("calls", Shape::Any, "The ways to call it."),
        Key::new("summary", Shape::Any, "What it is."),
        Key::new("examples", Shape::Any, "How it is used."),
        Key::new("type", Shape::Words(TYPE_WORDS), "What it gives."),
        Key::new("nullable", Shape::Boolean, "Whether it can be missing."),
    ]],
);

const ROWS: Shape = Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::Any, least: 0 };

static SEEN: Form = Form::new(
    "seen",
    &[&[
        Key::new("partly", Shape::list(&Shape::Text, 0), "The kinds of which these are not all names."),
        Key::new("events", ROWS, "Events, with the number of rows."),
        Key::new("event_properties", ROWS, "Properties as `event.property`, with the number of rows."),
        Key::new("scores", ROWS, "Scores, with the number of rows."),
        Key::new("roles", ROWS, "Roles of contacts, with the number of rows."),
        Key::new("owner_roles", ROWS, "Roles of owners of accounts, with the number of rows."),
        Key::new("severities", ROWS, "Severities of tickets, with the number of rows."),
        Key::new("topics", ROWS, "Topics of tickets, with the number of rows."),
        Key::new("statuses", ROWS, "Statuses of accounts, with the number of rows."),
        Key::new("tiers", ROWS, "Tiers of accounts, with the number of rows."),
        Key::new("stages", ROWS, "Stages of accounts, with the number of rows."),
        Key::new("locales", ROWS, "Locales, with the number of rows."),
        Key::new("zones", ROWS, "Time zones, with the number of rows."),
        Key::new("account_attributes", ROWS, "Attributes of accounts, with the number of rows."),
        Key::new("contact_attributes", ROWS, "Attributes of contacts, with the number of rows."),
        Key::new("csm_attributes", ROWS, "Attributes of CSMs, with the number of rows."),
    ]],
);

/// Reads a facts file. With an error in it the default store's columns are given.
pub fn read(path: &Path) -> (Schema, Vec<Diagnostic>) {
    match read_file(path) {
        Ok(file) => parse(&file),
        Err(problem) => (Schema::default_store(), vec![*problem]),
    }
}

/// The same of a text that was read already.
pub fn parse(file: &SourceFile) -> (Schema, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut schema = Schema { account: Vec::new(), contact: Vec::new(), csm: Vec::new(), ..Schema::default_store() };
    if let Some(node) = yaml::read(&file.path, &file.text, &mut problems) {
        let mut fields = Fields::new(&file.path, &node, &FACTS_FILE, &mut problems);
        if !fields.has("facts") {
            fields.missing("facts");
        }
        for item in fields.list("facts").unwrap_or_default() {
            fact(file, item, &mut schema, fields.problems());
        }
        schema.absent = fields.texts("absent").into_iter().map(|source| source.text.to_string()).collect();
        let statuses = fields.texts("statuses");
        if fields.has("statuses") {
            schema.statuses = statuses.into_iter().map(|source| source.text.to_string()).collect();
        }
        if let Some(node) = fields.take("seen") {
            schema.inventory = Arc::new(read_inventory(file, node, fields.problems()));
        }
        fields.finish();
    }
    if problems.iter().any(Diagnostic::is_error) {
        return (Schema::default_store(), problems);
    }
    (schema, problems)
}

/// What the store was seen to hold, as a facts file has it.
pub fn seen_to_json(inventory: &Inventory) -> Json {
    let mut seen = Map::new();
    let mut partly = Vec::new();
    for (kind, known) in inventory.kinds() {
        let one = |known: &KnownName| match known.shapes.is_empty() {
            true => (known.name.clone(), json!(known.rows)),
            false => (known.name.clone(), json!({ "rows": known.rows, "shapes": known.shapes })),
        };
        seen.insert(kind.key().to_owned(), Json::Object(known.names.iter().map(one).collect()));
        if !known.is_complete {
            partly.push(kind.key());
        }
    }
    seen.insert("partly".to_owned(), json!(partly));
    Json::Object(seen)
}

fn read_inventory(file: &SourceFile, node: &Node, problems: &mut Vec<Diagnostic>) -> Inventory {
    let mut inventory = Inventory::default();
    let mut fields = Fields::new(&file.path, node, &SEEN, problems);
    let partly: Vec<String> = fields.texts("partly").into_iter().map(|source| source.text.to_string()).collect();
    for kind in NameKind::ALL {
        let Some(entries) = fields.mapping(kind.key()) else { continue };
        let mut names = Vec::new();
        for entry in entries {
            let rows = match &entry.node.value {
                NodeValue::Mapping(within) => {
                    within.iter().find(|one| one.key == "rows").and_then(|one| whole(&one.node))
                }
                _ => whole(&entry.node),
            };
            match rows {
                Some(rows) => names.push(KnownName { name: entry.key.clone(), rows, shapes: shapes(&entry.node) }),
                None => fields.wrong_type(&entry.key, &entry.node, "the number of its rows"),
            }
        }
        let is_complete = !partly.iter().any(|key| key == kind.key());
        inventory.set(kind, KnownNames::new(names, is_complete));
    }
    fields.finish();
    inventory
}

/// The shapes that a facts file says of a name; what is none is passed over, as
/// a newer version may know more.
fn shapes(node: &Node) -> Vec<inventory::Shape> {
    let within = |node: &'_ Node, key: &str| {
        node.as_mapping().and_then(|entries| entries.iter().find(|one| one.key == key)).map(|one| one.node.clone())
    };
    let listed = within(node, "shapes");
    let listed = listed.as_ref().and_then(Node::as_sequence).unwrap_or_default();
    let kinds = listed.iter().filter_map(|one| {
        let written = within(one, "shape")?;
        ShapeKind::ALL.into_iter().find(|kind| Some(kind.key()) == written.as_text())
    });
    kinds.map(|shape| inventory::Shape { shape, share: 0.0, examples: Vec::new() }).collect()
}

fn whole(node: &Node) -> Option<u64> {
    match node.value {
        NodeValue::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

fn fact(file: &SourceFile, node: &Node, schema: &mut Schema, problems: &mut Vec<Diagnostic>) {
    let mut fields = Fields::new(&file.path, node, &FACT, problems).at(node.place);
    let is_column = fields.one_of("kind", &KINDS).unwrap_or(true);
    let name = fields.required_text("name");
    // Written for people and other tools.
    for key in ["calls", "summary", "examples"] {
        fields.take(key);
    }
    if !is_column {
        fields.take("type");
        fields.take("nullable");
        fields.finish();
        return;
    }
    if !fields.has("type") {
        fields.missing("type");
    }
    let ty = fields.one_of("type", &TYPES);
    let nullable = fields.boolean("nullable").unwrap_or(true);
    let (Some(name), Some(ty), true) = (name, ty, fields.finish()) else { return };
    let columns = match name.text.split_once('.') {
        Some(("account", _)) => &mut schema.account,
        Some(("recipient" | "contact", _)) => &mut schema.contact,
        Some(("csm", _)) => &mut schema.csm,
        _ => {
            let message = format!("`{}` is no column of an account, a recipient or a CSM", name.text);
            let help = "write `account.NAME`, `recipient.NAME` or `csm.NAME`";
            problems.push(name.error("KW0603", 1, 1, message).help(help));
            return;
        }
    };
    let column = name.text.split_once('.').map_or("", |(_, column)| column);
    if columns.iter().any(|known| known.name == column) {
        // A contact's columns are listed for templates and for conditions.
        if !name.text.starts_with("contact.") && !name.text.starts_with("recipient.") {
            problems.push(name.error("KW0603", 1, 1, format!("`{}` is listed twice", name.text)));
        }
        return;
    }
    columns.push(Column { name: column.to_owned(), ty, nullable });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Subject;

    fn read(text: &str) -> (Schema, Vec<String>) {
        let (schema, problems) = parse(&SourceFile { path: "facts.yaml".into(), text: text.into() });
        let told = |d: &Diagnostic| format!("{}:{} {} {}", d.line, d.column, d.code, d.message);
        (schema, problems.iter().map(told).collect())
    }

    #[test]
    fn yaml_and_json_are_read() {
        for text in [
            "facts:\n  - { name: account.id, type: text, nullable: false }\n  - { name: account.industry, type: text }\nabsent: [changes]\n",
            r#"{"facts": [{"kind": "column", "name": "account.id", "type": "text", "nullable": false, "calls": [], "summary": "", "examples": []},
                {"kind": "column", "name": "account.industry", "type": "text", "nullable": true},
                {"kind": "method", "name": "account.events", "type": "int", "nullable": false, "calls": ["events(name, days)"]}],
                "absent": ["changes"]}"#,
        ] {
            let (schema, problems) = read(text);
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(schema.account.len(), 2);
            assert!(schema.column(Subject::Account, "industry").is_some_and(|column| column.nullable));
            assert!(schema.lacks("changes", "at") && schema.column(Subject::Account, "mrr").is_none());
        }
    }

    #[test]
    fn what_was_seen_is_read_as_it_was_written() {
        let known = |name: &str, rows| KnownName { name: name.to_owned(), rows, shapes: Vec::new() };
        let mut inventory = Inventory::default();
        inventory.set(NameKind::Event, KnownNames::new(vec![known("Logged In", 12_430), known("true", 1)], true));
        inventory.set(NameKind::Score, KnownNames::new(vec![known("nps", 3)], false));
        inventory.set(NameKind::Role, KnownNames::new(Vec::new(), true));
        let text = serde_json::to_string_pretty(&json!({ "facts": [], "seen": seen_to_json(&inventory) }));
        let (schema, problems) = read(&text.unwrap_or_default());
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(*schema.inventory, inventory);
        let (schema, problems) = read(
            "facts: []\nseen: { account_attributes: { plan: { rows: 40, shapes: [{ shape: text, share: 1.0 }] } } }\n",
        );
        assert!(problems.is_empty() && schema.inventory.has(NameKind::AccountAttribute, "plan"), "{problems:?}");
    }

    #[test]
    fn mistakes_have_their_places() {
        for (text, expected) in [
            ("fact: []\n", "1:1 KW0101 a facts file has no key `fact`"),
            ("facts: [{ name: account.x, type: texd }]\n", "1:34 KW0104 `type` cannot be `texd`"),
            ("facts: [{ name: account.x }]\n", "1:9 KW0102 a fact needs the key `type`"),
            (
                "facts: [{ name: order.x, type: text }]\n",
                "1:17 KW0603 `order.x` is no column of an account, a recipient or a CSM",
            ),
            ("facts: []\nseen: { event: {} }\n", "2:9 KW0101 seen has no key `event`"),
            (
                "facts: []\nseen: { events: { login: often } }\n",
                "2:26 KW0103 `login` needs the number of its rows, not text",
            ),
            (
                "facts: [{ name: csm.x, type: text }, { name: csm.x, type: text }]\n",
                "1:46 KW0603 `csm.x` is listed twice",
            ),
        ] {
            let told = read(text).1;
            assert!(told.contains(&expected.to_owned()), "{text}: {told:?}");
        }
    }
}
