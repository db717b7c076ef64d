//! `keepwell doctor`: is this installation sound. Looks and changes nothing;
//! sends no mail.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use super::check::{Checked, check_against};
use super::{Format, Global, output};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::Schema;
use crate::postgres::describe_error;
use crate::store::Store;
use crate::store::runs::playbooks::Published;

mod bounces;
mod database;
pub mod dns;
mod domain;
mod mail;
pub mod received;
mod signature;

#[derive(Debug, Args)]
pub struct Options {
    /// Also look at a mail of ours as somebody received it: its source in a file.
    #[arg(long, value_name = "FILE")]
    mail: Option<PathBuf>,
    /// Ask this resolver about domains; the system's when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    resolver: Option<SocketAddr>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or harms.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    about: &'static str,
    state: State,
    message: String,
    /// What to do about it.
    help: Option<String>,
}

/// What was found, in order.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, about: &'static str, message: impl Into<String>) {
        self.0.push(Finding { about, state: State::Ok, message: message.into(), help: None });
    }

    fn warn(&mut self, about: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Finding { about, state: State::Warn, message: message.into(), help: Some(help.into()) });
    }

    fn bad(&mut self, about: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Finding { about, state: State::Bad, message: message.into(), help: Some(help.into()) });
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Bad => "bad",
        }
    }
}

impl Finding {
    fn json(&self) -> Json {
        json!({ "about": self.about, "state": self.state.name(), "message": self.message, "help": self.help })
    }

    fn print(&self) {
        say!("{:<5} {}: {}", self.state.name(), self.about, self.message);
        if let Some(help) = &self.help {
            say!("      {help}");
        }
    }
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    let (config, problems) = Config::read(global.config.as_deref());
    let wrong: Vec<&Diagnostic> = problems.iter().filter(|problem| problem.is_error()).collect();
    match wrong.first() {
        None => findings.ok("configuration", "no mistakes"),
        Some(first) => {
            let message =
                format!("{} mistakes, the first: {}:{} {}", wrong.len(), first.file, first.line, first.message);
            findings.bad("configuration", message, "`keepwell check` shows them all");
        }
    }
    let store = database::look(global, &mut findings).await;
    let mut schema = store.as_ref().map_or_else(Schema::default_store, |database| database.store.schema().clone());
    if let Some(database) = &store {
        match database.store.inventory_now().await {
            Ok(inventory) => schema = schema.with_inventory(inventory),
            Err(error) => findings.bad("names", describe_error(&error), "`keepwell facts --store` shows what is used"),
        }
    }
    let checked = playbooks(global, schema, &mut findings);
    if let (Some(checked), Some(database)) = (&checked, &store) {
        in_force(global, checked, &database.store, &mut findings).await;
    }
    mail::look(&config, &mut findings).await;
    bounces::look(&config, store.as_ref(), &mut findings).await;
    let resolver = options.resolver.unwrap_or_else(domain::system_resolver);
    domain::look(&config, resolver, &mut findings).await;
    if let Some(file) = &options.mail {
        signature::look(file, &config, resolver, &mut findings).await;
    }
    if let Some(database) = store {
        database.close().await;
    }
    match options.format {
        Format::Json => output::json(&json!({ "checks": findings.0.iter().map(Finding::json).collect::<Vec<_>>() })),
        _ => findings.0.iter().for_each(Finding::print),
    }
    let bad = findings.0.iter().any(|finding| finding.state == State::Bad);
    Ok(if bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Looks at the files, and plays their cases.
fn playbooks(global: &Global, schema: Schema, findings: &mut Findings) -> Option<Checked> {
    let dir = global.playbooks.display();
    if !global.playbooks.is_dir() {
        findings.bad("playbooks", format!("there is no folder `{dir}`"), "name it with --playbooks");
        return None;
    }
    let mut checked = check_against(global, &[], schema);
    checked.play_cases();
    let errors = checked.diagnostics.iter().filter(|problem| problem.is_error()).count();
    let count = checked.sources.playbooks.len();
    match (count, errors) {
        (0, _) => findings.warn(
            "playbooks",
            format!("`{dir}` has none"),
            "write one, or name another folder with --playbooks",
        ),
        (_, 0) => findings.ok("playbooks", format!("{count} in `{dir}` without errors")),
        _ => {
            let help = "`keepwell check` shows them; what has errors does not run";
            findings.bad("playbooks", format!("{errors} errors in {count} playbooks of `{dir}`"), help);
        }
    }
    names(&checked, findings);
    Some(checked)
}

/// Whether the store was seen to hold what the playbooks ask for.
fn names(checked: &Checked, findings: &mut Findings) {
    const ABOUT: &str = "names";
    if checked.schema.inventory.is_empty() {
        return;
    }
    let unseen: Vec<&Diagnostic> = checked.diagnostics.iter().filter(|problem| problem.code == "KW0221").collect();
    match unseen.first() {
        None => findings.ok(ABOUT, "the customer store has what the playbooks ask for"),
        Some(first) => {
            let more = unseen.len() - 1;
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let message = format!("{}:{} {}{more}", first.file, first.line, first.message);
            findings.warn(
                ABOUT,
                message,
                "`keepwell check --store` shows them; `keepwell facts --store` lists what was seen",
            );
        }
    }
}

/// What the daemons run beside what the files say.
async fn in_force(global: &Global, checked: &Checked, store: &Store, findings: &mut Findings) {
    const ABOUT: &str = "in force";
    let dir = global.playbooks.display();
    let published = match store.published().await {
        Ok(published) if published.is_empty() => return,
        Ok(published) => published,
        Err(error) => return findings.bad(ABOUT, describe_error(&error), "see the server's log"),
    };
    let before = findings.0.len();
    let names = |ids: Vec<&str>| ids.join(", ");
    let paused: Vec<&Published> = published.iter().filter(|known| !known.present).collect();
    let here = |known: &Published| checked.known.contains(&known.id);
    let back: Vec<&str> = paused.iter().filter(|known| here(known)).map(|known| &*known.id).collect();
    if !back.is_empty() {
        let message = format!("paused, though `{dir}` has a file of them: {}", names(back));
        findings.warn(ABOUT, message, "`keepwell run` takes them up again when they have no errors");
    }
    let gone: Vec<&str> =
        published.iter().filter(|known| known.present && !here(known)).map(|known| &*known.id).collect();
    if !gone.is_empty() {
        let message = format!("`{dir}` has no file of {}", names(gone));
        findings.warn(ABOUT, message, "is it the right folder? A missing file pauses its playbook for all daemons");
    }
    let old: Vec<&str> = published
        .iter()
        .filter(|known| known.present && known.problems.as_array().is_some_and(|problems| !problems.is_empty()))
        .map(|known| &*known.id)
        .collect();
    if !old.is_empty() {
        let message = format!("an earlier revision, because the file has errors: {}", names(old));
        findings.warn(ABOUT, message, "`keepwell check` shows them");
    }
    if findings.0.len() == before {
        let message = match paused.len() {
            0 => format!("{} playbooks", published.len()),
            count => format!("{} playbooks; {count} are paused: their files are gone", published.len() - count),
        };
        findings.ok(ABOUT, message);
    }
}
