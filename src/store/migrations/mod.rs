//! The schemas `customers` and `keepwell`: each file beside this one creates one
//! room, in the order of their numbers.
//!
//! Invariants: from the first release on no file is edited, renamed or removed;
//! a change of the schemas is one more file. A database that other files have
//! made is refused before anything in it is changed.

use sqlx::FromRow;
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::postgres::PgPool;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Why the schemas of a database can be neither used nor upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    #[error("the database was made by a build of Keepwell from before the first release and cannot be upgraded")]
    Unreleased,
    #[error("the database was upgraded by a newer build of Keepwell")]
    Newer,
    #[error("another program keeps its migrations in the table `public._sqlx_migrations` of the database")]
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

/// A migration as the database has recorded it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
struct Applied {
    version: i64,
    description: String,
    checksum: Vec<u8>,
}

/// How far the schemas of a database are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Some migrations of this build are missing, perhaps all.
    Behind,
    Current,
    /// It has all of this build, and others after them.
    Ahead,
}

/// Creates or upgrades both schemas. Two processes may do it at once.
pub(super) async fn run(pool: &PgPool) -> Result<(), MigrationError> {
    match progress(pool).await? {
        Progress::Ahead => Err(Incompatible::Newer.into()),
        Progress::Behind | Progress::Current => Ok(MIGRATIONS.run(pool).await?),
    }
}

/// Whether both schemas are there and complete for this build.
pub(super) async fn are_complete(pool: &PgPool) -> Result<bool, MigrationError> {
    Ok(progress(pool).await? != Progress::Behind)
}

async fn progress(pool: &PgPool) -> Result<Progress, MigrationError> {
    let table: Option<String> =
        sqlx::query_scalar("select to_regclass('public._sqlx_migrations')::text").fetch_one(pool).await?;
    if table.is_none() {
        return Ok(Progress::Behind);
    }
    let applied: Vec<Applied> = sqlx::query_as(
        "select version, description, checksum from public._sqlx_migrations where success order by version",
    )
    .fetch_all(pool)
    .await?;
    Ok(compare(&MIGRATIONS.migrations, &applied)?)
}

fn compare(ours: &[Migration], applied: &[Applied]) -> Result<Progress, Incompatible> {
    let is_same =
        |ours: &Migration, applied: &Applied| ours.version == applied.version && ours.checksum == applied.checksum;
    let foreign = applied.iter().any(|theirs| !ours.iter().any(|ours| is_same(ours, theirs)));
    let missing = ours.iter().any(|ours| !applied.iter().any(|theirs| is_same(ours, theirs)));
    // The first migration had this name in every build.
    let is_keepwell = || {
        let first = ours.first();
        applied.iter().any(|theirs| {
            first.is_some_and(|first| first.version == theirs.version && first.description == theirs.description)
        })
    };
    match (foreign, missing) {
        (false, false) => Ok(Progress::Current),
        (false, true) => Ok(Progress::Behind),
        (true, false) => Ok(Progress::Ahead),
        (true, true) if is_keepwell() => Err(Incompatible::Unreleased),
        (true, true) => Err(Incompatible::Occupied),
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
            ("all of ours and more", after(applied(ours), other(1000, "more")), Ok(Progress::Ahead)),
            ("an earlier build", vec![other(1, "customers"), other(61, "analyzing")], Err(Incompatible::Unreleased)),
            ("the same, killed half-way", vec![other(1, "customers")], Err(Incompatible::Unreleased)),
            ("one file edited", after(applied(&ours[..2]), other(3, "enrollments")), Err(Incompatible::Unreleased)),
            ("another program", vec![other(1, "users"), other(2, "orders")], Err(Incompatible::Occupied)),
            ("the same with dates", vec![other(20_240_101_120_000, "users")], Err(Incompatible::Occupied)),
        ];
        for (name, applied, expected) in cases {
            assert_eq!(compare(ours, &applied), expected, "{name}");
        }
    }
}
