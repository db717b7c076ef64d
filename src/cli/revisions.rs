//! `keepwell revisions` and `rollback`: what was in force of a playbook when, and
//! an earlier revision again.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::database::{Database, configuration};
use super::run::{no_variables, shared};
use super::{Format, Global, output};
use crate::clock::Clock;
use crate::delivery::Channel;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::runs::publications::{PublicationRow, RollbackAnswer};

#[derive(Debug, Args)]
pub struct Options {
    playbook: String,
    #[command(subcommand)]
    show: Option<Show>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Subcommand)]
pub enum Show {
    /// Print the text of a revision.
    Show {
        /// As `keepwell revisions PLAYBOOK` names it, or as much of it as is unique.
        revision: String,
    },
}

#[derive(Debug, Args)]
pub struct RollbackOptions {
    playbook: String,
    /// As `keepwell revisions PLAYBOOK` names it, or as much of it as is unique.
    revision: String,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let database = Database::open(global, 2).await?;
    let answer = answer(&database.store, options).await;
    database.close().await;
    answer.map(|()| ExitCode::SUCCESS)
}

async fn answer(store: &Store, options: &Options) -> anyhow::Result<()> {
    let rows = publications(store, &options.playbook).await?;
    if let Some(Show::Show { revision }) = &options.show {
        let revision = find(&rows, &options.playbook, revision)?;
        let Some(text) = store.revision_text(&options.playbook, revision).await? else {
            anyhow::bail!("the text of {revision} is not kept");
        };
        let text = text.text;
        match options.format {
            Format::Json => {
                let revision = json!({ "playbook": options.playbook, "revision": revision, "text": text });
                output::json(&json!({ "revisions": [revision] }));
            }
            _ => output::text(text.trim_end()),
        }
        return Ok(());
    }
    match options.format {
        Format::Json => output::json(&json!({ "revisions": rows.iter().map(as_json).collect::<Vec<_>>() })),
        _ => rows.iter().for_each(print),
    }
    Ok(())
}

fn as_json(row: &PublicationRow) -> serde_json::Value {
    json!({
        "playbook": row.playbook,
        "revision": row.revision,
        "published_at": row.published_at,
        "published_by": row.published_by,
        "cause": row.cause,
        "current": row.current,
    })
}

fn print(row: &PublicationRow) {
    let current = if row.current { "  in force" } else { "" };
    let at = row.published_at.format("%Y-%m-%d %H:%M:%S UTC");
    say!("{}  {at}  {}  by {}{current}", row.revision, row.cause, row.published_by);
}

/// What was in force of a playbook; an error where nothing ever was.
async fn publications(store: &Store, playbook: &str) -> anyhow::Result<Vec<PublicationRow>> {
    let rows = store.publications(playbook).await?;
    anyhow::ensure!(!rows.is_empty(), "there is no published playbook `{playbook}`");
    Ok(rows)
}

/// The revision that a person means by its beginning.
fn find<'a>(rows: &'a [PublicationRow], playbook: &str, revision: &str) -> anyhow::Result<&'a str> {
    let mut found: Vec<&str> =
        rows.iter().map(|row| row.revision.as_str()).filter(|known| known.starts_with(revision)).collect();
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [one] => Ok(one),
        [] => anyhow::bail!("`{playbook}` has no revision {revision}; `keepwell revisions {playbook}` lists them"),
        _ => anyhow::bail!("`{playbook}` has several revisions that begin with {revision}: {}", found.join(", ")),
    }
}

pub async fn roll_back(global: &Global, options: &RollbackOptions) -> anyhow::Result<ExitCode> {
    let config = configuration(global)?;
    let database = Database::open_customers(global, 2).await?;
    let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
    let done = async {
        let RollbackOptions { playbook, revision } = options;
        let rows = publications(&shared.store, playbook).await?;
        let revision = find(&rows, playbook, revision)?;
        let documents = shared.store.published_documents().await?;
        let is_document = documents.iter().any(|known| known.id == *playbook);
        let unusable = match is_document {
            true => shared.document(playbook, revision).await?.err(),
            false => shared.loaded(playbook, revision).await?.err(),
        };
        if let Some(why) = unusable {
            anyhow::bail!("this version of Keepwell cannot use the revision {revision}: {why}");
        }
        let answer =
            shared.store.roll_back(playbook, revision, Actor(&global.actor_name()), Clock::System.now()).await?;
        match answer {
            RollbackAnswer::Done => {}
            RollbackAnswer::Current => anyhow::bail!("{revision} is in force already"),
            RollbackAnswer::NotInForce => anyhow::bail!("`{playbook}` has no file any more: put it back first"),
            RollbackAnswer::Unknown => anyhow::bail!("`{playbook}` has no revision {revision}"),
        }
        say!("{playbook}: {revision} is in force again");
        say!("its file does not count until it changes, or `keepwell apply` publishes it");
        if is_document {
            return Ok(());
        }
        say!("its next run is a first run of a revision: see `keepwell plan` and the guardrail `first_run`");
        Ok(())
    }
    .await;
    database.close().await;
    done.map(|()| ExitCode::SUCCESS)
}
