//! The table in which a database records its migrations.
//!
//! It is in our own schema: `public` may hold the table of another program that
//! also uses sqlx, and our user may not be allowed to create anything there.
//! Earlier builds kept ours in `public`; from there it is moved, rows and all.

use std::collections::HashSet;

use sqlx::migrate::{Migrate, MigrateError, Migration};
use sqlx::{Connection, Executor, FromRow, PgConnection};

/// Where the table is.
pub(super) const TABLE: &str = "keepwell._sqlx_migrations";

/// A migration as the database has recorded it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) description: String,
    pub(super) checksum: Vec<u8>,
}

/// What a database has recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    /// In the table of our own schema.
    pub(super) own: Option<Vec<Applied>>,
    /// In `public`, where there is no table of our own: that of an earlier
    /// build, or of another program.
    pub(super) public: Option<Vec<Applied>>,
    /// Whether one of our schemas is there, whoever made it.
    pub(super) has_schema: bool,
}

/// Reads what is recorded.
pub(super) async fn read(connection: &mut PgConnection) -> sqlx::Result<Recorded> {
    let (own, public, has_schema): (bool, bool, bool) = sqlx::query_as(
        "select bool_or(nspname = 'keepwell' and relname is not null), bool_or(nspname = 'public' and relname is not null),
             bool_or(nspname in ('keepwell', 'customers'))
         from pg_namespace left join pg_class on relnamespace = pg_namespace.oid and relname = '_sqlx_migrations'",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut recorded = Recorded { own: None, public: None, has_schema };
    if own {
        let rows =
            "select version, description, checksum from keepwell._sqlx_migrations where success order by version";
        recorded.own = Some(sqlx::query_as(rows).fetch_all(connection).await?);
    } else if public {
        let rows = "select version, description, checksum from public._sqlx_migrations where success order by version";
        recorded.public = match sqlx::query_as(rows).fetch_all(connection).await {
            Ok(rows) => Some(rows),
            // It has other columns, or is not for us to read: not ours.
            Err(sqlx::Error::Database(_)) => None,
            Err(error) => return Err(error),
        };
    }
    Ok(recorded)
}

/// Creates the table, or moves the one of an earlier build, in one transaction
/// with those migrations that lead to its schema.
pub(super) async fn prepare(
    connection: &mut PgConnection,
    ours: &[Migration],
    earlier: Option<&[Applied]>,
) -> Result<(), MigrateError> {
    let applied: HashSet<i64> = earlier.unwrap_or_default().iter().map(|one| one.version).collect();
    let mut transaction = connection.begin().await?;
    let mut added = Vec::new();
    for migration in ours.iter().filter(|one| !applied.contains(&one.version)) {
        let there: bool =
            sqlx::query_scalar("select to_regnamespace('keepwell') is not null").fetch_one(&mut *transaction).await?;
        if there {
            break;
        }
        let done = transaction.execute(migration.sql.clone()).await;
        done.map_err(|error| MigrateError::ExecuteMigration(error, migration.version))?;
        added.push(migration);
    }
    match earlier {
        None => transaction.ensure_migrations_table(TABLE).await?,
        Some(_) => {
            transaction.execute("alter table public._sqlx_migrations set schema keepwell").await?;
        }
    }
    transaction
        .execute(
            "comment on table keepwell._sqlx_migrations is
             'coordinator: the migrations that this database has had. Written by `keepwell migrate`.'",
        )
        .await?;
    for migration in added {
        transaction.skip(TABLE, migration).await?;
    }
    transaction.commit().await?;
    Ok(())
}
