//! The names of a deployment, for an editor to propose.

use std::collections::BTreeSet;

use crate::action::recipient::ROLES;
use crate::catalog;
use crate::catalog::documents::schema_beside;
use crate::config::{Config, Pools};
use crate::facts::{Column, NameKind, Schema, Subject};
use crate::playbook::Step;
use crate::playbook::document::FileDraft;
use crate::playbook::reader::NameOf;
use crate::playbook::reader::form::GOTOS;
use crate::playbook::source::SourceSet;
use crate::rule::check::signature::forms;
use crate::rule::functions::FUNCTIONS;

/// So many names of a kind are proposed at most.
const MOST: usize = 300;
/// So many of them are listed where an editor explains an expression.
const MOST_IN_WORDS: usize = 40;

/// What can be named in the playbooks of an installation.
#[derive(Debug)]
pub struct Deployment {
    playbooks: BTreeSet<String>,
    steps: BTreeSet<String>,
    pools: Pools,
    schema: Schema,
}

impl Deployment {
    /// The names in these playbooks, in the configuration and in the customer
    /// store. Of a file with mistakes those are taken that can be read.
    pub fn new(sources: &SourceSet, config: &Config, schema: Schema) -> Deployment {
        let (mut playbooks, mut steps) = (BTreeSet::new(), BTreeSet::new());
        let mut documents = Vec::new();
        for file in &sources.playbooks {
            playbooks.extend(catalog::claimed_id(&file.text));
            match catalog::read(file, &mut Vec::new()) {
                Some(FileDraft::Playbook(draft)) => {
                    steps.extend(Step::walk(&draft.playbook.steps).into_iter().map(|step| step.id.clone()));
                }
                Some(FileDraft::Document(draft)) => documents.push(draft.document),
                None => {}
            }
        }
        let schema = schema_beside(&schema, documents.iter());
        Deployment { playbooks, steps, pools: config.pools.clone(), schema }
    }

    /// The store's schema, with what documents find beside it.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The names of a kind that are known, in the order in which they are proposed.
    pub fn names(&self, of: NameOf) -> Vec<String> {
        let mut names: Vec<String> = match of {
            NameOf::Playbook => self.playbooks.iter().cloned().collect(),
            NameOf::Step => self.steps.iter().cloned().collect(),
            NameOf::Goto => join_once(&GOTOS, self.steps.iter().cloned()),
            NameOf::Recipient => join_once(&["all", "contact"], self.roles()),
            NameOf::Assignee => join_once(&["csm", "manager"], self.pools.keys().map(|pool| format!("pool:{pool}"))),
            NameOf::Status => join_once(
                &[],
                self.schema.statuses.iter().cloned().chain(self.schema.inventory.frequent_names(NameKind::Status)),
            ),
            NameOf::Role => self.roles(),
            NameOf::Stage => self.schema.inventory.frequent_names(NameKind::Stage),
            NameOf::StoreRole => self.schema.inventory.frequent_names(NameKind::Role),
            NameOf::Event => self.schema.inventory.frequent_names(NameKind::Event),
            NameOf::Score => self.schema.inventory.frequent_names(NameKind::Score),
            NameOf::Severity => self.schema.inventory.frequent_names(NameKind::Severity),
            NameOf::AccountColumn => columns(&self.schema.account),
            NameOf::ContactColumn => columns(&self.schema.contact),
            NameOf::CsmColumn => columns(&self.schema.csm),
            NameOf::Label => Vec::new(),
        };
        names.truncate(MOST);
        names
    }

    /// What a name of the store is, in words; columns have a type.
    pub fn describe(&self, of: NameOf, name: &str) -> Option<String> {
        let columns = match of {
            NameOf::AccountColumn => &self.schema.account,
            NameOf::ContactColumn => &self.schema.contact,
            NameOf::CsmColumn => &self.schema.csm,
            _ => return None,
        };
        let column = columns.iter().find(|column| column.name == name)?;
        let missing = if column.nullable { "; can be missing" } else { "" };
        Some(format!("{}{missing}", column.ty.name()))
    }

    /// What an expression can ask, in words.
    pub fn facts(&self) -> String {
        let quoted = |names: Vec<String>| {
            let each: Vec<String> = names.iter().take(MOST_IN_WORDS).map(|name| format!("`{name}`")).collect();
            let more = if names.len() > MOST_IN_WORDS { " and others" } else { "" };
            each.join(", ") + more
        };
        let columns = self.schema.account.iter().map(|column| format!("account.{}", column.name)).collect();
        let calls = FUNCTIONS.iter().filter_map(|function| forms(Subject::Account, *function).into_iter().next());
        let mut text = format!("Columns: {}.\n\nFunctions: {}.", quoted(columns), quoted(calls.collect()));
        for (kind, _) in self.schema.inventory.kinds() {
            let names = match kind {
                NameKind::AccountAttribute => self.attributes("account", kind),
                NameKind::ContactAttribute => self.attributes("contact", kind),
                NameKind::Locale | NameKind::Zone | NameKind::CsmAttribute => continue,
                _ => self.schema.inventory.frequent_names(kind),
            };
            if !names.is_empty() {
                text.push_str(&format!("\n\nSeen in the store, {}: {}.", kind.plural(), quoted(names)));
            }
        }
        text + "\n\n`keepwell facts` has all of it with examples."
    }

    fn attributes(&self, subject: &str, kind: NameKind) -> Vec<String> {
        self.schema.inventory.frequent_names(kind).into_iter().map(|name| format!("{subject}.traits.{name}")).collect()
    }

    /// Roles as playbooks call them: those that were seen, else the usual ones.
    fn roles(&self) -> Vec<String> {
        let seen = self.schema.inventory.frequent_names(NameKind::Role);
        if seen.is_empty() {
            return ROLES.map(str::to_owned).to_vec();
        }
        let named = |stored: String| {
            let names = &self.schema.roles;
            names.iter().find(|(known, _)| *known == stored).map_or(stored.clone(), |(_, name)| name.to_owned())
        };
        join_once(&[], seen.into_iter().map(named))
    }
}

/// These words and then the names, each once.
fn join_once(words: &[&str], names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn columns(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).chain(["traits".to_owned()]).collect()
}
