//! The customer store that `check` asks, where a database is named.

use crate::cli::Global;
use crate::cli::database::Database;
use crate::facts::Schema;
use crate::postgres::describe_error;

/// Opens the customer store of the database; its columns, with what was seen
/// in it.
pub async fn open(global: &Global) -> anyhow::Result<(Database, Schema)> {
    let database = Database::open_customers(global, 2).await?;
    match database.store.inventory_now().await {
        Ok(inventory) => {
            let schema = database.store.schema().clone().with_inventory(inventory);
            Ok((database, schema))
        }
        Err(error) => {
            database.close().await;
            Err(error.into())
        }
    }
}

/// The default store's columns; where DATABASE_URL names a database that can be
/// used, with what was seen there.
pub async fn find(global: &Global) -> (Option<Database>, Schema) {
    let schema = Schema::default_store();
    if !global.demo && std::env::var("DATABASE_URL").is_ok_and(|url| !url.is_empty()) {
        match open(global).await {
            Ok((database, of_store)) => {
                return (Some(database), Schema { inventory: of_store.inventory, ..schema });
            }
            Err(error) => tell!(
                "Whether the store has the names that playbooks ask for was not looked at: {}",
                describe_error(error.as_ref())
            ),
        }
    }
    (None, schema)
}
