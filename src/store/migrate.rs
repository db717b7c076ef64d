//! Creating and upgrading the schemas `customers` and `keepwell`.

use super::Store;
use super::customers::reader_role;
use crate::random;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

impl Store {
    /// Creates or upgrades both schemas. Two processes may do it at once.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        MIGRATIONS.run(&self.pool).await?;
        sqlx::query("insert into keepwell.installation (id, secret, cluster) values ($1, $2, keepwell.cluster()) on conflict do nothing")
            .bind(random::token())
            .bind(random::bytes::<32>().as_slice())
            .execute(&self.pool)
            .await?;
        // Without the right to make roles, reading is by read-only transactions alone.
        if let Err(error) = reader_role::prepare(&self.pool).await {
            tracing::warn!("the role {} could not be prepared: {error}", reader_role::READER);
        }
        Ok(())
    }

    /// Whether both schemas are there and complete.
    pub async fn is_migrated(&self) -> sqlx::Result<bool> {
        let table: Option<String> =
            sqlx::query_scalar("select to_regclass('public._sqlx_migrations')::text").fetch_one(&self.pool).await?;
        if table.is_none() {
            return Ok(false);
        }
        let done: i64 = sqlx::query_scalar("select count(*) from public._sqlx_migrations where success")
            .fetch_one(&self.pool)
            .await?;
        Ok(done >= MIGRATIONS.iter().count() as i64)
    }
}
