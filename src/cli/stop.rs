//! `keepwell stop` and `resume`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::database::Database;
use super::{Global, somebody};
use crate::clock::{Clock, Instant};
use crate::store::upkeep::stopped::{Stopped, Target};
use crate::store::upkeep::stops::WaitingMessages;

#[derive(Debug, Args)]
pub struct Options {
    /// Everything; this is the default.
    #[arg(long, conflicts_with_all = ["playbook", "channel", "account"])]
    all: bool,
    /// One playbook: its runs, its steps and its mail.
    #[arg(long, conflicts_with_all = ["channel", "account"])]
    playbook: Option<String>,
    /// One channel: what would leave through it waits.
    #[arg(long, value_enum, conflicts_with = "account")]
    channel: Option<Channel>,
    /// One account, in all playbooks.
    #[arg(long)]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub struct StopOptions {
    #[command(flatten)]
    what: Options,
    /// Why, for the people who look at it later.
    #[arg(long)]
    because: Option<String>,
}

/// A way out of the building.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Channel {
    /// Mail to customers.
    Email,
    /// Notices to colleagues.
    Notice,
    /// Bodies for other systems.
    Webhook,
    /// Notices in Slack channels.
    Slack,
}

impl Options {
    fn target(&self) -> Target {
        let channel = |channel: &Channel| channel.to_possible_value().map(|value| value.get_name().to_owned());
        match (&self.playbook, self.channel.as_ref().and_then(channel), &self.account) {
            (Some(id), _, _) => Target::Playbook(id.clone()),
            (_, Some(name), _) => Target::Channel(name),
            (_, _, Some(id)) => Target::Account(id.clone()),
            _ => Target::All,
        }
    }
}

pub async fn stop(global: &Global, options: &StopOptions) -> anyhow::Result<ExitCode> {
    let target = options.what.target();
    let database = Database::open(global, 2).await?;
    check_target(global, &database, &target).await?;
    database.store.stop(&target, &somebody(), options.because.as_deref(), Clock::System.now()).await?;
    database.close().await;
    say!("stopped: {target}");
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let target = options.target();
    let now: Instant = Clock::System.now();
    let database = Database::open(global, 2).await?;
    let lifted = database.store.resume(&target, &somebody(), now).await?;
    let left = database.store.stopped().await?;
    let waiting = database.store.waiting_messages(now).await?;
    database.close().await;
    say!("{}: {target}", if lifted { "resumed" } else { "was not stopped" });
    for line in waiting.iter().filter(|waiting| goes(waiting, &left)).flat_map(describe) {
        say!("{line}");
    }
    for stop in left.stops {
        say!("still stopped: {stop}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether nothing that is still stopped keeps these messages. Stops of single
/// accounts are not looked at here: they keep a few of many.
fn goes(waiting: &WaitingMessages, left: &Stopped) -> bool {
    !left.covers(&waiting.playbook) && !left.is(&Target::Channel(waiting.channel.clone()))
}

/// What becomes of waiting messages, in words.
pub fn describe(waiting: &WaitingMessages) -> Vec<String> {
    let of = if waiting.playbook.is_empty() { String::new() } else { format!(" of {}", waiting.playbook) };
    let mut lines = Vec::new();
    if waiting.due > 0 {
        lines.push(format!("  {} {}{of}: may leave now, each after one more look", waiting.due, waiting.channel));
    }
    if waiting.expired > 0 {
        lines.push(format!("  {} {}{of}: too late now, will not be sent", waiting.expired, waiting.channel));
    }
    lines
}

async fn check_target(global: &Global, database: &Database, target: &Target) -> anyhow::Result<()> {
    match target {
        Target::Playbook(id) if !database.store.published().await?.iter().any(|known| &known.id == id) => {
            anyhow::bail!("there is no playbook `{id}`")
        }
        Target::Account(id) => match is_known(global, id).await {
            Ok(true) => Ok(()),
            Ok(false) => anyhow::bail!("there is no account `{id}`"),
            // A stop must not depend on the database of the accounts: it is for emergencies.
            Err(error) => {
                tell!("whether there is an account `{id}` could not be looked up: {error:#}");
                Ok(())
            }
        },
        _ => Ok(()),
    }
}

async fn is_known(global: &Global, account: &str) -> anyhow::Result<bool> {
    let database = Database::open_customers(global, 1).await?;
    let known = database.store.has_account(account).await;
    database.close().await;
    Ok(known?)
}
