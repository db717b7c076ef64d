//! `keepwell message settle`.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::Global;
use super::database::Database;
use crate::clock::Clock;
use crate::ids::Actor;
use crate::store::messages::manual_outcomes::{ManualOutcome, SettleAnswer};

/// What a person says of a message.
#[derive(Debug, Subcommand)]
pub enum MessageCommand {
    /// What became of a message in the state `unknown`; it is not sent again.
    Settle {
        #[arg(value_parser = super::id)]
        id: Uuid,
        #[arg(long, value_enum)]
        outcome: Outcome,
    },
}

/// What the relay's log says.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Outcome {
    /// The relay has taken it.
    Accepted,
    /// It has not.
    Failed,
}

pub async fn run(global: &Global, command: &MessageCommand) -> anyhow::Result<ExitCode> {
    let MessageCommand::Settle { id, outcome } = command;
    let outcome = match outcome {
        Outcome::Accepted => ManualOutcome::Accepted,
        Outcome::Failed => ManualOutcome::Failed,
    };
    let database = Database::open(global, 2).await?;
    let answer = database.store.settle_unknown(*id, outcome, Actor(&global.actor_name()), Clock::System.now()).await?;
    database.close().await;
    match answer {
        SettleAnswer::Taken => say!("message {id}: {}", outcome.state()),
        SettleAnswer::Known => anyhow::bail!("what became of message {id} is known: see `keepwell messages`"),
        SettleAnswer::NoMessage => anyhow::bail!("there is no message {id}"),
    }
    Ok(ExitCode::SUCCESS)
}
