//! `keepwell migrate`.

use std::process::ExitCode;

use super::Global;
use super::database::Database;

pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let database = Database::open_and_migrate(global).await?;
    say!("The schemas `customers` and `keepwell` are up to date.");
    database.close().await;
    Ok(ExitCode::SUCCESS)
}
