//! One customer, or one contact of one, across all tables of ours: which rows
//! are theirs, and by which words other texts name them.

use std::collections::BTreeSet;
use std::fmt;

use sqlx::AssertSqlSafe;

use crate::store::{Relation, Store};

/// Columns that are keys, states and names of ours, and no texts about people.
const KEPT: [&str; 37] = [
    "account_id",
    "contact_id",
    "playbook",
    "survey",
    "report",
    "origin",
    "revision",
    "step",
    "left_step",
    "state",
    "phase",
    "kind",
    "channel",
    "class",
    "audience",
    "priority",
    "entry_key",
    "name",
    "message_id",
    "address_hash",
    "arm",
    "verdict",
    "target",
    "pool",
    "assignee",
    "to_address",
    "outcome",
    "outcomes",
    "score",
    "counted",
    "by",
    "scope",
    "deed",
    "recipient",
    "plan",
    "goal",
    "origin",
];

/// The condition on deeds `a` about a person: `$1` is the account, `$2` the contact.
pub(crate) const DEEDS_ABOUT: &str = "a.about ->> 'account' = $1 and (
    $2::text is null or a.about ->> 'contact' = $2 or a.about ->> 'enrollment' in
        (select id::text from keepwell.enrollments where account_id = $1 and contact_id = $2))";

/// Whose data: an account with all its contacts, or one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub account: String,
    pub contact: Option<String>,
}

impl Person {
    pub fn new(account: &str, contact: Option<&str>) -> Person {
        Person { account: account.to_owned(), contact: contact.map(str::to_owned) }
    }

    /// Whom `ACCOUNT` or `ACCOUNT/CONTACT` may mean: a slash may also be part of
    /// an id. Of an empty text nobody.
    pub fn readings(text: &str) -> Vec<Person> {
        // Mail that belongs to no account has the empty id.
        let split = |(at, _)| (&text[..at], &text[at + 1..]);
        let contacts =
            text.match_indices('/').map(split).filter(|(account, contact)| !account.is_empty() && !contact.is_empty());
        let account = (!text.is_empty()).then(|| Person::new(text, None));
        account.into_iter().chain(contacts.map(|(account, contact)| Person::new(account, Some(contact)))).collect()
    }

    /// The same for people, with ids that may have slashes.
    pub fn describe(&self) -> String {
        match &self.contact {
            Some(contact) => format!("the contact `{contact}` of the account `{}`", self.account),
            None => format!("the account `{}`", self.account),
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.contact {
            Some(contact) => write!(f, "{}/{contact}", self.account),
            None => f.write_str(&self.account),
        }
    }
}

/// A table of ours that has rows about accounts.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Table {
    pub name: String,
    pub columns: Vec<String>,
    /// The type of each column.
    pub types: Vec<String>,
}

impl Table {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }

    /// Columns with texts that may name people, and whether they hold JSON.
    pub fn texts(&self) -> impl Iterator<Item = (&str, bool)> {
        let all = self.columns.iter().zip(&self.types).filter(|(column, _)| !KEPT.contains(&column.as_str()));
        all.filter(|(_, kind)| ["text", "jsonb"].contains(&kind.as_str()))
            .map(|(column, kind)| (column.as_str(), kind == "jsonb"))
    }

    /// The condition on rows with a text that matches a parameter.
    pub fn names(&self, parameter: &str) -> String {
        let any: Vec<String> = self.texts().map(|(column, _)| format!("\"{column}\"::text ~* {parameter}")).collect();
        if any.is_empty() { "false".to_owned() } else { format!("({})", any.join(" or ")) }
    }

    /// The condition on rows of a person: `$1` is the account, `$2` the contact.
    pub fn of(&self, person: &Person) -> String {
        if person.contact.is_none() {
            return "account_id = $1 and $2::text is null".to_owned();
        }
        let enrollments = "(select id from keepwell.enrollments where account_id = $1 and contact_id = $2)";
        let mut any = vec!["false".to_owned()];
        if self.has("contact_id") {
            any.push("contact_id = $2".to_owned());
        }
        if self.has("enrollment_id") {
            any.push(format!("enrollment_id in {enrollments}"));
        }
        if self.has("message") {
            any.push(format!(
                "message in (select id from keepwell.messages
                             where account_id = $1 and (contact_id = $2 or enrollment_id in {enrollments}))"
            ));
        }
        format!("account_id = $1 and $2::text is not null and ({})", any.join(" or "))
    }
}

/// What names a person in texts that are about somebody else as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces {
    pub addresses: BTreeSet<String>,
    pub names: BTreeSet<String>,
}

impl Traces {
    /// A pattern that finds them in plain text, Markdown and HTML, in any case
    /// of letters; `None` when nothing is known.
    pub fn pattern(&self) -> Option<String> {
        let words = self.addresses.iter().chain(&self.names).map(|word| word.trim());
        let found: BTreeSet<String> = words.filter(|word| word.chars().count() >= 2).map(pattern).collect();
        // The longer ones first, so that none leaves a rest of another.
        let mut found: Vec<String> = found.into_iter().collect();
        found.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
        (!found.is_empty()).then(|| found.join("|"))
    }
}

/// One word as a pattern of Postgres.
fn pattern(word: &str) -> String {
    let alone = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut out = String::new();
    // `Ann` is not in `Annual`; letters of other scripts stand side by side.
    if alone(word.chars().next()) {
        out.push_str("(?<![A-Za-z0-9])");
    }
    for c in word.chars() {
        let entity = match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '"' => Some("&quot;|&#34;|“|”"),
            '\'' => Some("&#39;|&#x27;|‘|’"),
            _ => None,
        };
        match (c, entity) {
            (c, Some(entity)) => out.push_str(&format!("\\\\?(?:\\{c}|{entity})")),
            (c, None) if c.is_ascii_punctuation() => out.push_str(&format!("\\\\?\\{c}")),
            (c, None) if c.is_whitespace() => out.push_str("\\s+"),
            (c, None) => out.push(c),
        }
    }
    if alone(word.chars().last()) {
        out.push_str("(?![A-Za-z0-9])");
    }
    out
}

impl Store {
    /// Tables of ours with rows about accounts; enrollments last and messages
    /// before them, since the conditions of the others ask these.
    pub(crate) async fn account_tables(&self) -> sqlx::Result<Vec<Table>> {
        let mut tables: Vec<Table> = sqlx::query_as(
            "select c.table_name::text as name, array_agg(c.column_name::text order by c.ordinal_position) as columns,
                    array_agg(c.data_type::text order by c.ordinal_position) as types
             from information_schema.columns c
             join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
             where c.table_schema = 'keepwell' and t.table_type = 'BASE TABLE'
             group by c.table_name having bool_or(c.column_name = 'account_id') order by 1",
        )
        .fetch_all(self.pool())
        .await?;
        let place =
            |name: &str| ["messages", "enrollments"].iter().position(|late| *late == name).map_or(0, |at| at + 1);
        tables.sort_by_key(|table| place(&table.name));
        Ok(tables)
    }

    /// What the customer store and the mails so far say of a person.
    pub(crate) async fn traces(&self, person: &Person) -> sqlx::Result<Traces> {
        let mut traces = Traces::default();
        let key = self.key().of_text("$1::text");
        if person.contact.is_none() {
            let sql = format!("select a.name from {} a where a.id = {key}", self.relation(Relation::Accounts));
            let names: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(&person.account)
                .fetch_all(&mut *self.read().await?)
                .await?;
            traces.names.extend(names.into_iter().flatten());
        }
        let sql = format!(
            "select c.name, c.email from {} c where c.account_id = {key} and ($2::text is null or c.id::text = $2)",
            self.relation(Relation::Contacts)
        );
        let people: Vec<(Option<String>, Option<String>)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(&person.account)
            .bind(&person.contact)
            .fetch_all(&mut *self.read().await?)
            .await?;
        for (name, email) in people {
            traces.names.extend(name);
            traces.addresses.extend(email);
        }
        let written: Vec<String> = sqlx::query_scalar(
            "select distinct to_address from keepwell.messages
             where account_id = $1 and class <> 'internal' and to_address is not null
               and ($2::text is null or contact_id = $2)",
        )
        .bind(&person.account)
        .bind(&person.contact)
        .fetch_all(self.pool())
        .await?;
        traces.addresses.extend(written);
        Ok(traces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_ends_an_account_or_is_part_of_an_id() {
        let person = Person::new;
        assert_eq!(Person::readings("a1"), [person("a1", None)]);
        assert_eq!(Person::readings("a1/ann"), [person("a1/ann", None), person("a1", Some("ann"))]);
        assert_eq!(
            Person::readings("a/b/c"),
            [person("a/b/c", None), person("a", Some("b/c")), person("a/b", Some("c"))]
        );
        for account in ["/ann", "a1/", "/"] {
            assert_eq!(Person::readings(account), [person(account, None)]);
        }
        assert_eq!(Person::readings(""), []);
    }

    #[test]
    fn words_are_found_however_they_are_escaped() {
        assert_eq!(pattern("Ann"), "(?<![A-Za-z0-9])Ann(?![A-Za-z0-9])");
        assert_eq!(pattern("李 明"), "李\\s+明");
        assert_eq!(pattern("a.b"), "(?<![A-Za-z0-9])a\\\\?\\.b(?![A-Za-z0-9])");
        assert_eq!(Traces::default().pattern(), None);
    }
}
