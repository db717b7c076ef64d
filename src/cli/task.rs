//! `keepwell task done`, `task dismiss`, `task snooze` and `task undo`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::Global;
use super::database::Database;
use super::explain::shared_here;
use crate::action::snooze::Snooze;
use crate::clock::Clock;
use crate::clock::Instant;
use crate::ids::Actor;
use crate::rehearsal::explanation::{TaskChoice, TaskChoices};
use crate::store::tasks::manual_changes::{TaskChange, TaskDeed, UNDO_FOR};
use crate::store::tasks::undo::Undone;
use crate::worker::shared::Shared;
use crate::worker::tasks::choices::task_choices;
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
        /// What becomes of the rest of its journey; needed where a mail to the
        /// customer would follow.
        #[arg(long, value_enum)]
        rest: Option<Rest>,
    },
    /// Not now: it comes back by itself.
    Snooze {
        #[arg(value_parser = super::id)]
        id: Uuid,
        /// An instant, a date, or a duration such as `3d` or `2 business days`.
        #[arg(long, value_name = "INSTANT|DURATION")]
        until: String,
    },
    /// Takes back what was done with it less than 30 seconds ago.
    Undo {
        #[arg(value_parser = super::id)]
        id: Uuid,
    },
}

/// What becomes of a journey whose task is dismissed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rest {
    /// It goes on.
    Go,
    /// It ends.
    Stop,
}

pub async fn run(global: &Global, command: &TaskCommand) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let database = Database::open_customers(global, 2).await?;
    let shared = shared_here(global, &database)?;
    let actor = global.actor_name();
    let said = carry_out(&shared, command, Actor(&actor), now).await;
    database.close().await;
    for line in said? {
        say!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Does it; returns what to print.
async fn carry_out(
    shared: &Arc<Shared>,
    command: &TaskCommand,
    by: Actor<'_>,
    now: Instant,
) -> anyhow::Result<Vec<String>> {
    let (id, deed, choice) = match command {
        TaskCommand::Undo { id } => return undo(shared, *id, by, now).await,
        TaskCommand::Done { id, outcome } => {
            let outcome = outcome.clone();
            (*id, TaskDeed::Complete { outcome: outcome.clone() }, TaskChoice::Complete { outcome })
        }
        TaskCommand::Dismiss { because, .. } if because.trim().is_empty() => {
            anyhow::bail!("--because needs a reason");
        }
        TaskCommand::Dismiss { id, because, rest: Some(Rest::Stop) } => {
            (*id, TaskDeed::Stop { because: because.clone() }, TaskChoice::Stop)
        }
        TaskCommand::Dismiss { id, because, .. } => {
            (*id, TaskDeed::Dismiss { because: because.clone() }, TaskChoice::Dismiss)
        }
        TaskCommand::Snooze { id, until } => {
            (*id, TaskDeed::Snooze(snooze(shared, *id, until, now).await?), TaskChoice::Snooze)
        }
    };
    let choices = task_choices(shared, id, now).await?;
    let zone = shared.config.timezone;
    if let Some(choices) = &choices {
        if choices.needs_outcome && choice == (TaskChoice::Complete { outcome: None }) {
            anyhow::bail!(
                "a later step of the journey goes by the outcome: name one with --outcome{}",
                offered(choices)
            );
        }
        if let TaskCommand::Dismiss { rest: None, .. } = command
            && choices.dismissal_asks()
        {
            let rest = choices.outlook(&choice).map(|outlook| outlook.sentence(now, zone));
            let rest = rest.or(choices.nothing.as_ref().map(ToString::to_string)).unwrap_or_default();
            anyhow::bail!("the journey would go on ({rest}): say --rest go or --rest stop");
        }
    }
    match shared.store.act_on_task(id, &deed, by, Clock::System.now()).await? {
        TaskChange::Changed => {}
        TaskChange::NotOpen => anyhow::bail!("task {id} is not open any more"),
        TaskChange::Unknown => anyhow::bail!("there is no task {id}"),
        TaskChange::NoSuchOutcome => anyhow::bail!("task {id} does not offer this outcome"),
    }
    let what = match command {
        TaskCommand::Done { .. } => "done",
        TaskCommand::Dismiss { .. } => "dismissed",
        TaskCommand::Snooze { .. } => "put off",
        TaskCommand::Undo { .. } => "undone",
    };
    let mut lines = vec![format!("task {id}: {what}")];
    lines.extend(choices.iter().flat_map(|choices| follows(choices, &choice, now, zone)));
    let seconds = UNDO_FOR.num_seconds();
    lines.push(format!("  for {seconds} seconds nothing of this happens: `keepwell task undo {id}` takes it back"));
    Ok(lines)
}

fn offered(choices: &TaskChoices) -> String {
    let outcomes: Vec<String> = choices.outcomes.iter().map(|outcome| format!("`{outcome}`")).collect();
    if outcomes.is_empty() { String::new() } else { format!(" ({})", outcomes.join(", ")) }
}

/// What comes of it, a line each.
fn follows(choices: &TaskChoices, choice: &TaskChoice, now: Instant, zone: chrono_tz::Tz) -> Vec<String> {
    let outlook = choices.outlook(choice).map(|outlook| outlook.lines(now, zone)).unwrap_or_default();
    let lines = outlook.into_iter().map(|line| match line.when.as_str() {
        "" => format!("  {}", line.what),
        when => format!("  {when}: {}", line.what),
    });
    let stopped = choices.stopped.iter().map(|stop| format!("  nothing moves as long as this is stopped: {stop}"));
    lines.chain(choices.nothing.iter().map(|why| format!("  {why}"))).chain(stopped).collect()
}

async fn undo(shared: &Shared, id: Uuid, by: Actor<'_>, now: Instant) -> anyhow::Result<Vec<String>> {
    let Some(act) = shared.store.latest_act(id).await? else {
        anyhow::bail!("nothing was done with task {id} that could be undone");
    };
    match shared.store.undo_task_act(act, by, now).await? {
        Undone::Done(1) => Ok(vec![format!("task {id}: as it was")]),
        Undone::Done(all) => Ok(vec![format!("task {id} and {} more: as they were", all - 1)]),
        Undone::TooLate => anyhow::bail!("it is too late: that was more than {} seconds ago", UNDO_FOR.num_seconds()),
        Undone::Overtaken => anyhow::bail!("it cannot be undone: something has happened since"),
        Undone::Unknown => anyhow::bail!("nothing was done with task {id} that could be undone"),
    }
}

/// Until when a task is put off, in its assignee's calendar.
async fn snooze(shared: &Shared, id: Uuid, until: &str, now: Instant) -> anyhow::Result<Snooze> {
    let Some(zone) = shared.store.task_zone(id).await? else { anyhow::bail!("there is no task {id}") };
    let zone = zone.and_then(|name| find_zone(&name)).unwrap_or(shared.config.timezone);
    match Snooze::read(until, now, &shared.calendar, zone) {
        Some(snooze) => Ok(snooze),
        None => anyhow::bail!(
            "--until needs a later instant, a date or a duration: 2027-03-01T09:00:00Z, 2027-03-01, 3d, 2 business days"
        ),
    }
}
