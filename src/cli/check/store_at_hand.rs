//! The customer store that `check` asks, where a database is named.

use std::time::Duration;

use super::findings::Checked;
use crate::cli::Global;
use crate::cli::database::Database;
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnostic::{self, Diagnostic};
use crate::facts::Schema;
use crate::playbook::calendar::Calendar;
use crate::postgres::describe_error;
use crate::store::Store;
use crate::worker::runs::names;
use crate::worker::store_lints;

/// How long the store is looked at for all playbooks together.
const TIME: Duration = Duration::from_secs(30);

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

/// A store that nobody asked for.
pub struct StoreAtHand {
    pub database: Option<Database>,
    pub schema: Schema,
    /// Whether these are the columns of the store.
    pub has_its_columns: bool,
}

/// The default store's columns; where DATABASE_URL names a database that can be
/// used, with what was seen there, and where the configuration says that accounts
/// or contacts are a company's own, with their columns.
pub async fn find(global: &Global) -> StoreAtHand {
    // Its mistakes are told with the others.
    let (config, problems) = Config::read(global.config.as_deref());
    let schema = Schema::of_configuration(&config.store);
    let alone = |schema| StoreAtHand { database: None, schema, has_its_columns: false };
    if problems.iter().any(Diagnostic::is_error) {
        return alone(schema);
    }
    let is_theirs = ["accounts", "contacts"].iter().any(|relation| config.store.relations.contains_key(relation));
    if !global.demo && std::env::var("DATABASE_URL").is_ok_and(|url| !url.is_empty()) {
        match open(global).await {
            Ok((database, of_store)) => {
                let schema = if is_theirs { of_store } else { Schema { inventory: of_store.inventory, ..schema } };
                return StoreAtHand { database: Some(database), schema, has_its_columns: is_theirs };
            }
            Err(error) => tell!(
                "Whether the store has the names that playbooks ask for was not looked at: {}",
                describe_error(error.as_ref())
            ),
        }
    }
    alone(schema)
}

/// Adds what the store says about the playbooks without errors.
pub async fn look(store: &Store, checked: &mut Checked) {
    let calendar = Calendar { holidays: checked.config.holidays.clone() };
    let sound: Vec<_> =
        checked.playbooks.iter().filter(|ready| checked.is_sound(&ready.playbook.file)).cloned().collect();
    // What was published, and not only the customers.
    match names::findings(store, &sound, &checked.known).await {
        Ok(found) => checked.diagnostics.extend(found),
        Err(error) => {
            tell!("Whether names fit what was published is not known: {}", describe_error(error.as_ref()));
        }
    }
    let now = Clock::System.now();
    let asked = store_lints::Question { store, calendar: &calendar, inventory: &checked.schema.inventory, now };
    match store_lints::look(&asked, &sound, &checked.diagnostics, TIME).await {
        Ok(found) => {
            checked.diagnostics.extend(found.diagnostics);
            diagnostic::arrange(&mut checked.diagnostics);
            if !found.overdue.is_empty() {
                let ids: Vec<&str> = found.overdue.iter().map(String::as_str).collect();
                tell!("The store could not be looked at in time for all of {}", ids.join(", "));
            }
        }
        Err(error) => tell!("What the store says of the playbooks is not known: {}", describe_error(error.as_ref())),
    }
}
