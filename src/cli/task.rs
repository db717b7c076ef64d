//! `keepwell task done` and `task dismiss`.

use std::process::ExitCode;

use clap::Subcommand;
use uuid::Uuid;

use super::Global;
use super::database::Database;
use crate::clock::Clock;
use crate::store::tasks::TaskChange;

/// A person's word on a task.
#[derive(Debug, Subcommand)]
pub enum Word {
    /// It is done.
    Done {
        id: Uuid,
        /// One of the task's outcomes.
        #[arg(long)]
        outcome: Option<String>,
    },
    /// It is not needed.
    Dismiss {
        id: Uuid,
        /// Why; it helps to mend the playbook.
        #[arg(long, value_name = "REASON")]
        because: String,
    },
}

pub async fn run(global: &Global, word: &Word) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let database = Database::open_customers(global, 2).await?;
    let (id, change) = match word {
        Word::Done { id, outcome } => (id, database.store.complete_task(*id, outcome.as_deref(), now).await?),
        Word::Dismiss { because, .. } if because.trim().is_empty() => {
            anyhow::bail!("--because needs a reason");
        }
        Word::Dismiss { id, because } => (id, database.store.dismiss_task(*id, because, now).await?),
    };
    database.close().await;
    match change {
        TaskChange::Changed => {
            say!("task {id}: {}", if matches!(word, Word::Done { .. }) { "done" } else { "dismissed" })
        }
        TaskChange::NotOpen => anyhow::bail!("task {id} is not open any more"),
        TaskChange::Unknown => anyhow::bail!("there is no task {id}"),
        TaskChange::NoSuchOutcome => anyhow::bail!("task {id} does not offer this outcome"),
    }
    Ok(ExitCode::SUCCESS)
}
