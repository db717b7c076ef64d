//! `keepwell stop` and `resume`.

use std::process::ExitCode;

use clap::Args;

use super::database::Database;
use super::{Global, somebody};
use crate::clock::Clock;
use crate::store::control::Target;

#[derive(Debug, Args)]
pub struct Options {
    /// Everything; this is the default.
    #[arg(long, conflicts_with_all = ["playbook", "channel", "account"])]
    all: bool,
    /// One playbook.
    #[arg(long)]
    playbook: Option<String>,
    /// One channel; not yet supported.
    #[arg(long)]
    channel: Option<String>,
    /// One account; not yet supported.
    #[arg(long)]
    account: Option<String>,
}

impl Options {
    fn target(&self) -> anyhow::Result<Target> {
        if self.channel.is_some() || self.account.is_some() {
            anyhow::bail!("--channel and --account are not yet supported: use --all or --playbook");
        }
        Ok(self.playbook.clone().map_or(Target::All, Target::Playbook))
    }
}

pub async fn stop(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let target = options.target()?;
    let database = Database::open(global, 2).await?;
    known(&database, &target).await?;
    database.store.stop(&target, &somebody(), Clock::System.now()).await?;
    database.close().await;
    say!("stopped: {}", name(&target));
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let target = options.target()?;
    let database = Database::open(global, 2).await?;
    let lifted = database.store.resume(&target).await?;
    let left = database.store.stopped().await?;
    database.close().await;
    say!("{}: {}", if lifted { "resumed" } else { "was not stopped" }, name(&target));
    if !left.playbooks.is_empty() {
        say!("still stopped: {}", left.playbooks.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

async fn known(database: &Database, target: &Target) -> anyhow::Result<()> {
    if let Target::Playbook(id) = target
        && !database.store.published().await?.iter().any(|known| &known.id == id)
    {
        anyhow::bail!("there is no playbook `{id}`");
    }
    Ok(())
}

fn name(target: &Target) -> &str {
    match target {
        Target::All => "everything",
        Target::Playbook(id) => id,
    }
}
