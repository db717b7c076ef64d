//! The schemas `customers` and `keepwell`: each file beside this one creates one
//! room, in the order of their numbers; [`table`] has the record of them.
//!
//! Invariants: from the first release on no file is edited, renamed or removed;
//! a change of the schemas is one more file. A database that other files have
//! made is refused before anything in it is changed.

use std::sync::LazyLock;

use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::postgres::PgPool;
use sqlx::{Connection, Executor, PgConnection};

use table::{Applied, Recorded};

mod table;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("src/store/migrations");
    migrator.dangerous_set_table_name(table::TABLE);
    migrator
});

/// Why the schemas of a database can be neither used nor upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    #[error("the database was made by a build of Keepwell from before the first release and cannot be upgraded")]
    Unreleased,
    #[error("a newer build of Keepwell has upgraded the database: this one does not know the migration {0}")]
    Newer(i64),
    #[error("the database has a schema `customers` or `keepwell` that Keepwell did not make")]
    Occupied,
}

/// Why the schemas could not be looked at or upgraded.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// Nothing in the database was changed.
    #[error(transparent)]
    Incompatible(#[from] Incompatible),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Migrations before the failed one are complete, and the next attempt goes on from there.
    #[error(transparent)]
    Failed(#[from] MigrateError),
}

/// How far the schemas of a database are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing of ours is there.
    Empty,
    /// Some migrations of this build are missing.
    Behind,
    Current,
    /// It has all of this build, and others: the first of them.
    Ahead(i64),
}

/// Creates or upgrades both schemas. Two processes may do it at once.
pub(super) async fn run(pool: &PgPool) -> Result<(), MigrationError> {
    // Not of the pool any more: it is closed at the end, and the lock with it.
    let mut connection = pool.acquire().await?.detach();
    let done = run_alone(&mut connection).await;
    let closed = connection.close().await;
    done?;
    Ok(closed?)
}

async fn run_alone(connection: &mut PgConnection) -> Result<(), MigrationError> {
    // An index over a large store takes longer than any other statement of ours may, and so
    // does the wait for a process that makes it. The connection is closed afterwards.
    connection.execute("set statement_timeout = 0").await?;
    connection.lock().await?;
    let recorded = table::read(connection).await?;
    let ours = &MIGRATIONS.migrations;
    match compare(ours, &recorded)? {
        Progress::Ahead(first) => return Err(Incompatible::Newer(first).into()),
        Progress::Empty => table::prepare(connection, ours, None).await?,
        Progress::Behind | Progress::Current if recorded.own.is_none() => {
            table::prepare(connection, ours, recorded.public.as_deref()).await?;
        }
        Progress::Behind | Progress::Current => {}
    }
    Ok(MIGRATIONS.run(connection).await?)
}

/// Whether both schemas are there and complete for this build.
pub(super) async fn are_complete(pool: &PgPool) -> Result<bool, MigrationError> {
    let recorded = table::read(&mut *pool.acquire().await?).await?;
    let progress = compare(&MIGRATIONS.migrations, &recorded)?;
    Ok(recorded.own.is_some() && matches!(progress, Progress::Current | Progress::Ahead(_)))
}

/// How far a database is that has recorded this.
fn compare(ours: &[Migration], recorded: &Recorded) -> Result<Progress, Incompatible> {
    if let Some(own) = &recorded.own {
        return compare_rows(ours, own);
    }
    if !recorded.has_schema {
        return Ok(Progress::Empty);
    }
    match &recorded.public {
        // Whose these are, their sums say.
        Some(rows) if !rows.is_empty() => compare_rows(ours, rows),
        _ => Err(Incompatible::Occupied),
    }
}

fn compare_rows(ours: &[Migration], applied: &[Applied]) -> Result<Progress, Incompatible> {
    let is_same =
        |ours: &Migration, applied: &Applied| ours.version == applied.version && ours.checksum == applied.checksum;
    let foreign = applied.iter().find(|theirs| !ours.iter().any(|ours| is_same(ours, theirs)));
    let missing = ours.iter().any(|ours| !applied.iter().any(|theirs| is_same(ours, theirs)));
    // The first migration had this name in every build.
    let is_keepwell = || {
        let first = ours.first();
        applied.iter().any(|theirs| {
            first.is_some_and(|first| first.version == theirs.version && first.description == theirs.description)
        })
    };
    match (foreign, missing) {
        (None, false) => Ok(Progress::Current),
        (None, true) => Ok(Progress::Behind),
        (Some(first), false) => Ok(Progress::Ahead(first.version)),
        (Some(_), true) if is_keepwell() => Err(Incompatible::Unreleased),
        (Some(_), true) => Err(Incompatible::Occupied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(migrations: &[Migration]) -> Vec<Applied> {
        let one = |migration: &Migration| Applied {
            version: migration.version,
            description: migration.description.to_string(),
            checksum: migration.checksum.to_vec(),
        };
        migrations.iter().map(one).collect()
    }

    #[test]
    fn a_database_is_compared_by_the_sums_of_its_migrations() {
        let ours = &MIGRATIONS.migrations;
        let other =
            |version, description: &str| Applied { version, description: description.to_owned(), checksum: vec![0] };
        let after = |mut all: Vec<Applied>, one| {
            all.push(one);
            all
        };
        let cases = [
            ("an empty table", vec![], Ok(Progress::Behind)),
            ("the first two", applied(&ours[..2]), Ok(Progress::Behind)),
            ("all of ours", applied(ours), Ok(Progress::Current)),
            ("all of ours and more", after(applied(ours), other(1000, "more")), Ok(Progress::Ahead(1000))),
            ("an earlier build", vec![other(1, "customers"), other(61, "analyzing")], Err(Incompatible::Unreleased)),
            ("the same, killed half-way", vec![other(1, "customers")], Err(Incompatible::Unreleased)),
            ("one file edited", after(applied(&ours[..2]), other(3, "enrollments")), Err(Incompatible::Unreleased)),
            ("another program", vec![other(1, "users"), other(2, "orders")], Err(Incompatible::Occupied)),
            ("the same with dates", vec![other(20_240_101_120_000, "users")], Err(Incompatible::Occupied)),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(compare_rows(ours, &rows), expected, "{name}");
            let recorded = |own, public, has_schema| Recorded { own, public, has_schema };
            assert_eq!(compare(ours, &recorded(Some(rows.clone()), None, true)), expected, "{name}");
            // Beside schemas of ours that have no table: one of an earlier build.
            if !rows.is_empty() {
                assert_eq!(compare(ours, &recorded(None, Some(rows.clone()), true)), expected, "{name}, in public");
            }
            assert_eq!(compare(ours, &recorded(None, Some(rows), false)), Ok(Progress::Empty), "{name}, alone");
        }
        let nothing = Recorded { own: None, public: None, has_schema: true };
        assert_eq!(compare(ours, &nothing), Err(Incompatible::Occupied), "schemas that nobody has recorded");
    }
}
