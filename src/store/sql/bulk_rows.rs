//! Many rows in one statement: each column is one bound array, so the text
//! does not depend on their number, and nothing is parsed row by row. A column
//! in which all rows agree is one bound value, unless the text shall be
//! [`Rows::steady`].

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgHasArrayType};
use sqlx::query::Query;
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, Type, TypeInfo};

/// Rows to write, column by column.
#[derive(Default)]
pub(crate) struct Rows {
    names: Vec<&'static str>,
    /// The columns whose values differ, each with its `$1::TEXT[]`.
    arrays: Vec<(&'static str, String)>,
    /// Those in which all rows agree, as `$2::TEXT as name`.
    shared: Vec<String>,
    arguments: PgArguments,
    steady: bool,
    problem: Option<BoxDynError>,
}

impl Rows {
    /// Rows whose statement has the same text whatever their values, for plans
    /// that are kept.
    pub fn steady() -> Rows {
        Rows { steady: true, ..Rows::default() }
    }

    /// Adds a column. All columns must have the same number of values; the
    /// first says how many rows there are.
    pub fn column<'v, T>(mut self, name: &'static str, values: impl Iterator<Item = T>) -> Rows
    where
        T: Encode<'v, Postgres> + Type<Postgres> + PgHasArrayType + PartialEq + 'v,
    {
        let mut values: Vec<T> = values.collect();
        let place = self.names.len() + 1;
        let agree = !self.steady && !self.names.is_empty() && values.windows(2).all(|pair| pair[0] == pair[1]);
        self.names.push(name);
        let added = match (agree, values.pop()) {
            (true, Some(value)) => {
                self.shared.push(format!("${place}::{} as {name}", T::type_info().name()));
                self.arguments.add(value)
            }
            (_, last) => {
                values.extend(last);
                self.arrays.push((name, format!("${place}::{}", T::array_type_info().name())));
                self.arguments.add(values)
            }
        };
        if let Err(problem) = added {
            self.problem.get_or_insert(problem);
        }
        self
    }

    /// The rows as a relation of that name, to stand behind `from`.
    pub fn relation(&self, name: &str) -> String {
        let (names, arrays): (Vec<&str>, Vec<&str>) = self.arrays.iter().map(|(name, array)| (*name, &**array)).unzip();
        let differ = format!("unnest({}) as differ ({})", arrays.join(", "), names.join(", "));
        let columns = std::iter::once("differ.*").chain(self.shared.iter().map(String::as_str));
        format!("(select {} from {differ}) as {name}", columns.collect::<Vec<_>>().join(", "))
    }

    /// Inserts the rows; `then` is what follows: the conflicts and what is returned.
    pub fn insert(self, table: &str, then: &str) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
        let columns = self.names.join(", ");
        let sql = format!("insert into {table} ({columns}) select {columns} from {} {then}", self.relation("r"));
        self.query(sql)
    }

    /// A steady statement; in its text `ROWS` stands for the rows.
    pub fn with(self, sql: &str) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
        let sql = sql.replacen("ROWS", &self.relation("r"), 1);
        self.query(sql)
    }

    /// A statement that reads [`Rows::relation`]. It is planned each time, for
    /// the tables as they are then: a plan kept from when they were small would
    /// read all of them for every batch, until somebody analyses them. That
    /// cannot happen over a `KeptConnection`, where steady rows are for.
    pub fn query(self, sql: String) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
        match self.problem {
            Some(problem) => Err(sqlx::Error::Encode(problem)),
            // Safe: our own names of tables and columns; values are bound.
            None => Ok(sqlx::query_with(AssertSqlSafe(sql), self.arguments).persistent(self.steady)),
        }
    }
}
