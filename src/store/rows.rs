//! Many rows in one statement: each column is one bound array, so the text
//! does not depend on their number, and nothing is parsed row by row.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgHasArrayType};
use sqlx::query::Query;
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, Type, TypeInfo};

/// Rows to write, column by column.
#[derive(Default)]
pub(super) struct Rows {
    names: Vec<&'static str>,
    /// `$1::TEXT[]` and so on.
    arrays: Vec<String>,
    arguments: PgArguments,
    problem: Option<BoxDynError>,
}

impl Rows {
    /// Adds a column. All columns must have the same number of values.
    pub fn column<'v, T>(mut self, name: &'static str, values: impl Iterator<Item = T>) -> Rows
    where
        T: Encode<'v, Postgres> + Type<Postgres> + PgHasArrayType + 'v,
    {
        self.names.push(name);
        self.arrays.push(format!("${}::{}", self.arrays.len() + 1, T::array_type_info().name()));
        if let Err(problem) = self.arguments.add(values.collect::<Vec<T>>()) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    /// The rows as a relation of that name, to stand behind `from`.
    pub fn relation(&self, name: &str) -> String {
        format!("unnest({}) as {name} ({})", self.arrays.join(", "), self.names.join(", "))
    }

    /// Inserts the rows; `then` is what follows: the conflicts and what is returned.
    pub fn insert(self, table: &str, then: &str) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
        let columns = self.names.join(", ");
        let sql = format!("insert into {table} ({columns}) select {columns} from {} {then}", self.relation("r"));
        self.query(sql)
    }

    /// A statement that reads [`Rows::relation`]. It is planned each time, for
    /// the tables as they are then: a plan kept from when they were small would
    /// read all of them for every batch, until somebody analyses them.
    pub fn query(self, sql: String) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
        match self.problem {
            Some(problem) => Err(sqlx::Error::Encode(problem)),
            // Safe: our own names of tables and columns; values are bound.
            None => Ok(sqlx::query_with(AssertSqlSafe(sql), self.arguments).persistent(false)),
        }
    }
}
