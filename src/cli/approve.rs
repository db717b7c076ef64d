//! `keepwell approve` and `discard`: a person's word on a held run. The daemon
//! or the next `run --once` carries it out.

use std::process::ExitCode;

use clap::Args;

use super::database::Database;
use super::{Global, lists};
use crate::clock::{Clock, Instant};
use crate::ids::{Actor, Word};
use crate::store::Store;
use crate::store::runs::releases::{ReleaseAnswer, ReleasePace};
use crate::store::runs::{parse_run_id, run_id};
use crate::store::views::cli::Filter;

#[derive(Debug, Args)]
pub struct Options {
    /// The run, as `keepwell runs` names it: playbook@slot.
    run: String,
    /// Why, for the record.
    #[arg(long)]
    because: Option<String>,
}

#[derive(Debug, Args)]
pub struct ApproveOptions {
    #[command(flatten)]
    run: Options,
    /// All at once, without the ramp of the playbook.
    #[arg(long)]
    at_once: bool,
}

impl Options {
    fn word<'a>(&'a self, by: &'a str) -> Word<'a> {
        Word::new(Actor(by), Clock::System.now()).because(self.because.as_deref())
    }

    fn parse(&self) -> anyhow::Result<(String, Instant)> {
        parse_run_id(&self.run).ok_or_else(|| {
            anyhow::anyhow!("`{}` does not name a run; `keepwell runs --state held` lists them", self.run)
        })
    }
}

/// The run by its playbook's name of now: a mail may say the one of before.
async fn named_now(
    store: &Store,
    playbook: String,
    slot: Instant,
    because: Option<String>,
) -> anyhow::Result<(Options, String)> {
    let playbook = store.name_of_now(&playbook).await?;
    Ok((Options { run: run_id(&playbook, slot), because }, playbook))
}

pub async fn approve(global: &Global, options: &ApproveOptions) -> anyhow::Result<ExitCode> {
    let pace = if options.at_once { ReleasePace::AtOnce } else { ReleasePace::Ramp };
    let options = &options.run;
    let (playbook, slot) = options.parse()?;
    let database = Database::open(global, 2).await?;
    let (options, playbook) = named_now(&database.store, playbook, slot, options.because.clone()).await?;
    let options = &options;
    let waiting = lists::sample(&database.store, &options.run).await?;
    let word = database.store.approve_run(&playbook, slot, pace, options.word(&global.actor_name())).await?;
    let stopped = database.store.stopped().await?;
    let filter = Filter { playbook: Some(playbook.clone()), ..Filter::default() };
    let runs = database.store.list_runs(&filter).await?;
    database.close().await;
    refuse(options, word)?;
    if word == ReleaseAnswer::Already {
        let reason = runs.iter().find(|row| row["id"] == options.run.as_str()).and_then(|row| row["reason"].as_str());
        say!("{}: it was approved already; {}", options.run, reason.unwrap_or("it is about to be released"));
    } else {
        lists::whom(waiting.as_array().map_or(&[], Vec::as_slice), 0);
        say!("{}: approved; the daemon or the next `keepwell run --once` releases it", options.run);
    }
    if stopped.all() {
        say!("it waits: everything is stopped, until `keepwell resume`");
    } else if stopped.covers(&playbook) {
        say!("it waits: the playbook is stopped, until `keepwell resume --playbook {playbook}`");
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn discard(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let (playbook, slot) = options.parse()?;
    let database = Database::open(global, 2).await?;
    let (options, playbook) = named_now(&database.store, playbook, slot, options.because.clone()).await?;
    let options = &options;
    let word = database.store.discard_run(&playbook, slot, options.word(&global.actor_name())).await?;
    database.close().await;
    refuse(options, word)?;
    say!("{}: discarded", options.run);
    Ok(ExitCode::SUCCESS)
}

fn refuse(options: &Options, word: ReleaseAnswer) -> anyhow::Result<()> {
    match word {
        ReleaseAnswer::Taken | ReleaseAnswer::Already => Ok(()),
        ReleaseAnswer::Unknown => anyhow::bail!("there is no run {}", options.run),
        ReleaseAnswer::OtherPace => {
            anyhow::bail!("the run {} was approved before, and those who wait enter at another pace", options.run)
        }
        ReleaseAnswer::NotHeld => anyhow::bail!("the run {} is not held", options.run),
        ReleaseAnswer::UnderWay => {
            anyhow::bail!("the run {} is just being released: try again in a minute", options.run)
        }
        ReleaseAnswer::Outdated => {
            anyhow::bail!("the playbook of {} has changed since; its next run decides anew", options.run)
        }
    }
}
