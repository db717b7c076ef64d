//! Creating and upgrading the schemas `customers` and `keepwell`.

use super::Store;
use super::customers::reader_role;
use super::migrations::{self, MigrationError};
use crate::random;

impl Store {
    /// Creates or upgrades both schemas. Two processes may do it at once. A
    /// database that cannot be upgraded is left as it was.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        migrations::run(&self.pool).await?;
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

    /// Whether both schemas are there and complete for this build; a newer build
    /// may have added to them.
    pub async fn is_migrated(&self) -> Result<bool, MigrationError> {
        migrations::are_complete(&self.pool).await
    }
}
