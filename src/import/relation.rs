//! The relations of the customer store as an importer sees them: which columns
//! there are, what they hold, and which make up the key.

use std::borrow::Cow;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// The id of an account, a contact or a CSM: spaces around it do not count.
    Id,
    /// `active`, `trial` or `churned`.
    Status,
    /// The name of an IANA time zone.
    Zone,
    Int,
    /// An amount below a trillion with two decimals.
    Amount,
    /// A number between -1e15 and 1e15.
    Float,
    Time,
    Date,
    /// A JSON object.
    Object,
    /// True or false, in an added column.
    Bool,
    /// A whole number, in an added column.
    Long,
    /// A decimal number, in an added column.
    Decimal,
    /// Whatever the column of an account holds that another field names.
    Any,
}

/// What happens when a row says nothing about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Part of the key: every row says it.
    Key,
    /// A new row must say it; a row that is there keeps its value.
    New,
    /// A new row gets the default; a row that is there keeps its value.
    Default,
    /// It can be null.
    Nullable,
}

/// A column one can import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub need: Need,
    /// The type of an added column in the database; `None` where the kind says it.
    pub ty: Option<String>,
}

impl Column {
    /// Whether a text of this column is part of the key and has spaces around it
    /// that do not count.
    pub fn is_padded_key(&self, text: &str) -> bool {
        self.kind == Kind::Id && self.need == Need::Key && text.trim().len() < text.len()
    }
}

/// The most columns of a relation that one can import.
pub const MOST_COLUMNS: usize = 128;

/// A relation one can import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub name: &'static str,
    /// What one row is called.
    pub one: &'static str,
    /// The columns of the key come first.
    pub columns: Cow<'static, [Column]>,
    /// What else a column may be called in a file: letters and digits in lower case.
    pub spellings: &'static [(&'static str, &'static str)],
}

const fn column(name: &'static str, kind: Kind, need: Need) -> Column {
    Column { name: Cow::Borrowed(name), kind, need, ty: None }
}

use Kind::{Amount, Any, Date, Float, Id, Int, Object, Status, Text, Time, Zone};
use Need::{Default, Key, New, Nullable};

static RELATIONS: [Relation; 8] = [
    Relation {
        name: "accounts",
        one: "account",
        columns: Cow::Borrowed(&[
            column("id", Id, Key),
            column("name", Text, New),
            column("tier", Text, Nullable),
            column("status", Status, Default),
            column("stage", Text, Nullable),
            column("csm_id", Id, Nullable),
            column("mrr", Amount, Default),
            column("seats", Int, Nullable),
            column("seats_used", Int, Nullable),
            column("signed_up_at", Time, New),
            column("activated_at", Time, Nullable),
            column("renewal_at", Time, Nullable),
            column("churned_at", Time, Nullable),
            column("timezone", Zone, Nullable),
            column("locale", Text, Nullable),
            column("traits", Object, Default),
        ]),
        spellings: &[],
    },
    Relation {
        name: "contacts",
        one: "contact",
        columns: Cow::Borrowed(&[
            column("account_id", Id, Key),
            column("id", Id, Key),
            column("email", Text, Nullable),
            column("name", Text, New),
            column("first_name", Text, Nullable),
            column("role", Text, Nullable),
            column("timezone", Zone, Nullable),
            column("locale", Text, Nullable),
            column("created_at", Time, Default),
            column("left_at", Time, Nullable),
            column("traits", Object, Default),
        ]),
        spellings: &[],
    },
    Relation {
        name: "csms",
        one: "CSM",
        columns: Cow::Borrowed(&[
            column("id", Id, Key),
            column("name", Text, New),
            column("email", Text, New),
            column("manager_id", Id, Nullable),
            column("timezone", Zone, Nullable),
            column("capacity", Int, Nullable),
            column("backup_id", Id, Nullable),
            column("away_from", Date, Nullable),
            column("away_until", Date, Nullable),
            column("traits", Object, Default),
        ]),
        spellings: &[],
    },
    Relation {
        name: "events",
        one: "event",
        columns: Cow::Borrowed(&[
            column("account_id", Id, Key),
            column("id", Text, Key),
            column("at", Time, Key),
            column("contact_id", Id, Nullable),
            column("name", Text, New),
            column("properties", Object, Default),
        ]),
        spellings: &[],
    },
    Relation {
        name: "scores",
        one: "score",
        columns: Cow::Borrowed(&[
            column("account_id", Id, Key),
            column("id", Text, Key),
            column("contact_id", Id, Nullable),
            column("name", Text, New),
            column("value", Float, New),
            column("at", Time, New),
        ]),
        spellings: &[],
    },
    Relation {
        name: "tickets",
        one: "ticket",
        columns: Cow::Borrowed(&[
            column("account_id", Id, Key),
            column("id", Text, Key),
            column("contact_id", Id, Nullable),
            column("opened_at", Time, New),
            column("closed_at", Time, Nullable),
            column("severity", Text, Nullable),
            column("topic", Text, Nullable),
            column("subject", Text, Nullable),
        ]),
        spellings: &[],
    },
    Relation {
        name: "changes",
        one: "change",
        columns: Cow::Borrowed(&[
            column("account_id", Id, Key),
            column("column", Text, Key),
            column("at", Time, Key),
            column("was", Any, Nullable),
            column("became", Any, Nullable),
        ]),
        // As CRMs name the columns of their field histories.
        spellings: &[
            ("account", "account_id"),
            ("field", "column"),
            ("fieldname", "column"),
            ("property", "column"),
            ("changedat", "at"),
            ("createddate", "at"),
            ("editdate", "at"),
            ("date", "at"),
            ("timestamp", "at"),
            ("old", "was"),
            ("oldvalue", "was"),
            ("from", "was"),
            ("new", "became"),
            ("newvalue", "became"),
            ("value", "became"),
            ("to", "became"),
        ],
    },
    Relation {
        name: "account_owners",
        one: "owner",
        columns: Cow::Borrowed(&[column("account_id", Id, Key), column("role", Text, Key), column("csm_id", Id, New)]),
        spellings: &[],
    },
];

impl Relation {
    /// The names of all relations one can import.
    pub const NAMES: [&'static str; 8] =
        ["accounts", "contacts", "csms", "events", "scores", "tickets", "changes", "account_owners"];

    /// The relation of this name.
    pub fn named(name: &str) -> Option<&'static Relation> {
        RELATIONS.iter().find(|relation| relation.name == name)
    }

    /// The same with columns that were added to it in the database, as many as
    /// one can import; those whose names are known already are left out.
    pub fn with_columns(&self, added: impl IntoIterator<Item = Column>) -> Relation {
        let mut columns = self.columns.to_vec();
        for column in added {
            if columns.len() < MOST_COLUMNS && columns.iter().all(|known| known.name != column.name) {
                columns.push(column);
            }
        }
        Relation { columns: columns.into(), ..self.clone() }
    }

    /// The columns of the key, in its order.
    pub fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().take_while(|column| column.need == Key)
    }

    /// How many columns the key has; they come first.
    pub fn key_count(&self) -> usize {
        self.keys().count()
    }

    /// Whether its rows belong to an account that they name.
    pub fn names_accounts(&self) -> bool {
        self.columns[0].name == "account_id"
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The position of a column that has another name in a file.
    pub fn position_spelt(&self, name: &str) -> Option<usize> {
        let spelling = letters(name);
        let known = self.spellings.iter().find(|(known, _)| *known == spelling).map(|(_, column)| *column);
        let same = || self.columns.iter().position(|column| letters(&column.name) == spelling);
        if self.spellings.is_empty() { None } else { known.and_then(|column| self.position(column)).or_else(same) }
    }

    /// The column for what has none: `traits` or `properties`.
    pub fn object(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.kind == Object)
    }
}

/// A name without what spellings of it differ in.
pub fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_relation_and_keys_come_first() {
        for name in Relation::NAMES {
            let relation = Relation::named(name).unwrap();
            let keys = relation.columns.iter().filter(|column| column.need == Key).count();
            assert_eq!(relation.key_count(), keys, "{name}");
            assert!(keys > 0 && relation.columns.len() <= MOST_COLUMNS, "{name}");
        }
    }
}
