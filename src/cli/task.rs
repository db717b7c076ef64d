//! `keepwell task done`, `task dismiss` and `task snooze`.

use std::process::ExitCode;

use clap::Subcommand;
use uuid::Uuid;

use super::Global;
use super::database::{Database, configuration};
use crate::action::snooze::Snooze;
use crate::clock::Clock;
use crate::clock::Instant;
use crate::playbook::calendar::Calendar;
use crate::store::Store;
use crate::store::tasks::manual_changes::TaskChange;
use crate::zone::find_zone;

/// What a person does with a task.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// It is done.
    Done {
        #[arg(value_parser = super::id)]
        id: Uuid,
        /// One of the task's outcomes.
        #[arg(long)]
        outcome: Option<String>,
    },
    /// It is not needed.
    Dismiss {
        #[arg(value_parser = super::id)]
        id: Uuid,
        /// Why; it helps to mend the playbook.
        #[arg(long, value_name = "REASON")]
        because: String,
    },
    /// Not now: it comes back by itself.
    Snooze {
        #[arg(value_parser = super::id)]
        id: Uuid,
        /// An instant, a date, or a duration such as `3d` or `2 business days`.
        #[arg(long, value_name = "INSTANT|DURATION")]
        until: String,
    },
}

pub async fn run(global: &Global, command: &TaskCommand) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let database = Database::open_customers(global, 2).await?;
    let (id, change) = match command {
        TaskCommand::Done { id, outcome } => (id, database.store.complete_task(*id, outcome.as_deref(), now).await?),
        TaskCommand::Dismiss { because, .. } if because.trim().is_empty() => {
            anyhow::bail!("--because needs a reason");
        }
        TaskCommand::Dismiss { id, because } => (id, database.store.dismiss_task(*id, because, now).await?),
        TaskCommand::Snooze { id, until } => (id, snooze(global, &database.store, *id, until, now).await?),
    };
    database.close().await;
    match change {
        TaskChange::Changed => {
            let what = match command {
                TaskCommand::Done { .. } => "done",
                TaskCommand::Dismiss { .. } => "dismissed",
                TaskCommand::Snooze { .. } => "put off",
            };
            say!("task {id}: {what}")
        }
        TaskChange::NotOpen => anyhow::bail!("task {id} is not open any more"),
        TaskChange::Unknown => anyhow::bail!("there is no task {id}"),
        TaskChange::NoSuchOutcome => anyhow::bail!("task {id} does not offer this outcome"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a task off in its assignee's calendar.
async fn snooze(global: &Global, store: &Store, id: Uuid, until: &str, now: Instant) -> anyhow::Result<TaskChange> {
    let config = configuration(global)?;
    let Some(zone) = store.task_zone(id).await? else { return Ok(TaskChange::Unknown) };
    let zone = zone.and_then(|name| find_zone(&name)).unwrap_or(config.timezone);
    let calendar = Calendar { holidays: config.holidays };
    match Snooze::read(until, now, &calendar, zone) {
        Some(snooze) => Ok(store.snooze_task(id, snooze).await?),
        None => anyhow::bail!(
            "--until needs a later instant, a date or a duration: 2027-03-01T09:00:00Z, 2027-03-01, 3d, 2 business days"
        ),
    }
}
