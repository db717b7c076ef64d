//! `keepwell user`: who may use the pages.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::database::{Database, configuration, demo_configuration};
use super::{Format, Global, output};
use crate::address::parse_address;
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::users::{NewUser, UserAnswer, UserChange};
use crate::user::password::{LONGEST, hash_password};
use crate::user::role::Role;
use crate::user::user_name;

/// What is done about users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user. The password is KEEPWELL_PASSWORD, or the first line of standard input; without one, a link is printed that sets it once.
    Add {
        /// Letters, digits and `. _ - + @`; a proxy that logs colleagues in has to say just this.
        #[arg(value_parser = name)]
        name: String,
        /// What they may do.
        #[arg(long, value_parser = Role::NAMES)]
        role: String,
        /// The CSM whose inbox is theirs, by id.
        #[arg(long, value_name = "ID")]
        csm: Option<String>,
        /// Their address.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// List users.
    List {
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Print a link that sets a user's password once, within a day.
    Link {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Change what a user may do.
    Role {
        #[arg(value_parser = name)]
        name: String,
        #[arg(value_parser = Role::NAMES)]
        role: String,
    },
    /// Let a user log in no more, and end their sessions.
    Disable {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Let a user log in again.
    Enable {
        #[arg(value_parser = name)]
        name: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    user_name(text)
        .ok_or_else(|| "a name has up to 64 letters without accents, digits, and the characters . _ - + @".to_owned())
}

fn role(name: &str) -> anyhow::Result<Role> {
    Role::of(name).ok_or_else(|| anyhow::anyhow!("there is no role `{name}`"))
}

pub async fn run(global: &Global, command: &UserCommand) -> anyhow::Result<ExitCode> {
    let config = if global.demo { demo_configuration() } else { configuration(global)? };
    let database = Database::open(global, 2).await?;
    let done = carry_out(global, &config, &database.store, command, Clock::System.now()).await;
    database.close().await;
    done?;
    Ok(ExitCode::SUCCESS)
}

async fn carry_out(
    global: &Global,
    config: &Config,
    store: &Store,
    command: &UserCommand,
    now: Instant,
) -> anyhow::Result<()> {
    let person = global.actor_name();
    let by = Actor(&person);
    match command {
        UserCommand::Add { name, role: role_name, csm, email } => {
            let email = email.as_deref().map(parse_address).transpose()?;
            let hash = match password()? {
                Some(password) => Some(hash_password(&password)?),
                None => None,
            };
            let role = role(role_name)?;
            let user =
                NewUser { name, role, csm_id: csm.as_deref(), email: email.as_deref(), password: hash.as_deref() };
            anyhow::ensure!(store.add_user(user, by, now).await?, "there is a user {name} already");
            say!("{name}: added, {role}");
            if hash.is_none() {
                print_link(config, store, name, by, now).await?;
            }
        }
        UserCommand::List { format } => list(store, *format, now).await?,
        UserCommand::Link { name } => print_link(config, store, name, by, now).await?,
        UserCommand::Role { name, role: new } => change(store, name, UserChange::Role(role(new)?), by, now).await?,
        UserCommand::Disable { name } => change(store, name, UserChange::Disable, by, now).await?,
        UserCommand::Enable { name } => change(store, name, UserChange::Enable, by, now).await?,
    }
    Ok(())
}

/// The password that the environment or a pipe gives; `None` where neither does.
fn password() -> anyhow::Result<Option<String>> {
    if let Some(password) = std::env::var_os("KEEPWELL_PASSWORD").filter(|password| !password.is_empty()) {
        let text = password.into_string().map_err(|_| anyhow::anyhow!("KEEPWELL_PASSWORD is not UTF-8 text"))?;
        return Ok(Some(text));
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        return Ok(None);
    }
    let mut line = String::new();
    // One that is longer is refused, and not read to its end.
    std::io::Read::take(input.lock(), LONGEST as u64 + 2).read_line(&mut line)?;
    let line = line.trim_end_matches(['\n', '\r']);
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

async fn print_link(config: &Config, store: &Store, name: &str, by: Actor<'_>, now: Instant) -> anyhow::Result<()> {
    match store.make_password_link(name, by, now).await? {
        Some(token) => {
            say!("{}", link(config, &token));
            say!("sets the password of {name}, once and within 24 hours");
        }
        None => anyhow::bail!("there is no user {name} who may log in"),
    }
    Ok(())
}

/// The address at which a token sets a password.
pub fn link(config: &Config, token: &str) -> String {
    let pages = config.pages_url().unwrap_or_else(|| "http://127.0.0.1:7717".to_owned());
    format!("{pages}/password/{token}")
}

async fn change(store: &Store, name: &str, change: UserChange, by: Actor<'_>, now: Instant) -> anyhow::Result<()> {
    let state = match change {
        UserChange::Disable => "disabled",
        UserChange::Enable => "enabled",
        UserChange::Role(role) => role.name(),
    };
    match store.change_user(name, change, by, now).await? {
        UserAnswer::Changed => say!("{name}: {state}"),
        UserAnswer::Already => say!("{name}: {state}, as before"),
        UserAnswer::Unknown => anyhow::bail!("there is no user {name}"),
        UserAnswer::LastAdmin => {
            anyhow::bail!("{name} is the last admin: nobody could manage people any more. Add another one first")
        }
    }
    Ok(())
}

async fn list(store: &Store, format: Format, now: Instant) -> anyhow::Result<()> {
    let users = store.list_users(now).await?;
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            json!({ "name": user.name, "role": user.role.name(), "csm": user.csm_id, "email": user.email,
                "password": if user.has_password { "set" } else { "not set" },
                "link_until": user.link_until, "disabled_at": user.disabled_at, "seen_at": user.seen_at })
        })
        .collect();
    match format {
        Format::Json => output::json(&json!({ "users": rows })),
        _ => output::table(&rows, &["name", "role", "csm", "email", "password", "seen_at", "disabled_at"]),
    }
    Ok(())
}
