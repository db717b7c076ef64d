//! `keepwell audit`: what people did.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::database::Database;
use super::{Format, Global, output};

#[derive(Debug, Args)]
pub struct Options {
    /// Only the latest so many; all when absent.
    #[arg(long)]
    limit: Option<i64>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let database = Database::open(global, 2).await?;
    let rows = database.store.list_audit(options.limit).await?;
    database.close().await;
    match options.format {
        Format::Json => output::json(&json!({ "audit": rows })),
        _ => output::table(&rows, &["at", "by", "deed", "about", "reason"]),
    }
    Ok(ExitCode::SUCCESS)
}
