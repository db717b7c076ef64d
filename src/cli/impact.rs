//! `keepwell impact`: whether playbooks help, and what they cost.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::database::{Database, configuration};
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::impact::{Impact, TERM_DAYS};
use crate::store::views::impact::ImpactTerms;

#[derive(Debug, Args)]
pub struct Options {
    /// One playbook's id; all when absent.
    playbook: Option<String>,
    /// After how many days from the draw on renewal and revenue are judged.
    #[arg(long, value_name = "DAYS", default_value_t = TERM_DAYS, value_parser = clap::value_parser!(i64).range(1..=730))]
    days: i64,
    /// As of this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configuration(global)?;
    let database = Database::open_customers(global, 2).await?;
    let store = &database.store;
    let playbook = match &options.playbook {
        Some(id) => Some(store.name_of_now(id).await?),
        None => None,
    };
    let terms = ImpactTerms {
        now: options.at.unwrap_or_else(|| Clock::System.now()),
        term_days: options.days,
        minutes_per_task: config.minutes_per_task,
    };
    let found = store.impact(playbook.as_deref(), terms).await?;
    database.close().await;
    if let (Some(id), true) = (&playbook, found.is_empty()) {
        anyhow::bail!("there is no playbook `{id}`");
    }
    match options.format {
        Format::Json => output::json(&json!({ "impact": found.iter().map(as_json).collect::<Vec<_>>() })),
        _ => found.iter().for_each(print),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(impact: &Impact) {
    say!("{}: {}", impact.playbook, impact.summary());
    for sentence in impact.sentences() {
        say!("  {sentence}");
    }
}

/// The figures, and what they mean.
fn as_json(impact: &Impact) -> Json {
    let mut json = json!(impact);
    json["summary"] = impact.summary().into();
    json["sentences"] = impact.sentences().into();
    json["spent"]["hours"] = json!(impact.spent.hours());
    json["spent"]["mails_per_goal"] = json!(impact.spent.mails_per_goal());
    json["spent"]["hours_per_goal"] = json!(impact.spent.hours_per_goal());
    json["spent"]["tasks"]["useful_percent"] = json!(impact.spent.tasks.useful_percent());
    json
}
