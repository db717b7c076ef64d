//! Which columns accounts and contacts have: name, type, and whether they can
//! be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use super::inventory::{Inventory, KnownName};
use super::standing::Standing;
use super::subject::Subject;
use super::value::Type;
use crate::config::{RoleNames, StoreMap};

/// One column an author can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub nullable: bool,
}

/// The columns of the customer store that conditions may read.
#[derive(Clone, Debug)]
pub struct Schema {
    pub account: Vec<Column>,
    pub contact: Vec<Column>,
    /// Columns of the account's CSM, for templates.
    pub csm: Vec<Column>,
    /// What the store does not have of what Keepwell knows, as `tickets.severity`
    /// or, for a whole relation, `changes`.
    pub absent: BTreeSet<String>,
    /// The words of `account.status`; empty when they are not known.
    pub statuses: Vec<String>,
    /// What the store was seen to hold; empty where nobody has looked.
    pub inventory: Arc<Inventory>,
    /// What the store's roles are called in playbooks.
    pub roles: Arc<RoleNames>,
    /// The stages and tiers that documents find, by what they are; empty without such a document.
    pub found: BTreeMap<Standing, Vec<String>>,
}

impl Schema {
    /// The columns of Keepwell's own store, as its migrations create them.
    /// `traits` is not listed: its keys are read one by one.
    pub fn default_store() -> Schema {
        use Type::{Float, Int, Text, Time};
        let columns = |list: &[(&str, Type, bool)]| {
            list.iter()
                .map(|(name, ty, nullable)| Column { name: (*name).to_owned(), ty: *ty, nullable: *nullable })
                .collect::<Vec<_>>()
        };
        Schema {
            account: columns(&[
                ("id", Text, false),
                ("name", Text, false),
                ("tier", Text, true),
                ("status", Text, false),
                ("stage", Text, true),
                ("csm_id", Text, true),
                ("mrr", Float, false),
                ("seats", Int, true),
                ("seats_used", Int, true),
                ("signed_up_at", Time, false),
                ("activated_at", Time, true),
                ("renewal_at", Time, true),
                ("churned_at", Time, true),
                ("timezone", Text, true),
                ("locale", Text, true),
            ]),
            contact: columns(&[
                ("account_id", Text, false),
                ("id", Text, false),
                ("email", Text, true),
                ("name", Text, false),
                ("first_name", Text, true),
                ("role", Text, true),
                ("timezone", Text, true),
                ("locale", Text, true),
                ("created_at", Time, false),
                ("left_at", Time, true),
            ]),
            csm: columns(&[
                ("id", Text, false),
                ("name", Text, false),
                ("email", Text, false),
                ("manager_id", Text, true),
                ("timezone", Text, true),
                ("capacity", Int, true),
                ("backup_id", Text, true),
                ("away_from", Time, true),
                ("away_until", Time, true),
            ]),
            absent: BTreeSet::new(),
            statuses: ["active", "trial", "churned"].map(str::to_owned).to_vec(),
            inventory: Arc::default(),
            roles: Arc::default(),
            found: BTreeMap::new(),
        }
    }

    /// The same as far as the configuration alone tells of a company's own
    /// relations: which columns they have only the database knows.
    pub fn of_configuration(map: &StoreMap) -> Schema {
        let mut schema = Schema { roles: map.roles.clone(), ..Schema::default_store() };
        if map.relations.contains_key("accounts") {
            // Their own words, and no history but one that is named.
            schema.statuses.clear();
            if !map.relations.contains_key("changes") {
                schema.absent.insert("changes".to_owned());
            }
        }
        schema
    }

    /// The same with what the store was seen to hold.
    pub fn with_inventory(mut self, inventory: Inventory) -> Schema {
        self.inventory = Arc::new(inventory);
        self
    }

    /// The same beside documents that find stages or tiers, each with their ids:
    /// authors can name the column whether or not the store has it.
    pub fn with_found(&self, found: BTreeMap<Standing, Vec<String>>) -> Schema {
        let mut schema = self.clone();
        for (standing, ids) in &found {
            let kind = standing.names();
            let is_new = self.column(Subject::Account, standing.name()).is_none();
            if is_new {
                let name = standing.name().to_owned();
                schema.account.push(Column { name, ty: Type::Text, nullable: true });
            }
            // Of a store that was not looked at it is not known which words it has beside these.
            if !ids.is_empty() && (is_new || self.inventory.of(kind).is_some()) {
                let inventory = Arc::make_mut(&mut schema.inventory);
                let names = ids.iter().map(|id| KnownName { name: id.clone(), rows: 0, shapes: Vec::new() });
                inventory.add(kind, names.collect());
            }
        }
        schema.found.extend(found);
        schema
    }

    /// The same beside documents of which nothing but that they may be there is known.
    pub fn with_anything_found(&self) -> Schema {
        self.with_found(Standing::ALL.map(|standing| (standing, Vec::new())).into())
    }

    /// Whether what documents find stands where the store has no stage or tier: its
    /// column, if there is one, is a text that can be missing.
    pub fn takes(&self, standing: Standing) -> bool {
        let column = self.stored(Subject::Account, standing.name());
        column.is_some_and(|column| column.ty == Type::Text && column.nullable)
    }

    /// Whether the store lacks a column of a relation, or the relation.
    pub fn lacks(&self, relation: &str, column: &str) -> bool {
        self.absent.contains(relation) || self.absent.contains(&format!("{relation}.{column}"))
    }

    /// A column as statements find it: one that authors can name, or one that
    /// Keepwell reads by itself and that stands for what the store does not have.
    pub fn stored(&self, subject: Subject, name: &str) -> Option<&Column> {
        static STANDARD: LazyLock<Schema> = LazyLock::new(Schema::default_store);
        self.column(subject, name).or_else(|| STANDARD.column(subject, name))
    }

    /// The columns of a subject.
    pub fn columns(&self, subject: Subject) -> &[Column] {
        match subject {
            Subject::Account => &self.account,
            Subject::Contact => &self.contact,
        }
    }

    /// What `entry.NAME` means in a playbook for such subjects: in contact
    /// playbooks the contact's column, where there is none of that name the
    /// account's.
    pub fn entry_column(&self, subject: Subject, name: &str) -> Option<(Subject, &Column)> {
        let of = |subject| self.column(subject, name).map(|column| (subject, column));
        of(subject).or_else(|| of(Subject::Account))
    }

    /// A column by its exact name.
    pub fn column(&self, subject: Subject, name: &str) -> Option<&Column> {
        self.columns(subject).iter().find(|column| column.name == name)
    }
}
