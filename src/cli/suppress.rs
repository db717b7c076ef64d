//! `keepwell suppress`.

use std::process::ExitCode;

use clap::Args;

use super::database::Database;
use super::{Global, somebody};
use crate::clock::Clock;
use crate::delivery::parse_address;
use crate::store::suppressions::CLASSES;

#[derive(Debug, Args)]
pub struct Options {
    /// The address.
    address: String,
    /// Only mail of this class; every mail when absent.
    #[arg(long, value_parser = CLASSES, default_value = "all")]
    class: String,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let address = parse_address(&options.address)?;
    let database = Database::open(global, 2).await?;
    database.store.suppress_by_hand(&address, &options.class, &somebody(), Clock::System.now()).await?;
    database.close().await;
    match options.class.as_str() {
        "all" => say!("no more mail to {address}"),
        class => say!("no more {class} mail to {address}"),
    }
    Ok(ExitCode::SUCCESS)
}
