//! The role that reads customers and can write nothing.
//!
//! Facts and people are read in read-only transactions; where the database has
//! the role [`READER`], also as that role, so that the database itself refuses
//! a write. The role belongs to the whole cluster, its rights to each database.

use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::relations::ReadAs;
use crate::store::Store;

/// The role's name, and that of the login of a private Postgres.
pub const READER: &str = "keepwell_reader";

/// Creates the role, and lets the current user become it.
const CREATE: &str = "
do $$ begin
    if not exists (select from pg_roles where rolname = 'keepwell_reader') then
        begin
            create role keepwell_reader nologin;
        exception when duplicate_object or unique_violation then
            null; -- Another database of this cluster was faster.
        end;
    end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        grant keepwell_reader to current_user;
    end if;
end $$";

/// What it reads of both schemas; secrets of the installation and of users are not for it.
const GRANT: &str = "
begin;
select pg_advisory_xact_lock(4963210715);
grant usage on schema customers, keepwell to keepwell_reader;
grant select on all tables in schema customers to keepwell_reader;
grant select on all tables in schema keepwell to keepwell_reader;
revoke select on keepwell.installation, keepwell.users, keepwell.sessions, keepwell.password_links
    from keepwell_reader;
commit";

/// Lets the role log in.
const LET_LOG_IN: &str = "
do $$ begin
    perform pg_advisory_xact_lock(4963210715);
    if exists (select from pg_roles where rolname = 'keepwell_reader' and not rolcanlogin) then
        alter role keepwell_reader login;
    end if;
end $$";

/// One view of all rows, no writes, and set up for statements with many small
/// subqueries whose rows are all read: compiling them costs far more than it
/// saves, and the plan is for every row and not for the first few.
const BEGIN: &str = "begin transaction isolation level repeatable read, read only; \
    set local jit = off; set local cursor_tuple_fraction = 1";

/// The same as the role.
const BEGIN_AS_READER: &str = "begin transaction isolation level repeatable read, read only; \
    set local jit = off; set local cursor_tuple_fraction = 1; set local role keepwell_reader";

/// Starts a transaction that can only read. With a login of its own the pool is
/// that of the login.
pub(crate) async fn begin(pool: &PgPool, read_as: ReadAs) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with(if read_as == ReadAs::Role { BEGIN_AS_READER } else { BEGIN }).await
}

/// From now on Postgres ends each statement of a transaction that takes longer.
pub(crate) async fn limit_statements(
    transaction: &mut Transaction<'static, Postgres>,
    patience: Duration,
) -> sqlx::Result<()> {
    let statement = format!("set local statement_timeout = '{}ms'", patience.as_millis().max(1));
    // Safe: a number.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut **transaction).await?;
    Ok(())
}

/// Whether the current user can become the role.
pub(crate) async fn is_there(pool: &PgPool) -> sqlx::Result<bool> {
    match begin(pool, ReadAs::Role).await {
        Ok(transaction) => transaction.rollback().await.map(|()| true),
        // There is none, or it is not for us.
        Err(sqlx::Error::Database(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates the role and gives it its rights in this database, as far as the
/// current user may.
pub(crate) async fn prepare(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::raw_sql(CREATE).execute(pool).await?;
    let mut connection = pool.acquire().await?;
    let granted = sqlx::raw_sql(GRANT).execute(&mut *connection).await;
    if granted.is_err() {
        sqlx::raw_sql("rollback").execute(&mut *connection).await?;
    }
    granted.map(|_| ())
}

impl Store {
    /// A transaction that reads customers and can write nothing.
    pub async fn read(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        begin(self.customers_pool(), self.relations().read_as()).await
    }

    /// Lets the role log in without a password: only in a private Postgres, which
    /// nobody else reaches.
    pub async fn let_reader_log_in(&self) -> sqlx::Result<()> {
        sqlx::raw_sql(LET_LOG_IN).execute(self.pool()).await.map(|_| ())
    }

    /// Lets the role read the mapped relations; gives those that it still cannot read.
    pub async fn let_reader_read(&self, relations: &[(String, String)]) -> sqlx::Result<Vec<String>> {
        let mut unread = Vec::new();
        for (schema, table) in relations {
            let [quoted_schema, quoted_table] =
                [schema, table].map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
            let sql = format!(
                "grant usage on schema {quoted_schema} to {READER}; grant select on {quoted_schema}.{quoted_table} to {READER}"
            );
            // Whether that worked is asked next; a user without the right gets a warning or an error.
            let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.pool()).await;
            let reads: bool = sqlx::query_scalar(
                "select has_schema_privilege($1, n.oid, 'usage') and has_table_privilege($1, c.oid, 'select')
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname::text = $2 and c.relname::text = $3",
            )
            .bind(READER)
            .bind(schema)
            .bind(table)
            .fetch_optional(self.pool())
            .await?
            .unwrap_or(false);
            if !reads {
                unread.push(format!("{schema}.{table}"));
            }
        }
        Ok(unread)
    }
}
