//! The customer store as statements name it: the text that stands for each
//! relation, and what an account's id is there.
//!
//! By default that is the schema `customers`. A company's own tables are put in
//! its place as subselects that give the same columns, so that no statement
//! knows the difference. An account's id keeps its own type inside a statement,
//! so that indexes of theirs are used, and is text everywhere else.

use std::sync::Arc;

use super::facts::KeptFigures;
use crate::facts::Schema;

/// One relation of the customer store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Accounts,
    Contacts,
    Csms,
    Events,
    Scores,
    Tickets,
    /// The history of account columns.
    Changes,
    /// Colleagues who look after an account, by role.
    AccountOwners,
}

impl Relation {
    /// All of them.
    pub const ALL: [Relation; 8] = [
        Relation::Accounts,
        Relation::Contacts,
        Relation::Csms,
        Relation::Events,
        Relation::Scores,
        Relation::Tickets,
        Relation::Changes,
        Relation::AccountOwners,
    ];

    /// What the configuration and fact functions call it.
    pub fn name(self) -> &'static str {
        match self {
            Relation::Accounts => "accounts",
            Relation::Contacts => "contacts",
            Relation::Csms => "csms",
            Relation::Events => "events",
            Relation::Scores => "scores",
            Relation::Tickets => "tickets",
            Relation::Changes => "changes",
            Relation::AccountOwners => "account_owners",
        }
    }

    /// The relation of that exact name.
    pub fn named(name: &str) -> Option<Relation> {
        Relation::ALL.into_iter().find(|relation| relation.name() == name)
    }

    /// Its table in Keepwell's own store.
    pub fn default_table(self) -> &'static str {
        match self {
            Relation::Accounts => "customers.accounts",
            Relation::Contacts => "customers.contacts",
            Relation::Csms => "customers.csms",
            Relation::Events => "customers.events",
            Relation::Scores => "customers.scores",
            Relation::Tickets => "customers.tickets",
            Relation::Changes => "customers.account_changes",
            Relation::AccountOwners => "customers.account_owners",
        }
    }
}

/// What an account's id is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Text,
    /// Any integer.
    Int,
    Uuid,
}

impl Key {
    /// The key that a text names, or null: never an error.
    pub fn of_text(self, text: &str) -> String {
        match self {
            Key::Text => text.to_owned(),
            Key::Int => format!("(case when {text} ~ '^(0|-?[1-9][0-9]{{0,17}})$' then {text}::int8 end)"),
            Key::Uuid => format!(
                "(case when {text} ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' then {text}::uuid end)"
            ),
        }
    }

    /// Whether a key is among those that the texts of a parameter name.
    pub fn among(self, column: &str, parameter: &str) -> String {
        match self {
            Key::Text => format!("{column} = any({parameter}::text[])"),
            Key::Int | Key::Uuid => format!(
                "{column} = any(array(select {} from unnest({parameter}::text[]) as w (id)))",
                self.of_text("w.id")
            ),
        }
    }

    /// A key as text.
    pub fn to_text(self, key: &str) -> String {
        match self {
            Key::Text => key.to_owned(),
            Key::Int | Key::Uuid => format!("{key}::text"),
        }
    }
}

/// As whom customers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// As the user of all connections.
    User,
    /// As that user, who takes the role that can write nothing for each transaction.
    Role,
    /// With a login of its own, which can write nothing.
    Login,
}

/// The customer store that statements read.
#[derive(Clone, Debug)]
pub struct Relations {
    /// What authors can name.
    pub schema: Schema,
    /// In the order of [`Relation::ALL`].
    pub(crate) texts: [String; 8],
    pub(crate) key: Key,
    /// The tables behind each, in the same order.
    pub(crate) tables: [Vec<String>; 8],
    pub(crate) read_as: ReadAs,
    /// Names of events that are touches.
    pub touch_events: Vec<String>,
    /// What all subjects together gave at the latest instants.
    pub(crate) figures: Arc<KeptFigures>,
}

impl Default for Relations {
    /// Keepwell's own store, as its migrations create it.
    fn default() -> Self {
        Relations {
            schema: Schema::default_store(),
            texts: Relation::ALL.map(|relation| relation.default_table().to_owned()),
            key: Key::Text,
            tables: Relation::ALL.map(|relation| vec![relation.default_table().to_owned()]),
            read_as: ReadAs::User,
            touch_events: Vec::new(),
            figures: Arc::default(),
        }
    }
}

impl Relations {
    /// What stands after `from` and before an alias.
    pub fn of(&self, relation: Relation) -> &str {
        &self.texts[relation as usize]
    }

    /// The tables of the customer store that a text with `{relation}` in it reads,
    /// quoted.
    pub(crate) fn tables_in(&self, text: &str) -> impl Iterator<Item = &String> {
        let named =
            Relation::ALL.into_iter().filter(move |relation| text.contains(&format!("{{{}}}", relation.name())));
        named.flat_map(|relation| &self.tables[relation as usize])
    }

    /// As whom they are read.
    pub fn read_as(&self) -> ReadAs {
        self.read_as
    }

    /// What an account's id is, in `accounts.id` and every `account_id`.
    pub fn key(&self) -> Key {
        self.key
    }
}
