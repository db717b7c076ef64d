//! Looking at the names in the customer store.
//!
//! A table is read once for each of its columns, from one end to the other, for
//! at most as long as [`PATIENCE`]; of one that takes longer, a part is read,
//! and nobody says of a name that it is not there. The values of attributes are
//! looked at in a part of the rows.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, FromRow};

use crate::facts::NameKind;
use crate::facts::inventory::{Inventory, KnownName, KnownNames, LONGEST_NAME, MOST_NAMES, Shape, ShapeKind, shape};
use crate::store::{Relation, Store};

/// How long one statement may take; Postgres ends it then.
const PATIENCE: &str = "set local statement_timeout = '10s'";

/// So many rows are read where all of them are too many.
const PART: usize = 100_000;

/// So many rows are read for the shapes of attributes.
const SAMPLE: usize = 20_000;

/// So many attributes of a relation have shapes.
const MOST_SHAPED: usize = 100;

/// What Postgres says when it ended a statement that took too long.
const ENDED: &str = "57014";

/// Where names stand: the column of a relation.
const COLUMNS: [(NameKind, Relation, &str); 13] = [
    (NameKind::Event, Relation::Events, "name"),
    (NameKind::Score, Relation::Scores, "name"),
    (NameKind::Role, Relation::Contacts, "role"),
    (NameKind::OwnerRole, Relation::AccountOwners, "role"),
    (NameKind::Severity, Relation::Tickets, "severity"),
    (NameKind::Topic, Relation::Tickets, "topic"),
    (NameKind::Status, Relation::Accounts, "status"),
    (NameKind::Tier, Relation::Accounts, "tier"),
    (NameKind::Stage, Relation::Accounts, "stage"),
    (NameKind::Locale, Relation::Accounts, "locale"),
    (NameKind::Locale, Relation::Contacts, "locale"),
    (NameKind::Zone, Relation::Accounts, "timezone"),
    (NameKind::Zone, Relation::Contacts, "timezone"),
];

/// Attributes that are an object; anything else has none.
const TRAITS: &str = "(case jsonb_typeof(r.traits) when 'object' then r.traits else '{}' end)";

/// Properties of an event, likewise.
const PROPERTIES: &str = "(case jsonb_typeof(r.properties) when 'object' then r.properties else '{}' end)";

/// What JSON objects hold whose keys are names, and what stands before each key.
struct Keys {
    kind: NameKind,
    relation: Relation,
    object: &'static str,
    /// An expression of a row that is put before its keys.
    before: &'static str,
}

const KEYS: [Keys; 4] = [
    Keys { kind: NameKind::AccountAttribute, relation: Relation::Accounts, object: TRAITS, before: "''" },
    Keys { kind: NameKind::ContactAttribute, relation: Relation::Contacts, object: TRAITS, before: "''" },
    Keys { kind: NameKind::CsmAttribute, relation: Relation::Csms, object: TRAITS, before: "''" },
    Keys { kind: NameKind::EventProperty, relation: Relation::Events, object: PROPERTIES, before: "r.name || '.'" },
];

#[derive(FromRow)]
struct CountRow {
    name: String,
    rows: i64,
}

#[derive(FromRow)]
struct ShapeRow {
    key: String,
    shape: String,
    value: Option<String>,
    rows: i64,
    all_rows: i64,
}

impl Store {
    /// The names of these kinds that the customer store holds now. A relation
    /// that cannot be read is left out, which is logged.
    pub async fn look_at_names(&self, kinds: &[NameKind]) -> sqlx::Result<Inventory> {
        let mut counted: BTreeMap<NameKind, (BTreeMap<String, u64>, bool)> = BTreeMap::new();
        for (kind, relation, column) in COLUMNS.into_iter().filter(|(kind, ..)| kinds.contains(kind)) {
            let statement = |from: &str| {
                format!(
                    "select name, rows from (select r.{column}::text as name, count(*) as rows from {from} group by 1) n
                     where {}",
                    keep_names("name")
                )
            };
            if let Some((names, is_complete)) = self.count_names(relation, statement).await? {
                let of = counted.entry(kind).or_insert_with(|| (BTreeMap::new(), true));
                for row in names {
                    *of.0.entry(row.name).or_default() += row.rows.unsigned_abs();
                }
                of.1 &= is_complete;
            }
        }
        let mut inventory = Inventory::default();
        for (kind, (names, is_complete)) in counted {
            let names = names.into_iter().map(|(name, rows)| KnownName { name, rows, shapes: Vec::new() }).collect();
            inventory.set(kind, KnownNames::new(names, is_complete));
        }
        for keys in KEYS.iter().filter(|keys| kinds.contains(&keys.kind)) {
            if let Some(names) = self.look_at_keys(keys).await? {
                inventory.set(keys.kind, names);
            }
        }
        Ok(inventory)
    }

    /// Whether the customer store holds a name; false also where that takes too
    /// long to say.
    pub async fn holds_name(&self, kind: NameKind, name: &str) -> sqlx::Result<bool> {
        let columns = COLUMNS.into_iter().filter(|(of, ..)| *of == kind);
        let columns = columns.map(|(_, relation, column)| (relation, format!("r.{column}::text = $1")));
        let keys = KEYS.iter().filter(|keys| keys.kind == kind).map(|keys| {
            let Keys { relation, object, before, .. } = keys;
            let holds = format!("starts_with($1, {before}) and {object} ? substr($1, length({before}) + 1)");
            (*relation, holds)
        });
        for (relation, holds) in columns.chain(keys) {
            let sql = format!("select exists (select 1 from {} as r where {holds})", self.relation(relation));
            let mut transaction = self.read().await?;
            sqlx::query(PATIENCE).execute(&mut *transaction).await?;
            let found = sqlx::query_scalar(AssertSqlSafe(sql)).bind(name).fetch_one(&mut *transaction).await;
            match found {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) if was_ended(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn look_at_keys(&self, keys: &Keys) -> sqlx::Result<Option<KnownNames>> {
        let Keys { object, before, .. } = keys;
        let statement = |from: &str| {
            format!(
                "select name, rows from (select {before} || key as name, count(*) as rows
                     from {from} cross join lateral jsonb_object_keys({object}) as key group by 1) n
                 where {}",
                keep_names("name")
            )
        };
        let Some((names, is_complete)) = self.count_names(keys.relation, statement).await? else { return Ok(None) };
        let mut shapes = if names.is_empty() { BTreeMap::new() } else { self.shapes(keys).await? };
        let named = |row: CountRow| KnownName {
            shapes: shapes.remove(&row.name).unwrap_or_default(),
            rows: row.rows.unsigned_abs(),
            name: row.name,
        };
        let mut known = KnownNames::new(names.into_iter().map(named).collect(), is_complete);
        known.names.iter_mut().skip(MOST_SHAPED).for_each(|name| name.shapes.clear());
        Ok(Some(known))
    }

    /// The names that a statement counts in a relation, and whether these are
    /// all; `None` where it cannot be read.
    async fn count_names(
        &self,
        relation: Relation,
        statement: impl Fn(&str) -> String,
    ) -> sqlx::Result<Option<(Vec<CountRow>, bool)>> {
        let all = format!("{} as r", self.relation(relation));
        match self.fetch_names(relation, statement(&all)).await {
            Err(error) if was_ended(&error) => {
                let part = part_of(self.relation(relation), PART);
                match self.fetch_names(relation, statement(&part)).await {
                    Err(error) if was_ended(&error) => Ok(Some((Vec::new(), false))),
                    found => Ok(found?.map(|names| (names, false))),
                }
            }
            found => Ok(found?.map(|names| {
                let is_complete = names.len() <= MOST_NAMES;
                (names, is_complete)
            })),
        }
    }

    async fn fetch_names(&self, relation: Relation, sql: String) -> sqlx::Result<Option<Vec<CountRow>>> {
        let mut transaction = self.read().await?;
        sqlx::query(PATIENCE).execute(&mut *transaction).await?;
        let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await;
        match found {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() != Some(ENDED) => {
                tracing::warn!("the names in {} could not be looked at: {error}", relation.name());
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// What the values of each key look like.
    async fn shapes(&self, keys: &Keys) -> sqlx::Result<BTreeMap<String, Vec<Shape>>> {
        let Keys { relation, object, before, .. } = keys;
        let from = part_of(self.relation(*relation), SAMPLE);
        // Of each shape a few values, from which those are taken that may be shown.
        let sql = format!(
            "with parts as (
                 select {before} || p.key as key, jsonb_typeof(p.value) as json, p.value #>> '{{}}' as value
                 from {from} cross join lateral jsonb_each({object}) as p),
             shaped as (
                 select key, case json
                     when 'boolean' then 'boolean' when 'number' then 'number'
                     when 'array' then 'list' when 'object' then 'object'
                     else case
                         when length(value) > 40 then 'text'
                         when value ~* '^\\s*(true|false|yes|no|on|off|y|n)\\s*$' then 'text_boolean'
                         when value ~ '^\\s*[-+]?[0-9]+([.,][0-9]+)?\\s*$' then 'text_number'
                         when value ~ '^\\s*[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:.*)?\\s*$' then 'date'
                         when value ~ '^\\s*[0-9]{{1,2}}[./-][0-9]{{1,2}}[./-]([0-9]{{2}}|[0-9]{{4}})\\s*$'
                             then 'slash_date'
                         else 'text' end end as shape,
                     case when json not in ('array', 'object') and length(value) <= 40 then value end as value
                 from parts where json <> 'null'),
             counted as (select key, shape, value, count(*) as n from shaped group by 1, 2, 3),
             ranked as (
                 select *, (sum(n) over (partition by key, shape))::int8 as all_rows,
                     row_number() over (partition by key, shape order by n desc, value) as place
                 from counted)
             select key, shape, value, n as rows, all_rows from ranked where place <= 12
             order by key, all_rows desc, shape, place"
        );
        let mut transaction = self.read().await?;
        sqlx::query(PATIENCE).execute(&mut *transaction).await?;
        let rows: Vec<ShapeRow> = match sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await {
            Ok(rows) => rows,
            Err(error @ sqlx::Error::Database(_)) => {
                tracing::warn!("the values in {} could not be looked at: {error}", relation.name());
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(error),
        };
        Ok(shapes_of(&rows))
    }
}

/// Shapes with their shares and examples, by attribute.
fn shapes_of(rows: &[ShapeRow]) -> BTreeMap<String, Vec<Shape>> {
    let mut counted: BTreeMap<String, BTreeMap<ShapeKind, (u64, Vec<&ShapeRow>)>> = BTreeMap::new();
    for row in rows {
        let Some(kind) = ShapeKind::ALL.into_iter().find(|kind| kind.key() == row.shape) else { continue };
        let of = counted.entry(row.key.clone()).or_default().entry(kind).or_default();
        of.0 = row.all_rows.unsigned_abs();
        of.1.push(row);
    }
    let mut found = BTreeMap::new();
    for (key, shapes) in counted {
        let all: u64 = shapes.values().map(|(rows, _)| rows).sum();
        let mut listed: Vec<Shape> = shapes
            .into_iter()
            .map(|(kind, (of_shape, rows))| Shape {
                shape: kind,
                share: (of_shape as f64 / all.max(1) as f64 * 1000.0).round() / 1000.0,
                examples: rows
                    .into_iter()
                    .filter_map(|row| Some((row.value.as_deref()?, row.rows.unsigned_abs())))
                    .filter(|(value, rows)| shape::may_be_shown(&key, kind, value, *rows, all))
                    .map(|(value, _)| value.to_owned())
                    .take(shape::MOST_EXAMPLES)
                    .collect(),
            })
            .collect();
        listed.sort_by(|one, other| other.share.total_cmp(&one.share).then(one.shape.cmp(&other.shape)));
        found.insert(key, listed);
    }
    found
}

/// Some rows of a relation, called `r`.
fn part_of(relation: &str, rows: usize) -> String {
    format!("(select * from {relation} as part limit {rows}) as r")
}

/// Which names are kept, the most frequent first; one more than there is room
/// for tells that there are too many. The same as `inventory::is_kept`.
fn keep_names(name: &str) -> String {
    format!(
        "{name} <> '' and length({name}) <= {LONGEST_NAME} and position('@' in {name}) = 0
         order by rows desc, {name} limit {}",
        MOST_NAMES + 1
    )
}

fn was_ended(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some(ENDED))
}
