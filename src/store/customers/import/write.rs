//! The statements of an import. Rows that say something about the same columns
//! share a statement; each column goes there as one array.

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::import::relation::{Kind, Relation};
use crate::import::row::Row;
use crate::import::value::Cell;

/// The keys that go, and the place of a row: no column of a store is called so.
const GONE: &str = "\"#gone\"";
const ORDER: &str = "\"#order\"";

/// A name as an identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a row means for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Its key is not there.
    New,
    /// Its key is there with other values.
    Changed,
    /// Everything it says is there.
    Unchanged,
}

/// Which columns a row says something about; single keys of an object count
/// apart from the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnSet {
    columns: u128,
    keys: bool,
}

impl ColumnSet {
    pub fn of(row: &Row) -> ColumnSet {
        let given = |at: usize| u128::from(row.cells[at] != Cell::Keep) << at;
        ColumnSet {
            columns: (0..row.cells.len()).map(given).sum(),
            keys: row.cells.iter().any(|cell| matches!(cell, Cell::Keys(_))),
        }
    }

    fn has(self, at: usize) -> bool {
        self.columns >> at & 1 == 1
    }
}

/// The statements for rows of one shape.
pub struct Statements<'r> {
    relation: &'r Relation,
    shape: ColumnSet,
    /// `unnest(…)` as `i`, and the columns it gives.
    incoming: String,
}

impl<'r> Statements<'r> {
    pub fn new(relation: &'r Relation, shape: ColumnSet) -> Statements<'r> {
        let (mut arrays, mut names) = (Vec::new(), Vec::new());
        let mut add = |name: String, ty: &str| {
            arrays.push(format!("${}::{ty}[]", arrays.len() + 1));
            names.push(name);
        };
        for (at, column) in relation.columns.iter().enumerate().filter(|(at, _)| shape.has(*at)) {
            add(quoted(&relation.columns[at].name), array_type(column.kind));
            if column.kind == Kind::Object && shape.keys {
                add(GONE.to_owned(), "jsonb");
            }
        }
        let incoming = format!("unnest({}) with ordinality as i ({}, {ORDER})", arrays.join(", "), names.join(", "));
        Statements { relation, shape, incoming }
    }

    /// What each row means, in their order; none is written.
    pub async fn find(&self, connection: &mut PgConnection, rows: &[&Row]) -> sqlx::Result<Vec<RowChange>> {
        let differences: Vec<String> =
            self.values().map(|(name, value)| format!("t.{name} is distinct from {value}")).collect();
        let differs = if differences.is_empty() { "false".to_owned() } else { differences.join(" or ") };
        let Statements { relation, incoming, .. } = self;
        let sql = format!(
            "select i.{ORDER}, {differs} from {incoming} join customers.{} t on {}",
            relation.name,
            self.same_key()
        );
        let mut found = vec![RowChange::New; rows.len()];
        for row in self.bind(sql, rows).fetch_all(connection).await? {
            let at: i64 = row.try_get(0)?;
            if let Some(place) = usize::try_from(at - 1).ok().and_then(|at| found.get_mut(at)) {
                *place = if row.try_get(1)? { RowChange::Changed } else { RowChange::Unchanged };
            }
        }
        Ok(found)
    }

    /// Inserts rows that are new. What somebody else inserted in the meantime
    /// is updated, or left alone if only new rows are wanted.
    pub async fn insert(&self, connection: &mut PgConnection, rows: &[&Row], only_new: bool) -> sqlx::Result<()> {
        let given = self.given_columns().map(|at| quoted(&self.relation.columns[at].name));
        let names = given.collect::<Vec<_>>().join(", ");
        let values = self.given_columns().map(|at| self.value(at)).collect::<Vec<_>>().join(", ");
        let keys = self.relation.keys().map(|key| quoted(&key.name)).collect::<Vec<_>>().join(", ");
        let set: Vec<String> = self
            .given_columns()
            .skip(self.relation.key_count())
            .map(|at| {
                let column = &self.relation.columns[at];
                let name = quoted(&column.name);
                if column.kind == Kind::Object && self.shape.keys {
                    format!("{name} = t.{name} || excluded.{name}")
                } else {
                    format!("{name} = excluded.{name}")
                }
            })
            .collect();
        let action =
            if only_new || set.is_empty() { "nothing".to_owned() } else { format!("update set {}", set.join(", ")) };
        let Statements { relation, incoming, .. } = self;
        let sql = format!(
            "insert into customers.{} as t ({names}) select {values} from {incoming} on conflict ({keys}) do {action}",
            relation.name
        );
        self.bind(sql, rows).execute(connection).await.map(|_| ())
    }

    /// Updates rows that are there.
    pub async fn update(&self, connection: &mut PgConnection, rows: &[&Row]) -> sqlx::Result<()> {
        let set: Vec<String> = self.values().map(|(name, value)| format!("{name} = {value}")).collect();
        let Statements { relation, incoming, .. } = self;
        let sql = format!(
            "update customers.{} t set {} from {incoming} where {}",
            relation.name,
            set.join(", "),
            self.same_key()
        );
        self.bind(sql, rows).execute(connection).await.map(|_| ())
    }

    fn given_columns(&self) -> impl Iterator<Item = usize> {
        let shape = self.shape;
        (0..self.relation.columns.len()).filter(move |at| shape.has(*at))
    }

    /// The columns outside of the key that are given, with what they become.
    fn values(&self) -> impl Iterator<Item = (String, String)> {
        self.given_columns().skip(self.relation.key_count()).map(|at| {
            let name = quoted(&self.relation.columns[at].name);
            let value = if self.relation.columns[at].kind == Kind::Object && self.shape.keys {
                format!("(t.{name} || i.{name}) - array(select jsonb_array_elements_text(i.{GONE}))")
            } else {
                self.value(at)
            };
            (name, value)
        })
    }

    fn value(&self, at: usize) -> String {
        let column = &self.relation.columns[at];
        let cast = match (&column.ty, column.kind) {
            (Some(ty), _) => format!("::{ty}"),
            (None, Kind::Amount) => "::numeric(14,2)".to_owned(),
            (None, _) => String::new(),
        };
        format!("i.{}{cast}", quoted(&column.name))
    }

    fn same_key(&self) -> String {
        let keys = self.relation.keys().map(|key| format!("t.{0} = i.{0}", quoted(&key.name)));
        keys.collect::<Vec<_>>().join(" and ")
    }

    fn bind<'q>(&self, sql: String, rows: &'q [&'q Row]) -> Query<'q, Postgres, PgArguments> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for at in self.given_columns() {
            macro_rules! column {
                ($($cell:pat => $value:expr),+) => {
                    rows.iter().map(|row| match &row.cells[at] { $($cell => Some($value),)+ _ => None }).collect::<Vec<_>>()
                };
            }
            query = match self.relation.columns[at].kind {
                Kind::Text | Kind::Id | Kind::Status | Kind::Zone | Kind::Any => {
                    query.bind(column!(Cell::Text(text) => text.as_str()))
                }
                Kind::Amount | Kind::Decimal => query.bind(column!(Cell::Amount(digits) => digits.as_str())),
                Kind::Long => query.bind(column!(Cell::Long(number) => *number)),
                Kind::Bool => query.bind(column!(Cell::Bool(value) => *value)),
                Kind::Int => query.bind(column!(Cell::Int(number) => *number)),
                Kind::Float => query.bind(column!(Cell::Float(number) => *number)),
                Kind::Time => query.bind(column!(Cell::Time(time) => *time)),
                Kind::Date => query.bind(column!(Cell::Date(date) => *date)),
                Kind::Object if self.shape.keys => {
                    let kept = column!(Cell::Keys(keys) => {
                        let kept = keys.iter().filter(|(_, value)| !value.is_null());
                        serde_json::Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
                    });
                    let gone = column!(Cell::Keys(keys) => {
                        let gone = keys.iter().filter(|(_, value)| value.is_null());
                        serde_json::Value::Array(gone.map(|(key, _)| key.clone().into()).collect())
                    });
                    query.bind(kept).bind(gone)
                }
                Kind::Object => query.bind(column!(Cell::Object(map) => Json(map))),
            };
        }
        query
    }
}

fn array_type(kind: Kind) -> &'static str {
    match kind {
        // Digits become an amount in the statement.
        Kind::Text | Kind::Id | Kind::Status | Kind::Zone | Kind::Any | Kind::Amount | Kind::Decimal => "text",
        Kind::Int => "int",
        Kind::Long => "int8",
        Kind::Bool => "boolean",
        Kind::Float => "float8",
        Kind::Time => "timestamptz",
        Kind::Date => "date",
        Kind::Object => "jsonb",
    }
}

/// How many of these rows name an account that is not there.
pub async fn without_account(connection: &mut PgConnection, accounts: &[&str]) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from unnest($1::text[]) as i (id)
          where not exists (select from customers.accounts where accounts.id = i.id)",
    )
    .bind(accounts)
    .fetch_one(connection)
    .await
}
