//! Creating and upgrading the schemas `customers` and `keepwell`.

use super::Store;
use super::customers::reader_role;
use super::migrations::{self, MigrationError};
use crate::postgres::describe_error;
use crate::random;

/// A new database is recorded as the one that may send. One that has lost its
/// record and is not empty has to be confirmed.
const FIRST_RECORD: &str = "
    insert into keepwell.installation (id, secret, cluster, identity)
    select $1, $2, keepwell.cluster(), case
        when exists (select from keepwell.marks where is_called) or exists (select from keepwell.enrollments) then null
        else keepwell.new_identity() end
    where not exists (select from keepwell.installation)
    on conflict do nothing";

impl Store {
    /// Creates or upgrades both schemas. Two processes may do it at once. A
    /// database that cannot be upgraded is left as it was.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        migrations::run(&self.pool).await?;
        sqlx::query(FIRST_RECORD)
            .bind(random::token())
            .bind(random::bytes::<32>().as_slice())
            .execute(&self.pool)
            .await?;
        // Without the right to make roles, reading is by read-only transactions alone.
        if let Err(error) = reader_role::prepare(&self.pool).await {
            tracing::warn!("the role {} could not be prepared: {}", reader_role::READER, describe_error(&error));
        }
        Ok(())
    }

    /// Whether both schemas are there and complete for this build; a newer build
    /// may have added to them.
    pub async fn is_migrated(&self) -> Result<bool, MigrationError> {
        migrations::are_complete(&self.pool).await
    }
}
