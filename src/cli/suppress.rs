//! `keepwell suppress`.

use crate::ids::Actor;
use std::process::ExitCode;

use clap::Args;

use super::Global;
use super::database::Database;
use crate::clock::Clock;
use crate::delivery::parse_address;
use crate::store::messages::suppressions::{BY_COMMAND, CLASSES, Suppression};

#[derive(Debug, Args)]
pub struct Options {
    /// The address.
    address: String,
    /// Only mail of this class; every mail when absent.
    #[arg(long, value_parser = CLASSES, default_value = "all")]
    class: String,
    /// Take the suppression of this class back: the address works again, or its
    /// owner asked for it.
    #[arg(long)]
    lift: bool,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let address = parse_address(&options.address)?;
    let database = Database::open(global, 2).await?;
    let (class, by, now) = (options.class.as_str(), global.actor_name(), Clock::System.now());
    if options.lift {
        let lifted = database.store.lift(&address, class, Actor(&by), now).await?;
        database.close().await;
        anyhow::ensure!(lifted, "{address} was not suppressed for `{class}`");
        say!("{address}: the suppression for `{class}` is lifted");
        return Ok(ExitCode::SUCCESS);
    }
    let suppression = Suppression { class, source: BY_COMMAND };
    database.store.suppress_by_hand(&address, suppression, Actor(&by), now).await?;
    database.close().await;
    match class {
        "all" => say!("no more mail to {address}"),
        class => say!("no more {class} mail to {address}"),
    }
    Ok(ExitCode::SUCCESS)
}
