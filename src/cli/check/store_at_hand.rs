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
    /// Why a database that is named was not looked at.
    pub remark: Option<String>,
}

/// What a store says about playbooks.
#[derive(Debug, Default)]
pub struct StoreFindings {
    pub diagnostics: Vec<Diagnostic>,
    /// What could not be found out, and why.
    pub remarks: Vec<String>,
}

/// The default store's columns; where DATABASE_URL names a database that can be
/// used, with what was seen there, and where the configuration says that accounts
/// or contacts are a company's own, with their columns.
pub async fn find(global: &Global) -> StoreAtHand {
    // Its mistakes are told with the others.
    let (config, problems) = Config::read(global.config.as_deref());
    let schema = Schema::of_configuration(&config.store);
    let alone = |schema, remark| StoreAtHand { database: None, schema, has_its_columns: false, remark };
    if problems.iter().any(Diagnostic::is_error) {
        return alone(schema, None);
    }
    let is_theirs = ["accounts", "contacts"].iter().any(|relation| config.store.relations.contains_key(relation));
    if !global.demo && std::env::var("DATABASE_URL").is_ok_and(|url| !url.is_empty()) {
        match open(global).await {
            Ok((database, of_store)) => {
                let schema = if is_theirs { of_store } else { Schema { inventory: of_store.inventory, ..schema } };
                return StoreAtHand { database: Some(database), schema, has_its_columns: is_theirs, remark: None };
            }
            Err(error) => {
                let why = describe_error(error.as_ref());
                let remark = format!("Whether the store has the names that playbooks ask for was not looked at: {why}");
                return alone(schema, Some(remark));
            }
        }
    }
    alone(schema, None)
}

/// Adds what the store says about the playbooks without errors.
pub async fn look(store: &Store, checked: &mut Checked) {
    let found = findings(store, checked).await;
    checked.diagnostics.extend(found.diagnostics);
    diagnostic::arrange(&mut checked.diagnostics);
    found.remarks.iter().for_each(|remark| tell!("{remark}"));
}

/// What the store says about the playbooks without errors.
pub async fn findings(store: &Store, checked: &Checked) -> StoreFindings {
    let mut findings = StoreFindings::default();
    let calendar = Calendar { holidays: checked.config.holidays.clone() };
    let sound: Vec<_> =
        checked.playbooks.iter().filter(|ready| checked.is_sound(&ready.playbook.file)).cloned().collect();
    // What was published, and not only the customers.
    match names::findings(store, &sound, &checked.known).await {
        Ok(found) => findings.diagnostics.extend(found),
        Err(error) => {
            let why = describe_error(error.as_ref());
            findings.remarks.push(format!("Whether names fit what was published is not known: {why}"));
        }
    }
    let found: Vec<Diagnostic> = checked.diagnostics.iter().chain(&findings.diagnostics).cloned().collect();
    let now = Clock::System.now();
    let asked = store_lints::Question { store, calendar: &calendar, inventory: &checked.schema.inventory, now };
    match store_lints::look(&asked, &sound, &found, TIME).await {
        Ok(found) => {
            findings.diagnostics.extend(found.diagnostics);
            if !found.overdue.is_empty() {
                let ids: Vec<&str> = found.overdue.iter().map(String::as_str).collect();
                let remark = format!("The store could not be looked at in time for all of {}", ids.join(", "));
                findings.remarks.push(remark);
            }
        }
        Err(error) => {
            let why = describe_error(error.as_ref());
            findings.remarks.push(format!("What the store says of the playbooks is not known: {why}"));
        }
    }
    findings
}
