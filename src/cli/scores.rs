//! `keepwell scores`: the scores that documents make.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::database::Database;
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::store::customers::data_subject::Person;
use crate::store::documents::scores::ScoreRow;

#[derive(Debug, Args)]
pub struct Options {
    /// Only of this document.
    name: Option<String>,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// As of this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let until = options.at.unwrap_or_else(|| Clock::System.now());
    let database = Database::open_customers(global, 2).await?;
    let answer = find(&database, options, until).await;
    database.close().await;
    let rows: Vec<Json> = answer?.into_iter().map(row).collect();
    match options.format {
        Format::Json => output::json(&json!({ "scores": rows })),
        _ => output::table(&rows, &["name", "account", "contact", "value", "before", "band", "at", "factors"]),
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(database: &Database, options: &Options, until: Instant) -> anyhow::Result<Vec<ScoreRow>> {
    let store = &database.store;
    let rows = store.latest_scores(options.name.as_deref(), options.account.as_deref(), until).await?;
    // A list that is empty because of a typo would be believed.
    if rows.is_empty()
        && let Some(name) = &options.name
        && !store.published_documents().await?.iter().any(|known| known.kind == "score" && known.id == *name)
    {
        anyhow::bail!("no document makes a score `{name}`");
    }
    if rows.is_empty()
        && let Some(account) = &options.account
        && !store.knows(&Person::new(account, None)).await?
    {
        anyhow::bail!("nothing is known of an account `{account}`");
    }
    Ok(rows)
}

fn row(score: ScoreRow) -> Json {
    json!({
        "name": score.name,
        "account": score.account,
        "contact": Some(score.contact).filter(|contact| !contact.is_empty()),
        "value": score.value,
        "band": score.band,
        "at": score.at,
        "factors": score.factors,
        "before": score.before,
    })
}
