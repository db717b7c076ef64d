//! `keepwell migrate`.

use std::process::ExitCode;

use super::Global;
use super::database::{Database, look, store_map};
use crate::clock::Clock;
use crate::config::StoreMap;
use crate::facts::inventory::grouped;
use crate::postgres::describe_error;
use crate::store::ReadAs;
use crate::store::customers::reader_role::READER;

pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let map = if global.demo { StoreMap::default() } else { store_map(global)? };
    let mut database = Database::open_and_migrate(global).await?;
    say!("The schemas `customers` and `keepwell` are up to date.");
    // First as the user who grants what the reader needs.
    let mut looked = look(&database.store.clone().without_reader(), &map).await?;
    if looked.relations.read_as() == ReadAs::Role {
        let theirs: Vec<(String, String)> = map
            .relations
            .values()
            .flatten()
            .map(|mapped| mapped.parts())
            .map(|(schema, table)| (schema.to_owned(), table.to_owned()))
            .collect();
        for relation in database.store.let_reader_read(&theirs).await? {
            say!(
                "The role {READER} cannot read {relation}: let its owner `grant select on {relation} to {READER}`, and `usage` on its schema."
            );
        }
    }
    match database.use_reader(&map).await {
        Ok(Some(login)) => {
            looked = look(&database.store, &map).await?;
            say!("Customers are read with the login {}, which can write nothing of Keepwell.", login.user);
        }
        Ok(None) if looked.relations.read_as() == ReadAs::Role => {
            say!("Customers are read as the role {READER}, which can write nothing.");
        }
        Ok(None) => say!(
            "Customers are read in read-only transactions, but not as a role that cannot write: this user may not create the role {READER}."
        ),
        // What it needs may be granted only now that the schemas are there.
        Err(error) => say!("No command that reads customers works yet: {}.", describe_error(error.as_ref())),
    }
    let database = database.reading(looked.relations);
    match database.store.record_inventory(Clock::System.now()).await {
        Ok(0) => {}
        Ok(new) => {
            say!("{} names of the customer store are on record now; `keepwell facts --store` lists them.", grouped(new))
        }
        Err(error) => say!("The names in the customer store could not be looked at: {}", describe_error(&error)),
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}
