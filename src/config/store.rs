//! `store:`, the company's own relations in place of those of `customers`.
//!
//! Only what is written is read here. Whether such relations and columns exist
//! is asked of the database, by `store::mapping`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::RoleNames;
use super::read_url::{self, ReadUrl};
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::Source;
use crate::playbook::reader::{Fields, Form, Key, KeyNames, Shape, listed};
use crate::playbook::yaml::{Node, NodeValue};

/// The relations Keepwell reads of customers, with the columns it knows by name.
pub const CONTRACT: [(&str, &[&str]); 8] = [
    (
        "accounts",
        &[
            "id",
            "name",
            "tier",
            "status",
            "stage",
            "csm_id",
            "mrr",
            "seats",
            "seats_used",
            "signed_up_at",
            "activated_at",
            "renewal_at",
            "churned_at",
            "timezone",
            "locale",
            "traits",
        ],
    ),
    (
        "contacts",
        &[
            "account_id",
            "id",
            "email",
            "name",
            "first_name",
            "role",
            "timezone",
            "locale",
            "created_at",
            "left_at",
            "traits",
        ],
    ),
    (
        "csms",
        &[
            "id",
            "name",
            "email",
            "manager_id",
            "timezone",
            "capacity",
            "backup_id",
            "away_from",
            "away_until",
            "traits",
        ],
    ),
    ("events", &["account_id", "id", "contact_id", "name", "at", "properties"]),
    ("scores", &["account_id", "id", "contact_id", "name", "value", "at"]),
    ("tickets", &["account_id", "id", "contact_id", "opened_at", "closed_at", "severity", "topic", "subject"]),
    ("changes", &["account_id", "at", "id", "was", "became"]),
    ("account_owners", &["account_id", "role", "csm_id"]),
];

/// Those that may come from several relations.
const SEVERAL: [&str; 3] = ["events", "scores", "tickets"];

/// Those whose `name` may be one word for all rows of a relation.
const NAMED: [&str; 2] = ["events", "scores"];

const ONE: Shape = Shape::Form(&RELATION);
const ONE_OR_MORE: Shape = Shape::Either(&[ONE, Shape::list(&ONE, 1)]);
const ONE_NAMED: Shape = Shape::Form(&NAMED_RELATION);
const ONE_OR_MORE_NAMED: Shape = Shape::Either(&[ONE_NAMED, Shape::list(&ONE_NAMED, 1)]);

/// The keys of `store`.
pub(super) static STORE: Form = Form::new(
    "store",
    &[&[
        Key::new(
            "read_url",
            Shape::text_like(
                "^(env:[A-Za-z_][A-Za-z0-9_]*$|postgres(ql)?://)",
                "`env:NAME`, or a URL of Postgres without a password",
            ),
            "The login that only reads customers: `env:NAME`, or a URL without a password.",
        ),
        Key::new("accounts", ONE, "The table or view that has the accounts."),
        Key::new("contacts", ONE, "The table or view that has the contacts."),
        Key::new("csms", ONE, "The table or view that has the CSMs."),
        Key::new("events", ONE_OR_MORE_NAMED, "The table or view that has the events, or several."),
        Key::new("scores", ONE_OR_MORE_NAMED, "The table or view that has the scores, or several."),
        Key::new("tickets", ONE_OR_MORE, "The table or view that has the tickets, or several."),
        Key::new("changes", ONE, "The table or view that has the history of account columns."),
        Key::new("account_owners", ONE, "The table or view that has the colleagues of each account, by role."),
    ]],
);

const RELATION_KEY: Key = Key::required(
    "relation",
    Shape::text_like(r"^[^.]+\.[^.]+$", "schema and table, such as `crm.companies`"),
    "Schema and table, such as `crm.companies`.",
);
const COLUMNS_KEY: Key = Key::new(
    "columns",
    Shape::Map { keys: KeyNames::Pattern("^[a-z_]+$"), of: &Shape::Text, least: 0 },
    "Our column, and theirs that stands for it: `{ id: company_id }`.",
);
const NAME_KEY: Key = Key::new("name", Shape::Text, "What all rows of the relation are called, such as `login`.");

static RELATION: Form = Form::new("a relation", &[&[RELATION_KEY, COLUMNS_KEY]]);
static NAMED_RELATION: Form = Form::new("a relation", &[&[RELATION_KEY, NAME_KEY, COLUMNS_KEY]]);

/// What stands for the relations of the customer store; those that are not
/// here are Keepwell's own.
#[derive(Clone, Debug, Default)]
pub struct StoreMap {
    pub relations: BTreeMap<&'static str, Vec<Mapped>>,
    /// Events of these names are touches, like a mail or a completed task.
    pub touch_events: Vec<String>,
    /// What the roles of contacts are called in playbooks.
    pub roles: Arc<RoleNames>,
    /// The login that reads customers, where there is one of its own.
    pub read_url: Option<ReadUrl>,
}

/// One relation of theirs.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// `schema.table`.
    pub relation: Source,
    /// What all its rows are called.
    pub name: Option<Source>,
    /// Our column, and theirs that stands for it.
    pub columns: Vec<(&'static str, Source)>,
}

impl Mapped {
    /// Schema and table, as the database's catalogue spells them.
    pub fn parts(&self) -> (&str, &str) {
        self.relation.text.split_once('.').unwrap_or(("public", &self.relation.text))
    }

    /// Their column for one of ours: what is written, else the same name.
    pub fn theirs<'a>(&'a self, ours: &'a str) -> &'a str {
        self.written(ours).map_or(ours, |source| &source.text)
    }

    /// Their column where it is written.
    pub fn written(&self, ours: &str) -> Option<&Source> {
        self.columns.iter().find(|(name, _)| *name == ours).map(|(_, source)| source)
    }
}

impl StoreMap {
    /// Whether nothing is mapped.
    pub fn is_default(&self) -> bool {
        self.relations.is_empty()
    }

    /// Reads what stands for the relations, and the login that reads them.
    pub(super) fn fill(&mut self, file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) {
        let mut fields = Fields::new(file, node, &STORE, problems);
        self.read_url = read_url::read(&mut fields);
        let mut relations = BTreeMap::new();
        for (name, columns) in CONTRACT {
            let Some(node) = fields.take(name) else { continue };
            let items = match &node.value {
                NodeValue::Sequence(items) if SEVERAL.contains(&name) && !items.is_empty() => items.as_slice(),
                _ => std::slice::from_ref(node),
            };
            let given = items.iter().filter_map(|node| mapped(file, name, columns, node, fields.problems())).collect();
            relations.insert(name, given);
        }
        fields.finish();
        // What is the same as without it.
        relations.retain(|name, given: &mut Vec<Mapped>| !given.iter().all(|mapped| mapped.is_default(name)));
        self.relations = relations;
    }
}

impl Mapped {
    /// The relation that is read anyway, every column under its own name.
    fn is_default(&self, name: &str) -> bool {
        let table = if name == "changes" { "account_changes" } else { name };
        let same = |(ours, theirs): &(&str, Source)| *ours == &*theirs.text;
        self.parts() == ("customers", table) && self.name.is_none() && self.columns.iter().all(same)
    }
}

fn mapped(
    file: &Arc<str>,
    name: &'static str,
    known: &'static [&'static str],
    node: &Node,
    problems: &mut Vec<Diagnostic>,
) -> Option<Mapped> {
    let what = format!("store.{name}");
    let form = if NAMED.contains(&name) { &NAMED_RELATION } else { &RELATION };
    let mut fields = Fields::called(what.clone(), file, node, form, problems).at(node.place);
    let relation = fields.required_text("relation");
    if let Some(relation) = &relation
        && (relation.text.split('.').count() != 2
            || relation.text.split('.').any(|part| part.trim() != part || part.is_empty()))
    {
        let message = format!("`{}` is not a schema and a relation", relation.text);
        let help = format!("write `public.{}`", relation.text.rsplit('.').next().unwrap_or_default());
        let at = fields.value_place("relation");
        fields.error_with_help("KW0602", at, message, help);
    }
    let literal = if NAMED.contains(&name) { fields.text("name") } else { None };
    let mut columns: Vec<(&'static str, Source)> = Vec::new();
    for entry in fields.mapping("columns").unwrap_or_default() {
        let Some(ours) = known.iter().find(|ours| **ours == entry.key) else {
            let message = format!("{what} has no column `{}`", entry.key);
            let help = nearest(&entry.key, known.iter().copied()).map_or_else(
                || {
                    format!(
                        "left stands one of {}; every other column of theirs is there by its own name",
                        listed(known.iter().copied())
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            fields.error_with_help("KW0101", entry.key_place, message, help);
            continue;
        };
        match &entry.node.value {
            NodeValue::Text(theirs) => columns.push((ours, theirs.clone())),
            _ => fields.wrong_type(&entry.key, &entry.node, "text: the name of their column"),
        }
    }
    if literal.is_some()
        && let Some((_, theirs)) = columns.iter().find(|(ours, _)| *ours == "name")
    {
        let problem = theirs.error("KW0602", 1, 1, "the name is given twice").help("remove it here, or remove `name:`");
        fields.problems().push(problem);
    }
    fields.finish();
    Some(Mapped { relation: relation?, name: literal, columns })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::playbook::source::SourceFile;

    fn read(text: &str) -> (Config, Vec<String>) {
        let (config, problems) = Config::parse(&SourceFile { path: "keepwell.yaml".into(), text: text.into() });
        let told = |d: &crate::diagnostic::Diagnostic| format!("{}:{} {} {}", d.line, d.column, d.code, d.message);
        (config, problems.iter().map(told).collect())
    }

    #[test]
    fn reads_relations_renames_and_sources() {
        let (config, problems) = read(concat!(
            "store:\n  accounts: { relation: crm.companies, columns: { id: company_id, name: title } }\n",
            "  events:\n    - { relation: app.logins, name: login, columns: { at: logged_in_at } }\n",
            "    - { relation: customers.events }\n  tickets: { relation: customers.tickets }\n",
        ));
        assert!(problems.is_empty(), "{problems:?}");
        let store = &config.store.relations;
        assert_eq!(store.keys().copied().collect::<Vec<_>>(), ["accounts", "events"]);
        let accounts = &store["accounts"][0];
        assert_eq!(
            (accounts.parts(), accounts.theirs("id"), accounts.theirs("mrr")),
            (("crm", "companies"), "company_id", "mrr")
        );
        assert_eq!(store["events"].len(), 2);
        assert_eq!(store["events"][0].name.as_ref().map(|name| &*name.text), Some("login"));
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, expected) in [
            ("store: { acounts: { relation: a.b } }\n", "1:10 KW0101 store has no key `acounts`"),
            ("store: { accounts: { columns: {} } }\n", "1:20 KW0102 store.accounts needs the key `relation`"),
            (
                "store: { accounts: { relation: companies } }\n",
                "1:32 KW0602 `companies` is not a schema and a relation",
            ),
            (
                "store: { accounts: { relation: a.b, columns: { nam: x } } }\n",
                "1:48 KW0101 store.accounts has no column `nam`",
            ),
            ("store: { accounts: { relation: a.b, name: x } }\n", "1:37 KW0101 store.accounts has no key `name`"),
            ("store: { accounts: [ { relation: a.b } ] }\n", "1:20 KW0103 store.accounts needs keys, not a list"),
            (
                "store: { events: { relation: a.b, name: x, columns: { name: y } } }\n",
                "1:61 KW0602 the name is given twice",
            ),
        ] {
            assert_eq!(read(text).1, [expected], "{text}");
        }
    }
}
