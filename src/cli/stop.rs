//! `keepwell stop` and `resume`.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::Global;
use super::database::Database;
use crate::clock::{Clock, Instant};
use crate::ids::Actor;
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::postgres::describe_error;
use crate::store::upkeep::stopped::StopTarget;
use crate::store::upkeep::stops::WaitingMessages;

#[derive(Debug, Args)]
pub struct Options {
    /// Everything; this is the default.
    #[arg(long, conflicts_with_all = ["playbook", "channel", "account"])]
    all: bool,
    /// One playbook: its runs, its steps and its mail.
    #[arg(long, conflicts_with_all = ["channel", "account"])]
    playbook: Option<String>,
    /// One channel: what would leave through it waits.
    #[arg(long, value_parser = channels(), conflicts_with = "account")]
    channel: Option<Channel>,
    /// One account, in all playbooks.
    #[arg(long)]
    account: Option<String>,
    /// Only the account's mail of this class; its journeys go on.
    #[arg(long, value_parser = classes(), requires = "account")]
    class: Option<Class>,
}

#[derive(Debug, Args)]
pub struct StopOptions {
    #[command(flatten)]
    what: Options,
    /// Why, for the people who look at it later.
    #[arg(long)]
    because: Option<String>,
}

/// The channels that something leaves by, each with what that is.
fn channels() -> impl TypedValueParser<Value = Channel> {
    let value = |channel: Channel| Some(PossibleValue::new(channel.name()).help(channel.properties().carries?));
    PossibleValuesParser::new(Channel::ALL.into_iter().filter_map(value)).try_map(Channel::try_from)
}

/// The classes of mail to customers.
fn classes() -> impl TypedValueParser<Value = Class> {
    PossibleValuesParser::new(Class::OF_MAIL.map(|(name, _)| name)).try_map(Class::try_from)
}

impl Options {
    fn target(&self) -> StopTarget {
        match (&self.playbook, self.channel, &self.account, self.class) {
            (Some(id), ..) => StopTarget::Playbook(id.clone()),
            (_, Some(channel), ..) => StopTarget::Channel(channel),
            (_, _, Some(id), Some(class)) => StopTarget::AccountMail { account: id.clone(), class },
            (_, _, Some(id), None) => StopTarget::Account(id.clone()),
            _ => StopTarget::All,
        }
    }
}

pub async fn stop(global: &Global, options: &StopOptions) -> anyhow::Result<ExitCode> {
    let target = options.what.target();
    let database = Database::open(global, 2).await?;
    check_target(global, &database, &target).await?;
    database.store.stop(&target, Actor(&global.actor_name()), options.because.as_deref(), Clock::System.now()).await?;
    database.close().await;
    say!("stopped: {target}");
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let target = options.target();
    let now: Instant = Clock::System.now();
    let database = Database::open(global, 2).await?;
    let lifted = database.store.resume(&target, Actor(&global.actor_name()), now).await?;
    let left = database.store.stopped().await?;
    let waiting = database.store.waiting_messages(&target, now).await?;
    database.close().await;
    say!("{}: {target}", if lifted { "resumed" } else { "was not stopped" });
    for line in waiting.iter().filter(|waiting| waiting.may_leave_beside(&left)).flat_map(describe) {
        say!("{line}");
    }
    for stop in left.stops {
        say!("still stopped: {stop}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What becomes of waiting messages, in words.
pub fn describe(waiting: &WaitingMessages) -> Vec<String> {
    let of = if waiting.playbook.is_empty() { String::new() } else { format!(" of {}", waiting.playbook) };
    let mut lines = Vec::new();
    if waiting.due > 0 {
        lines.push(format!("  {} {}{of}: may leave now, each after one more look", waiting.due, waiting.channel));
    }
    if waiting.expired > 0 {
        lines.push(format!("  {} {}{of}: too late now, will not be sent", waiting.expired, waiting.channel));
    }
    lines
}

async fn check_target(global: &Global, database: &Database, target: &StopTarget) -> anyhow::Result<()> {
    match target {
        StopTarget::Playbook(id) if !database.store.is_published(id).await? => {
            let now = database.store.name_of_now(id).await?;
            let renamed = if now == *id { String::new() } else { format!(": it is called `{now}` now") };
            anyhow::bail!("there is no playbook `{id}`{renamed}")
        }
        StopTarget::Account(id) | StopTarget::AccountMail { account: id, .. } => match is_known(global, id).await {
            Ok(true) => Ok(()),
            Ok(false) => anyhow::bail!("there is no account `{id}`"),
            // A stop must not depend on the database of the accounts: it is for emergencies.
            Err(error) => {
                tell!("whether there is an account `{id}` could not be looked up: {}", describe_error(error.as_ref()));
                Ok(())
            }
        },
        _ => Ok(()),
    }
}

async fn is_known(global: &Global, account: &str) -> anyhow::Result<bool> {
    let database = Database::open_customers(global, 1).await?;
    let known = database.store.has_account(account).await;
    database.close().await;
    Ok(known?)
}
