//! `keepwell demo`: everything at once, on a sample company. Its database is
//! private, its mail is captured, DATABASE_URL and KEEPWELL_SMTP_URL are not
//! read: nothing it does can reach a real customer.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Timelike;
use clap::Args;

use super::database::{Database, demo_configuration};
use super::listeners::Listeners;
use super::run::{files, no_variables, report, shared, stop_signal, until_done};
use super::{Global, output};
use crate::clock::{Clock, Instant};
use crate::config::StoreMap;
use crate::delivery::Channel;
use crate::diagnostic::render_human;
use crate::message::channel;
use crate::playbook::folder_claim::claim_for_publishing;
use crate::playbook::source::SourceSet;
use crate::store::Store;
use crate::store::customers::sample::SampleCompany;
use crate::store::runs::playbooks::Missing;
use crate::store::views::cli::Filter;
use crate::web::WebState;
use crate::worker::Shared;
use crate::worker::health::Health;
use crate::worker::lanes::{self, Daemon};
use crate::worker::runs::publisher::FileWatch;
use crate::worker::runs::{publisher, scheduler};
use crate::worker::supervise::supervise;
use crate::worker::upkeep::database_epoch::EpochWatch;

/// Accounts of the sample company.
const ACCOUNTS: usize = 320;

#[derive(Debug, Args)]
pub struct Options {
    /// Do everything due, print what happened, and exit.
    #[arg(long)]
    once: bool,
    /// The web page's port.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    // Before a database is made for nothing.
    let sources = SourceSet::read_playbooks(std::slice::from_ref(&global.playbooks));
    if sources.playbooks.is_empty() {
        output::error_text(&render_human(&sources.problems, &|file: &str| sources.text(file), false));
        anyhow::bail!(
            "there are no playbooks in {}: start the demo in the project's folder",
            global.playbooks.display()
        );
    }
    tell!("Starting a private Postgres in {} …", global.data.join("demo").display());
    let database = Database::private(&global.data.join("demo"), super::run::CONNECTIONS)
        .await?
        .with_customers(&StoreMap::default())
        .await?;
    let anchor = sample(&database.store).await?;
    let mut config = demo_configuration();
    let listeners = match options.once {
        true => None,
        false => match Listeners::bind(&mut config, options.port).await {
            // The usual port is taken: any other will do for a demo.
            Err(_) if options.port.is_none() => Some(Listeners::bind(&mut config, Some(0)).await?),
            found => Some(found?),
        },
    };
    let _claim = claim_for_publishing(&global.playbooks);
    let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
    let files = files(global);
    let found = publisher::fingerprint(&files).await?;
    let published = publisher::publish(&shared, &files, Missing::Doubted, anchor).await?;
    report(&published);
    if published.playbooks == 0 {
        database.close().await;
        anyhow::bail!("none of the playbooks in {} can be used", global.playbooks.display());
    }
    tell!("Evaluating {} playbooks over {} accounts …", published.playbooks, database.store.account_count().await?);
    // The first round of all of them; later starts find it done.
    scheduler::manual(&shared, anchor).await?;
    let stop = stop_signal();
    until_done(&shared, Clock::System, &stop).await?;
    print_summary(global, &shared, anchor).await?;
    if options.once {
        database.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(address) = shared.config.listen {
        say!();
        say!("The inbox, the playbooks and the mails: http://{address}/   (Ctrl-C ends)");
    }
    let data = global.data.join("demo");
    let progress = Arc::new(lanes::progress());
    let health = Arc::new(Health::new(progress.clone(), &data, stop.clone()));
    health.watch(&shared.store);
    let store = shared.store.for_pages(super::run::PAGE_CONNECTIONS);
    let state = WebState::new(Arc::new(Shared::for_pages(store, shared.config.clone())?), Clock::System);
    let state = state.called(same_database(global).command()).of_daemon(health);
    let pages = listeners.map(|listeners| listeners.serve(state, &stop));
    let daemon = Daemon { files: FileWatch::new(files, found), epoch: EpochWatch::new(&data), progress };
    supervise(shared.clone(), Clock::System, daemon, database.mend(), stop).await;
    if let Some(pages) = pages {
        pages.end().await;
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The sample company, made once; returns the instant it is a function of.
async fn sample(store: &Store) -> anyhow::Result<Instant> {
    if let Some(anchor) = store.sample_anchor().await? {
        tell!("The sample company is there, as of {}.", anchor.format("%Y-%m-%d %H:%M UTC"));
        return Ok(anchor);
    }
    let now = Clock::System.now();
    let anchor =
        now.with_minute(0).and_then(|at| at.with_second(0)).and_then(|at| at.with_nanosecond(0)).unwrap_or(now);
    tell!("Making a sample company of {ACCOUNTS} accounts …");
    let company = tokio::task::spawn_blocking(move || SampleCompany::generate(anchor, ACCOUNTS)).await?;
    company.insert(store.pool(), progress).await?;
    store.keep_sample_anchor(anchor).await?;
    Ok(anchor)
}

/// A line that counts up in a terminal, and one line per relation elsewhere.
fn progress(what: &str, done: usize, all: usize) {
    let terminal = output::can_replace_lines();
    if terminal {
        output::replace_line(&format!("  {what:<10} {done:>7} of {all:<7}"));
    }
    if done >= all {
        if terminal { tell!("") } else { tell!("  {what:<10} {all:>7}") }
    }
}

/// What must be said again to reach the same database.
fn same_database(global: &Global) -> Global {
    Global { demo: true, ..global.clone() }
}

/// Per playbook what happened and why.
async fn print_summary(global: &Global, shared: &Arc<Shared>, slot: Instant) -> anyhow::Result<()> {
    let command = same_database(global).command();
    let store = &shared.store;
    let mails = store.message_counts().await?;
    let tasks = store.task_counts().await?;
    let runs = store.list_runs(&Filter::default()).await?;
    say!();
    say!("What happened at {}:", slot.format("%Y-%m-%d %H:%M UTC"));
    for run in runs.iter().filter(|run| run["slot"].as_str().and_then(|at| super::instant(at).ok()) == Some(slot)) {
        let id = run["playbook"].as_str().unwrap_or_default();
        let state = run["state"].as_str().unwrap_or_default();
        say!();
        say!("{id}");
        say!(
            "  candidates {}, enrolled {}{}",
            run["candidates"],
            run["enrolled"],
            if state == "held" { format!(", held {}", run["held"]) } else { String::new() }
        );
        let skipped: BTreeMap<String, i64> = serde_json::from_value(run["skipped"].clone()).unwrap_or_default();
        let skipped: Vec<String> = skipped
            .iter()
            .filter(|(reason, count)| **count > 0 && reason.as_str() != "held")
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        if !skipped.is_empty() {
            say!("  skipped: {}", skipped.join(", "));
        }
        if state == "held" {
            say!("  held: {}", run["reason"].as_str().unwrap_or_default());
            if run["approved_at"].is_null() {
                say!("        {command} approve {}", run["id"].as_str().unwrap_or_default());
            }
        }
        let count = |channel: channel::Channel| {
            mails
                .iter()
                .filter(|(playbook, of, _, _)| playbook == id && *of == channel.name())
                .map(|(_, _, state, count)| format!("{count} {state}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (name, counts) in
            [("mails", count(channel::Channel::OF_CUSTOMERS)), ("notices", count(channel::Channel::OF_COLLEAGUES))]
        {
            if !counts.is_empty() {
                say!("  {name}: {counts}");
            }
        }
        let open: Vec<String> = tasks
            .iter()
            .filter(|(playbook, _, _)| playbook == id)
            .map(|(_, state, count)| format!("{count} {state}"))
            .collect();
        if !open.is_empty() {
            say!("  tasks: {}", open.join(", "));
        }
    }
    Ok(())
}
