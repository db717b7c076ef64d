//! From `store:` and the database's catalogue to the relations that statements
//! read, the schema that `check` knows, and a report of what cannot be used.
//!
//! Every relation of theirs becomes a subselect that gives our columns, and for
//! accounts and contacts every further column of theirs by its own name.
//! Postgres sees through such a subselect: conditions on columns that are only
//! renamed use their indexes, those on converted ones do not.

use std::collections::BTreeSet;

use self::column::{Reading, key_of, key_reading, quoted, reading};
use self::contract::Absent;
use self::introspect::FoundRelation;
use super::reader_role;
use super::relations::{Key, ReadAs, Relation, Relations};
use crate::config::RoleNames;
use crate::config::store::{CONTRACT, Mapped, StoreMap};
use crate::diagnostic::{Diagnostic, nearest};
use crate::facts::{Column, Schema, Type};
use crate::playbook::Source;
use crate::store::Store;

mod column;
mod contract;
mod introspect;
mod report;

pub use report::{RelationReport, UsedColumn};

/// A customer store that was looked at.
#[derive(Debug)]
pub struct CustomerStore {
    pub relations: Relations,
    pub report: Vec<RelationReport>,
    /// What is wrong with the mapping; with errors the relations are not to be used.
    pub problems: Vec<Diagnostic>,
}

/// Looks at the relations that stand for the customer store, as whoever will
/// read them.
pub async fn open(store: &Store, map: &StoreMap) -> sqlx::Result<CustomerStore> {
    let pool = store.customers_pool();
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for relation in Relation::ALL {
        match map.relations.get(relation.name()) {
            Some(given) => wanted.extend(given.iter().map(Mapped::parts)),
            None => wanted.extend(relation.default_table().split_once('.')),
        }
    }
    let found = introspect::relations(pool, &wanted).await?;
    let missing = wanted.iter().any(|(schema, table)| find(&found, schema, table).is_none());
    let names = if missing { introspect::names(pool).await? } else { Vec::new() };
    let version = introspect::version(pool).await?;
    let mut builder = MappingBuilder {
        found: &found,
        names,
        version,
        key: Key::Text,
        roles: &map.roles,
        report: Vec::new(),
        problems: Vec::new(),
    };
    builder.key = builder.key_of_accounts(map);
    let read_as = match store.has_reader() {
        true => ReadAs::Login,
        false if reader_role::is_there(pool).await? => ReadAs::Role,
        false => ReadAs::User,
    };
    let touch_events = map.touch_events.clone();
    let mut relations = Relations { key: builder.key, read_as, touch_events, ..Relations::default() };
    let mut schema = Schema { account: Vec::new(), contact: Vec::new(), csm: Vec::new(), ..Schema::default_store() };
    for (relation, (name, columns)) in Relation::ALL.into_iter().zip(CONTRACT) {
        let from = builder.report.len();
        let text = match map.relations.get(name) {
            Some(given) => builder.mapped(relation, columns, given),
            // The history of their accounts is nowhere, unless they say where.
            None if relation == Relation::Changes && map.relations.contains_key("accounts") => {
                schema.absent.insert(name.to_owned());
                builder.no_changes()
            }
            None => builder.default(relation, columns),
        };
        relations.texts[relation as usize] = text;
        if let Some(given) = map.relations.get(name) {
            let table = |mapped: &Mapped| format!("{}.{}", quoted(mapped.parts().0), quoted(mapped.parts().1));
            relations.tables[relation as usize] = given.iter().map(table).collect();
        }
        let sources = &builder.report[from..];
        for column in columns.iter().filter(|_| !sources.is_empty()) {
            if sources.iter().all(|source| source.absent.contains(column)) {
                schema.absent.insert(format!("{name}.{column}"));
            }
        }
        let known: Vec<Column> = sources
            .iter()
            .flat_map(|source| &source.used)
            .filter(|used| used.ty != Type::Json)
            .map(as_column)
            .collect();
        match relation {
            Relation::Accounts => schema.account = known,
            Relation::Contacts => schema.contact = known,
            Relation::Csms => {
                let read = Schema::default_store().csm;
                schema.csm =
                    known.into_iter().filter(|column| read.iter().any(|own| own.name == column.name)).collect();
            }
            _ => {}
        }
    }
    if map.relations.contains_key("accounts") && !schema.lacks("accounts", "status") {
        // Their own words, which nobody has listed.
        schema.statuses.clear();
    }
    schema.roles = map.roles.clone();
    relations.schema = schema;
    Ok(CustomerStore { relations, report: builder.report, problems: builder.problems })
}

fn as_column(used: &UsedColumn) -> Column {
    Column { name: used.ours.clone(), ty: used.ty, nullable: used.nullable }
}

fn find<'f>(found: &'f [FoundRelation], schema: &str, table: &str) -> Option<&'f FoundRelation> {
    found.iter().find(|found| found.schema == schema && found.table == table)
}

struct MappingBuilder<'f> {
    found: &'f [FoundRelation],
    /// Every relation there is, for suggestions.
    names: Vec<String>,
    version: i32,
    key: Key,
    roles: &'f RoleNames,
    report: Vec<RelationReport>,
    problems: Vec<Diagnostic>,
}

impl<'f> MappingBuilder<'f> {
    fn source<'m>(&self, relation: Relation, theirs: &str, mapped: Option<&'m Mapped>) -> MappedRelation<'m>
    where
        'f: 'm,
    {
        MappedRelation::new(relation, theirs, mapped, self.roles)
    }
}

impl MappingBuilder<'_> {
    fn key_of_accounts(&self, map: &StoreMap) -> Key {
        let Some(mapped) = map.relations.get("accounts").and_then(|given| given.first()) else { return Key::Text };
        let (schema, table) = mapped.parts();
        let column = find(self.found, schema, table).and_then(|found| found.column(mapped.theirs("id")));
        column.and_then(key_of).unwrap_or(Key::Text)
    }

    /// Keepwell's own table: itself, unless the company added what has to be
    /// converted.
    fn default(&mut self, relation: Relation, columns: &'static [&'static str]) -> String {
        let table = relation.default_table();
        let parts = table.split_once('.').unwrap_or_default();
        let Some(found) = find(self.found, parts.0, parts.1) else { return table.to_owned() };
        let mut source = self.source(relation, table, None);
        source.fill(self, found, columns, false);
        let text = if source.bare { table.to_owned() } else { source.subselect(found) };
        self.report.push(source.report);
        text
    }

    fn mapped(&mut self, relation: Relation, columns: &'static [&'static str], given: &[Mapped]) -> String {
        let mut texts = Vec::new();
        for mapped in given {
            let (schema, table) = mapped.parts();
            let Some(found) = find(self.found, schema, table) else {
                let near = nearest(&mapped.relation.text, self.names.iter().map(String::as_str));
                let help = near.map_or_else(
                    || "it may not exist, or not in this database".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.refuse(&mapped.relation, format!("there is no relation `{}`", mapped.relation.text), &help);
                continue;
            };
            if !found.readable {
                let help = format!(
                    "let a database owner say: grant usage on schema {}, and select on {}",
                    quoted(schema),
                    mapped.relation.text
                );
                self.refuse(&mapped.relation, format!("`{}` may not be read", mapped.relation.text), &help);
                continue;
            }
            let mut source = self.source(relation, &mapped.relation.text, Some(mapped));
            source.fill(self, found, columns, given.len() > 1);
            texts.push(source.select(found));
            self.report.push(source.report);
        }
        format!("({})", texts.join(" union all "))
    }

    fn no_changes(&self) -> String {
        let key = match self.key {
            Key::Text => "null::text",
            Key::Int => "null::int8",
            Key::Uuid => "null::uuid",
        };
        format!(
            "(select {key} as account_id, null::timestamptz as at, null::int8 as id, null::jsonb as was, \
             null::jsonb as became where false)"
        )
    }

    fn refuse(&mut self, at: &Source, message: String, help: &str) {
        self.problems.push(at.error("KW0602", 1, 1, message).help(help));
    }
}

/// One relation of theirs while its subselect grows.
struct MappedRelation<'m> {
    relation: Relation,
    mapped: Option<&'m Mapped>,
    selected: Vec<String>,
    filters: Vec<String>,
    /// Whether every column is the table's own.
    bare: bool,
    roles: &'m RoleNames,
    report: RelationReport,
}

impl<'m> MappedRelation<'m> {
    fn new(relation: Relation, theirs: &str, mapped: Option<&'m Mapped>, roles: &'m RoleNames) -> Self {
        let report = RelationReport {
            ours: relation.name(),
            theirs: theirs.to_owned(),
            used: Vec::new(),
            ignored: Vec::new(),
            absent: Vec::new(),
        };
        let bare = mapped.is_none();
        MappedRelation { relation, mapped, selected: Vec::new(), filters: Vec::new(), bare, roles, report }
    }

    fn fill(
        &mut self,
        builder: &mut MappingBuilder<'_>,
        found: &FoundRelation,
        columns: &'static [&'static str],
        several: bool,
    ) {
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for &ours in columns {
            if let (Some(name), "name") = (self.mapped.and_then(|mapped| mapped.name.as_ref()), ours) {
                self.select_as(&format!("'{}'::text", name.text.replace('\'', "''")), ours);
                continue;
            }
            let theirs = self.mapped.map_or(ours, |mapped| mapped.theirs(ours));
            let written = self.mapped.and_then(|mapped| mapped.written(ours));
            let (kind, absent) = contract::column(self.relation, ours);
            let reading = match found.column(theirs) {
                None => {
                    if let Some(written) = written {
                        let names = found.columns.iter().map(|column| column.name.as_str());
                        let help = nearest(theirs, names.clone()).map_or_else(
                            || format!("its columns are {}", names.collect::<Vec<_>>().join(", ")),
                            |near| format!("did you mean `{near}`?"),
                        );
                        builder.refuse(written, format!("`{}` has no column `{theirs}`", self.report.theirs), &help);
                    }
                    None
                }
                Some(column) => {
                    taken.insert(theirs);
                    let reading = match kind {
                        column::Kind::Key => key_reading(column, builder.key, several),
                        _ => reading(column, kind, builder.version),
                    };
                    match reading {
                        Ok(reading) => Some((column, reading)),
                        Err(reason) => {
                            let place = written.or_else(|| {
                                let needed = contract::is_needed(self.relation, ours);
                                self.mapped.filter(|_| needed).map(|mapped| &mapped.relation)
                            });
                            if let Some(place) = place {
                                let message =
                                    format!("`{theirs}` of `{}` cannot be `{ours}`: {reason}", self.report.theirs);
                                builder.refuse(place, message, "name another column, or map a view that converts it");
                            }
                            self.report.ignored.push((theirs.to_owned(), reason));
                            None
                        }
                    }
                }
            };
            match reading {
                Some((column, reading)) => self.take(ours, column, reading),
                None => {
                    self.report.absent.push(ours);
                    match absent {
                        Absent::Stands(_) if is_name(self.relation, ours) => {
                            self.bare = false;
                            let id = self.mapped.map_or("id", |mapped| mapped.theirs("id"));
                            self.selected.push(format!("t.{}::text as name", quoted(id)));
                        }
                        Absent::Stands(text) => {
                            self.bare = false;
                            self.select_as(text, ours);
                        }
                        Absent::Refused => self.report_missing(builder, found, ours, written.is_some()),
                    }
                }
            }
        }
        self.further(builder, found, columns, &taken);
    }

    fn report_missing(&mut self, builder: &mut MappingBuilder<'_>, found: &FoundRelation, ours: &str, said: bool) {
        let Some(mapped) = self.mapped else { return };
        // What is there and cannot be read has been said.
        if said || found.column(ours).is_some() {
            return;
        }
        let message = format!("`{}` has no column `{ours}`, which {} needs", self.report.theirs, self.relation.name());
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        let help = format!("say which it is: `columns: {{ {ours}: … }}`, one of {}", names.join(", "));
        builder.refuse(&mapped.relation, message, &help);
    }

    fn take(&mut self, ours: &str, column: &introspect::FoundColumn, reading: Reading) {
        let mut sql = reading.sql;
        let mut nullable = column.nullable;
        let instead = if is_name(self.relation, ours) {
            let id = self.mapped.map_or("id", |mapped| mapped.theirs("id"));
            Some(format!("t.{}::text", quoted(id)))
        } else {
            contract::instead_of_null(self.relation, ours).map(str::to_owned)
        };
        self.bare &= reading.bare && column.name == ours;
        if (self.relation, ours) == (Relation::Contacts, "role") && !self.roles.is_empty() {
            self.bare = false;
            sql = with_names(&sql, self.roles);
        }
        if let (true, Some(instead)) = (nullable, instead) {
            self.bare = false;
            sql = format!("coalesce({sql}, {instead})");
            nullable = false;
        }
        if self.mapped.is_some() && contract::is_needed(self.relation, ours) {
            if ours == "value" {
                // Not a number is no score.
                sql = format!("nullif({sql}, 'NaN')");
                self.filters.push(format!("{sql} is not null"));
            } else if matches!(ours, "at" | "opened_at") {
                self.filters.push(format!("{sql} >= '0001-01-01 00:00:00+00' and {sql} < '10000-01-01 00:00:00+00'"));
            } else if nullable {
                self.filters.push(format!("t.{} is not null", quoted(&column.name)));
            }
            nullable = false;
        }
        self.select_as(&sql, ours);
        self.report.used.push(UsedColumn {
            ours: ours.to_owned(),
            theirs: column.name.clone(),
            ty: reading.ty,
            nullable,
            note: reading.note,
        });
    }

    /// Columns that Keepwell does not know by name.
    fn further(
        &mut self,
        builder: &MappingBuilder<'_>,
        found: &FoundRelation,
        columns: &[&str],
        taken: &BTreeSet<&str>,
    ) {
        let facts = matches!(self.relation, Relation::Accounts | Relation::Contacts);
        for column in found.columns.iter().filter(|column| !taken.contains(column.name.as_str())) {
            if self.mapped.is_none() && contract::is_bookkeeping(self.relation, &column.name) {
                continue;
            }
            let reason = if !facts {
                "only accounts and contacts have further columns".to_owned()
            } else if columns.contains(&column.name.as_str()) {
                // Renamed over, or said above.
                if self.report.ignored.iter().any(|(name, _)| *name == column.name) {
                    continue;
                }
                format!("another column is `{}`", column.name)
            } else if !is_identifier(&column.name) {
                "expressions cannot spell its name: give it another in a view".to_owned()
            } else {
                match reading(column, column::Kind::Any, builder.version) {
                    Ok(reading) => {
                        self.take(&column.name, column, reading);
                        continue;
                    }
                    Err(reason) => reason,
                }
            };
            self.report.ignored.push((column.name.clone(), reason));
        }
    }

    fn select_as(&mut self, sql: &str, ours: &str) {
        self.selected.push(format!("{sql} as {}", quoted(ours)));
    }

    fn select(&self, found: &FoundRelation) -> String {
        let filter =
            if self.filters.is_empty() { String::new() } else { format!(" where {}", self.filters.join(" and ")) };
        let (schema, table) = (quoted(&found.schema), quoted(&found.table));
        format!("select {} from {schema}.{table} as t{filter}", self.selected.join(", "))
    }

    fn subselect(&self, found: &FoundRelation) -> String {
        format!("({})", self.select(found))
    }
}

/// A role as playbooks call it.
fn with_names(sql: &str, roles: &RoleNames) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let arms = roles.iter().map(|(stored, name)| format!("when {} then {}", text(stored), text(name)));
    format!("case {sql} {} else {sql} end", arms.collect::<Vec<_>>().join(" "))
}

/// Whether it is the name of somebody, whose id stands for it.
fn is_name(relation: Relation, ours: &str) -> bool {
    ours == "name" && matches!(relation, Relation::Accounts | Relation::Contacts | Relation::Csms)
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
