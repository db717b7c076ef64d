//! `keepwell confirm-epoch`: a person's word that a database which was
//! restored, copied or promoted may send.

use std::process::ExitCode;

use clap::Args;

use super::Global;
use super::database::Database;
use super::stop::describe;
use crate::clock::Clock;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::upkeep::stopped::{ITSELF, StopTarget};

#[derive(Debug, Args)]
pub struct Options {
    /// Confirm; without it, only say what would happen.
    #[arg(long)]
    yes: bool,
}

pub async fn confirm(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let database = Database::open(global, 2).await?;
    let done = confirmed(&database.store, options.yes, &global.actor_name()).await;
    database.close().await;
    done
}

async fn confirmed(store: &Store, yes: bool, by: &str) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let stopped = store.stopped().await?;
    let found = stopped.stops.iter().filter(|stop| stop.target == StopTarget::All && stop.by == ITSELF);
    let reasons: Vec<&str> = found.map(|stop| stop.reason.as_deref().unwrap_or_default()).collect();
    if reasons.is_empty() {
        say!("this database may send: nothing to confirm");
        return Ok(ExitCode::SUCCESS);
    }
    for reason in reasons {
        say!("{reason}");
    }
    match store.last_sent().await? {
        Some(at) => say!(
            "the last mail it knows of was accepted at {}; mail sent after that it would send again",
            at.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        None => say!("it knows of no mail that was ever accepted"),
    }
    let waiting = store.waiting_messages(&StopTarget::All, now).await?;
    say!("{}", if waiting.is_empty() { "nothing is waiting to leave" } else { "waiting to leave:" });
    for line in waiting.iter().flat_map(describe) {
        say!("{line}");
    }
    if !yes {
        say!(
            "if that is right: keepwell confirm-epoch --yes   (cancel what must not go out first: keepwell cancel ENROLLMENT)"
        );
        return Ok(ExitCode::FAILURE);
    }
    store.confirm_epoch(Actor(by), now).await?;
    match store.stopped().await?.stops.iter().find(|stop| stop.target == StopTarget::All) {
        Some(stop) => say!("confirmed; still stopped: {stop}"),
        None => say!("confirmed: this database may send"),
    }
    Ok(ExitCode::SUCCESS)
}
