//! What the customer store was seen to hold: the names of events, scores, roles
//! and the like, and the attributes with their shapes.
//!
//! A name that was seen once has been seen for ever. A playbook that reads a
//! name which never was is most likely misspelt: `login` where the store says
//! `Logged In`.
//!
//! - `known_name`: a name with the number of its rows;
//! - `likeness`: which known name is meant by one that is not known;
//! - `shape`: what the values of an attribute look like.

use std::collections::BTreeMap;
use std::fmt;

mod known_name;
mod likeness;
pub mod shape;

pub use known_name::KnownName;
pub use shape::{Shape, ShapeKind};

/// So many names of a kind are kept at most.
pub const MOST_NAMES: usize = 300;

/// A longer name is not kept.
pub const LONGEST_NAME: usize = 100;

/// What a name in the customer store is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    Event,
    /// A property of an event: `order.plan` is `plan` of the event `order`.
    EventProperty,
    Score,
    Role,
    /// What a colleague is for an account.
    OwnerRole,
    Severity,
    /// What a ticket is about.
    Topic,
    Status,
    Tier,
    Stage,
    Locale,
    Zone,
    AccountAttribute,
    ContactAttribute,
    CsmAttribute,
}

impl NameKind {
    pub const ALL: [NameKind; 15] = [
        NameKind::Event,
        NameKind::EventProperty,
        NameKind::Score,
        NameKind::Role,
        NameKind::OwnerRole,
        NameKind::Severity,
        NameKind::Topic,
        NameKind::Status,
        NameKind::Tier,
        NameKind::Stage,
        NameKind::Locale,
        NameKind::Zone,
        NameKind::AccountAttribute,
        NameKind::ContactAttribute,
        NameKind::CsmAttribute,
    ];

    /// The word for all of them, in the database and in a facts file.
    pub fn key(self) -> &'static str {
        match self {
            NameKind::Event => "events",
            NameKind::EventProperty => "event_properties",
            NameKind::Score => "scores",
            NameKind::Role => "roles",
            NameKind::OwnerRole => "owner_roles",
            NameKind::Severity => "severities",
            NameKind::Topic => "topics",
            NameKind::Status => "statuses",
            NameKind::Tier => "tiers",
            NameKind::Stage => "stages",
            NameKind::Locale => "locales",
            NameKind::Zone => "zones",
            NameKind::AccountAttribute => "account_attributes",
            NameKind::ContactAttribute => "contact_attributes",
            NameKind::CsmAttribute => "csm_attributes",
        }
    }

    /// The kind of that exact key.
    pub fn of_key(key: &str) -> Option<NameKind> {
        NameKind::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// The words for several, in messages.
    pub fn plural(self) -> &'static str {
        match self {
            NameKind::EventProperty => "properties of events",
            NameKind::OwnerRole => "roles of owners",
            NameKind::Zone => "time zones",
            NameKind::AccountAttribute => "attributes of accounts",
            NameKind::ContactAttribute => "attributes of contacts",
            NameKind::CsmAttribute => "attributes of CSMs",
            other => other.key(),
        }
    }

    /// The word for one, in messages.
    pub fn noun(self) -> &'static str {
        match self {
            NameKind::Event => "event",
            NameKind::EventProperty => "property of events",
            NameKind::Score => "score",
            NameKind::Role => "role",
            NameKind::OwnerRole => "role of owners",
            NameKind::Severity => "severity",
            NameKind::Topic => "topic of tickets",
            NameKind::Status => "status",
            NameKind::Tier => "tier",
            NameKind::Stage => "stage",
            NameKind::Locale => "locale",
            NameKind::Zone => "time zone",
            NameKind::AccountAttribute => "attribute of accounts",
            NameKind::ContactAttribute => "attribute of contacts",
            NameKind::CsmAttribute => "attribute of CSMs",
        }
    }
}

/// The names of one kind, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownNames {
    pub names: Vec<KnownName>,
    /// Whether these are all names there are; false where there were too many
    /// of them, or too many rows to look at each.
    pub is_complete: bool,
}

impl KnownNames {
    /// Names in any order. More than [`MOST_NAMES`] are cut.
    pub fn new(mut names: Vec<KnownName>, is_complete: bool) -> KnownNames {
        names.sort_by(|one, other| (other.rows, &one.name).cmp(&(one.rows, &other.name)));
        let is_cut = names.len() > MOST_NAMES;
        names.truncate(MOST_NAMES);
        KnownNames { names, is_complete: is_complete && !is_cut }
    }

    fn find(&self, name: &str) -> Option<&KnownName> {
        self.names.iter().find(|known| known.name == name)
    }
}

/// What the customer store was seen to hold. A kind that was never looked at is
/// not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    kinds: BTreeMap<NameKind, KnownNames>,
}

/// A name that was never seen, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingName {
    pub kind: NameKind,
    pub name: String,
    /// What was seen and is most likely meant, else the most frequent: the name
    /// and its rows.
    pub instead: Option<(String, u64)>,
    /// Whether that is similar.
    pub is_similar: bool,
}

impl Inventory {
    /// Whether nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The names of a kind; `None` where nobody has looked.
    pub fn of(&self, kind: NameKind) -> Option<&KnownNames> {
        self.kinds.get(&kind)
    }

    /// The names of a kind, the most frequent first; none where nobody has looked.
    pub fn frequent_names(&self, kind: NameKind) -> Vec<String> {
        self.of(kind).map_or(Vec::new(), |known| known.names.iter().map(|known| known.name.clone()).collect())
    }

    /// The kinds that were looked at, with their names.
    pub fn kinds(&self) -> impl Iterator<Item = (NameKind, &KnownNames)> {
        self.kinds.iter().map(|(kind, names)| (*kind, names))
    }

    /// Puts the names of a kind in place of what was there.
    pub fn set(&mut self, kind: NameKind, names: KnownNames) {
        self.kinds.insert(kind, names);
    }

    /// Adds names of a kind that nobody has to have seen. Of a kind that was not
    /// looked at these are all.
    pub fn add(&mut self, kind: NameKind, names: Vec<KnownName>) {
        let known = self.kinds.entry(kind).or_insert_with(|| KnownNames::new(Vec::new(), true));
        for name in names {
            if known.find(&name.name).is_none() {
                known.names.push(name);
            }
        }
    }

    /// Whether a name was seen.
    pub fn has(&self, kind: NameKind, name: &str) -> bool {
        self.of(kind).is_some_and(|known| known.find(name).is_some())
    }

    /// What the values of a name were seen to look like; nothing where nobody has looked.
    pub fn shapes(&self, kind: NameKind, name: &str) -> &[Shape] {
        self.of(kind).and_then(|known| known.find(name)).map_or(&[], |known| &known.shapes)
    }

    /// Adds what a later look has found: nothing is forgotten.
    pub fn merge(&mut self, later: Inventory) {
        for (kind, found) in later.kinds {
            let before = self.kinds.remove(&kind).unwrap_or_default();
            let mut names = found.names;
            for mut known in before.names {
                match names.iter_mut().find(|name| name.name == known.name) {
                    None => names.push(known),
                    // A part of the rows says less than all of them.
                    Some(name) if !found.is_complete => {
                        name.rows = name.rows.max(known.rows);
                        if name.shapes.is_empty() {
                            name.shapes.append(&mut known.shapes);
                        }
                    }
                    Some(_) => {}
                }
            }
            self.kinds.insert(kind, KnownNames::new(names, found.is_complete));
        }
    }

    /// The name with what may be meant, if it is known that it was never seen.
    pub fn missing(&self, kind: NameKind, name: &str) -> Option<MissingName> {
        let known = self.of(kind)?;
        let is_proven = known.is_complete && is_kept(name) && known.find(name).is_none();
        is_proven.then(|| self.describe_missing(kind, name))
    }

    /// A name that was not found, with what may be meant.
    pub fn describe_missing(&self, kind: NameKind, name: &str) -> MissingName {
        let names = self.of(kind).map_or(&[][..], |known| &known.names);
        let similar = likeness::nearest(name, names);
        let instead = similar.or(names.first()).map(|known| (known.name.clone(), known.rows));
        MissingName { kind, name: name.to_owned(), instead, is_similar: similar.is_some() }
    }
}

impl MissingName {
    /// What to do about it.
    pub fn advice(&self) -> String {
        let is_word = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        match &self.instead {
            Some((near, _)) if self.kind == NameKind::Role && !(self.is_similar && is_word(near)) => format!(
                "write \"{near}\" in quotes, or say in the configuration what it is called in playbooks: \
                 `roles: {{ \"{near}\": {} }}`",
                if is_word(&self.name) { &self.name } else { "owner" }
            ),
            Some((near, _)) if self.is_similar => format!("did you mean `{near}`?"),
            _ => "`keepwell facts --store` lists what was seen".to_owned(),
        }
    }
}

/// Whether a name is kept: not one that is long, or holds a mail address.
pub fn is_kept(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.contains('@')
}

impl fmt::Display for MissingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} `{}` was ever seen", self.kind.noun(), self.name)?;
        match &self.instead {
            None => f.write_str(", nor any other"),
            Some((name, 0)) => write!(f, "; a document has `{name}`"),
            Some((name, 1)) => write!(f, "; `{name}` was, once"),
            Some((name, rows)) => write!(f, "; `{name}` was, {} times", grouped(*rows)),
        }
    }
}

/// `12,430`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_names(names: &[(&str, u64)], is_complete: bool) -> KnownNames {
        let one = |(name, rows): &(&str, u64)| KnownName { name: (*name).to_owned(), rows: *rows, shapes: Vec::new() };
        KnownNames::new(names.iter().map(one).collect(), is_complete)
    }

    fn of(kind: NameKind, names: KnownNames) -> Inventory {
        let mut inventory = Inventory::default();
        inventory.set(kind, names);
        inventory
    }

    #[test]
    fn a_name_is_missing_only_where_all_names_are_known() {
        let names = [("Report Viewed", 20_000), ("Logged In", 12_430)];
        let told = |inventory: &Inventory, name: &str| {
            inventory.missing(NameKind::Event, name).map(|missing| missing.to_string())
        };
        let all = of(NameKind::Event, known_names(&names, true));
        assert_eq!(told(&all, "Logged In"), None);
        assert_eq!(
            told(&all, "login").as_deref(),
            Some("no event `login` was ever seen; `Logged In` was, 12,430 times")
        );
        // Nothing is near: what there is most of.
        assert_eq!(
            told(&all, "zzz").as_deref(),
            Some("no event `zzz` was ever seen; `Report Viewed` was, 20,000 times")
        );
        assert_eq!(told(&of(NameKind::Event, known_names(&names, false)), "login"), None);
        assert_eq!(told(&of(NameKind::Score, known_names(&names, true)), "login"), None);
        assert_eq!(told(&all, "mail to a@b.example"), None);
        let empty = of(NameKind::Event, known_names(&[], true));
        assert_eq!(told(&empty, "login").as_deref(), Some("no event `login` was ever seen, nor any other"));
        let once = of(NameKind::Event, known_names(&[("Login", 1)], true));
        assert_eq!(told(&once, "login").as_deref(), Some("no event `login` was ever seen; `Login` was, once"));
    }

    #[test]
    fn what_was_seen_is_never_forgotten() {
        let mut record = of(NameKind::Event, known_names(&[("login", 40), ("export", 2)], true));
        record.merge(of(NameKind::Event, known_names(&[("login", 45), ("import", 1)], true)));
        let rows: Vec<(&str, u64)> = record
            .of(NameKind::Event)
            .map(|known| known.names.iter().map(|name| (&*name.name, name.rows)).collect())
            .unwrap_or_default();
        assert_eq!(rows, [("login", 45), ("export", 2), ("import", 1)]);
        // A part of the rows takes nothing away from what all of them said.
        record.merge(of(NameKind::Event, known_names(&[("login", 3)], false)));
        let names = record.of(NameKind::Event).expect("it was looked at");
        assert_eq!((names.names.len(), names.names[0].rows, names.is_complete), (3, 45, false));
        let many: Vec<String> = (0..400).map(|number| format!("event {number}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|name| (&**name, 1)).collect();
        record.merge(of(NameKind::Event, known_names(&many, true)));
        let names = record.of(NameKind::Event).expect("it was looked at");
        assert!(names.names.len() == MOST_NAMES && !names.is_complete);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 12_430, 1_234_567].map(grouped), ["0", "999", "1,000", "12,430", "1,234,567"]);
    }

    #[test]
    fn every_kind_is_found_by_its_key() {
        for kind in NameKind::ALL {
            assert_eq!(NameKind::of_key(kind.key()), Some(kind));
        }
        assert_eq!(NameKind::of_key("event"), None);
    }
}
