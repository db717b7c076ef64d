//! `keepwell run`: the daemon, or one round of what is due.

use std::env::VarError;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::watch;

use super::database::{Database, configuration, demo_configuration};
use super::listeners::Listeners;
use super::round::RoundCounts;
use super::systemd::ServiceManager;
use super::{Global, output};
use crate::clock::{Clock, Deadline, Instant};
use crate::config::Config;
use crate::delivery::http::{Http, HttpTimers};
use crate::delivery::{Channel, Relay, RelayUrl, Timers};
use crate::diagnostic::render_human;
use crate::playbook::calendar::Calendar;
use crate::playbook::folder_claim::claim_for_publishing;
use crate::playbook::source::Fingerprint;
use crate::store::Store;
use crate::store::runs::playbooks::Missing;
use crate::web::WebState;
use crate::worker::health::Health;
use crate::worker::lanes::{self, Daemon, pass_until};
use crate::worker::runs::publisher::{self, FileWatch, Files, Report};
use crate::worker::runs::scheduler;
use crate::worker::shared::stop_requested;
use crate::worker::supervise::supervise;
use crate::worker::upkeep::clock_check::{self, Clocks};
use crate::worker::upkeep::database_epoch::EpochWatch;
use crate::worker::{Compiled, Domains, Pace, RunCapacity, Shared, UnderWay, Variables};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("round").args(["once", "at"]).multiple(true))]
pub struct Options {
    /// Carry out what is due now and exit; with an error when a file was broken.
    #[arg(long)]
    once: bool,
    /// Run every playbook once for this slot; implies --once.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    /// Pause the playbooks in force whose files are gone, even if that is most of them.
    #[arg(long, requires = "round")]
    pause_missing: bool,
    /// The web page's port.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

/// How long an open connection is waited for at the end.
const PARTING: Duration = Duration::from_secs(1);

/// Connections of a daemon; enough for its lanes.
pub const CONNECTIONS: u32 = 16;

/// Connections of the pages.
pub const PAGE_CONNECTIONS: u32 = 8;

/// How long the database may take for an answer once the process shall end.
const ANSWER: Duration = Duration::from_secs(1);

/// How long a stop waits for a database that is away, so that it may still learn
/// what became of bodies that have left.
const AWAY: Duration = Duration::from_secs(2);

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    // Signals count from the start, so that a stop while starting is clean too.
    let stop = stop_signal();
    let started = OnceLock::new();
    let mut work = Box::pin(carry_out(global, options, stop.clone(), &started));
    tokio::select! {
        done = &mut work => return done,
        () = in_vain(stop, &started) => {}
    }
    // What it has asked of the database is not cut off: the process ends around it.
    std::mem::forget(work);
    if options.once || options.at.is_some() {
        anyhow::bail!("stopped before everything was done; what is left stays due");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Completes when the process was asked to stop and waiting for its work is in
/// vain: it has not begun, or the database is away. A message whose body has left
/// and whose outcome cannot be written becomes `unknown`, as after a crash.
async fn in_vain(mut stop: watch::Receiver<bool>, started: &OnceLock<Arc<Shared>>) {
    stop_requested(&mut stop).await;
    let patience = Deadline::after(AWAY);
    while let Some(shared) = started.get() {
        let away = !shared.store.takes_connections(ANSWER).await;
        if away && (patience.has_passed() || !shared.under_way.any()) {
            tracing::warn!("the database does not answer: what waits for it is left as it is there");
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn carry_out(
    global: &Global,
    options: &Options,
    stop: watch::Receiver<bool>,
    started: &OnceLock<Arc<Shared>>,
) -> anyhow::Result<ExitCode> {
    let mut config = if global.demo { demo_configuration() } else { configuration(global)? };
    // The sample company's mail and posts never leave.
    let (channel, variables) = match global.demo {
        true => (Channel::Captured, no_variables()),
        false => (channel(&config)?, Arc::new(|name: &str| std::env::var(name).ok()) as Variables),
    };
    let once = options.once || options.at.is_some();
    let listeners = if once { None } else { Some(Listeners::bind(&mut config, options.port).await?) };
    let data = if global.demo { global.data.join("demo") } else { global.data.clone() };
    let _claim = claim_for_publishing(&global.playbooks);
    let database = Database::open_customers(global, CONNECTIONS).await?;
    let shared = shared(database.store.clone(), config, channel, variables, global.actor_name())?;
    let _ = started.set(shared.clone());
    let clock = options.at.map_or(Clock::System, Clock::Fixed);
    let progress = Arc::new(lanes::progress());
    let health = Arc::new(Health::new(progress.clone(), &data, stop.clone()));
    if !once {
        health.watch(&shared.store);
        // Before the clocks agree, which may take long and is no fault of the daemon.
        ServiceManager::from_environment().attend(health.clone(), stop.clone());
    }
    let pages = match listeners {
        None => None,
        Some(listeners) => {
            let link = first_admin_link(&shared).await;
            if let Err(error) = link {
                database.close().await;
                return Err(error);
            }
            let for_pages = Shared::for_pages(shared.store.for_pages(PAGE_CONNECTIONS), shared.config.clone())?;
            let state = WebState::new(Arc::new(for_pages), Clock::System).with_logo();
            Some(listeners.serve(state.called(global.command()).of_daemon(health), &stop))
        }
    };
    if !once {
        if !Clocks::default().wait(&shared.store, clock, &mut stop.clone()).await? {
            database.close().await;
            return Ok(ExitCode::SUCCESS);
        }
    } else if options.at.is_none() {
        clock_check::check(&shared.store, clock).await?;
    }
    let epoch = EpochWatch::new(&data);
    epoch.check(&shared.store, clock.now()).await?;
    let files = files(global);
    let missing = if options.pause_missing { Missing::Meant } else { Missing::Doubted };
    let watch = FileWatch::new(files.clone(), Fingerprint::default());
    let published = match once {
        true => publisher::publish(&shared, &files, missing, clock.now()).await,
        // Cases that take long hold up no other playbook.
        false => watch.publish(&shared, missing, clock.now()).await,
    };
    let published = match published {
        Ok(published) => published,
        // The private Postgres is not left behind.
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    report(&published);
    if !global.demo {
        warn_of_mail(&shared);
        if !once {
            warn_of_pages(&shared.config);
        }
    }
    if once {
        let before = RoundCounts::take(&shared.store, clock.now()).await?;
        if let Some(slot) = options.at {
            scheduler::manual(&shared, slot).await?;
        }
        until_done(&shared, clock, &stop).await?;
        epoch.check(&shared.store, clock.now()).await?;
        say!("{}", before.describe_since(&shared.store).await?);
        part(&shared).await;
        database.close().await;
        if *stop.borrow() {
            anyhow::bail!("stopped before everything was done; what is left stays due");
        }
        // A timer must notice, although all others have had their round.
        let broken = published.broken();
        if !broken.is_empty() {
            anyhow::bail!("not in force as written, see above: {}; all else that was due is done", broken.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    tracing::info!(playbooks = published.playbooks, "running");
    let daemon = Daemon { files: watch, epoch, progress };
    supervise(shared.clone(), Clock::System, daemon, database.mend(), stop).await;
    if let Some(pages) = pages {
        pages.end().await;
    }
    // A relay that dawdles does not keep the process.
    part(&shared).await;
    database.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Closes the idle connections to the relay.
async fn part(shared: &Shared) {
    if let Channel::Smtp(relay) = &shared.channel {
        let _ = tokio::time::timeout(PARTING, relay.close_idle()).await;
    }
}

/// Warns of what customers would notice first.
fn warn_of_mail(shared: &Shared) {
    let url = shared.config.mail.public_url.as_deref();
    match &shared.channel {
        Channel::Captured => {
            tracing::warn!("KEEPWELL_SMTP_URL is not set: mail is kept as `captured` and never leaves");
        }
        Channel::Smtp(_) if !url.is_some_and(|url| url.starts_with("https://")) => {
            tracing::warn!(
                "customers cannot unsubscribe by one click, or not at all: set `mail: {{ public_url: https://… }}` in the configuration"
            );
        }
        Channel::Smtp(_) => {}
    }
}

/// Says how people log in: where nobody does, and where nobody can yet.
async fn first_admin_link(shared: &Shared) -> anyhow::Result<()> {
    let config = &shared.config;
    let Some(listen) = config.listen else { return Ok(()) };
    let by_header = config.user_header.is_some();
    if listen.ip().is_loopback() && !by_header && !shared.store.has_users().await? {
        tracing::info!(
            "nobody logs in: whoever reaches the page may do everything, until `keepwell user add NAME --role admin`"
        );
        return Ok(());
    }
    if let Some((name, token)) = shared.store.make_first_admin_link(by_header, Clock::System.now()).await? {
        let link = super::user::link(config, &token);
        tracing::warn!(link, "no admin can log in yet: this link sets the password of `{name}`, once, within 24 hours");
    }
    Ok(())
}

/// Warns when colleagues and customers come by the same address.
fn warn_of_pages(config: &Config) {
    if config.customers_share_pages() {
        tracing::warn!(
            "customers and colleagues come by the same address, and what a proxy brings is taken for a customer's: set `web.public_listen` and lead customers there"
        );
    }
    let is_behind_proxy = config.web_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    if is_behind_proxy && config.trusted_proxies.is_empty() {
        tracing::warn!(
            "`web.url` is https, so a proxy brings the visitors, and it is not in `web.trusted_proxies`: failed logins of everybody are counted as those of one address"
        );
    }
}

/// Where the files are.
pub fn files(global: &Global) -> Files {
    Files { playbooks: global.playbooks.clone(), scripts: global.scripts.clone() }
}

/// No variable at all: no webhook leaves.
pub fn no_variables() -> Variables {
    Arc::new(|_: &str| None)
}

/// What the workers share.
pub fn shared(
    store: Store,
    config: Config,
    channel: Channel,
    variables: Variables,
    operator: String,
) -> anyhow::Result<Arc<Shared>> {
    Ok(Arc::new(Shared {
        runs: RunCapacity::new(&store),
        store: store.with_mail_domain(&config.mail.from),
        calendar: Calendar { holidays: config.holidays.clone() },
        channel,
        http: Http::new(HttpTimers::default(), &[])?,
        variables,
        compiled: Compiled::default(),
        pace: Pace::default(),
        domains: Domains::default(),
        under_way: UnderWay::default(),
        operator,
        public_url: config.customers_url(),
        config,
    }))
}

/// The relay of KEEPWELL_SMTP_URL; without one mail is captured.
fn channel(config: &Config) -> anyhow::Result<Channel> {
    match std::env::var("KEEPWELL_SMTP_URL") {
        Err(VarError::NotUnicode(_)) => anyhow::bail!("KEEPWELL_SMTP_URL is not text"),
        Ok(url) if !url.is_empty() => {
            let url = RelayUrl::parse(&url).context("KEEPWELL_SMTP_URL cannot be used")?;
            let relay = Relay::new(url, config.mail.connections, Timers::default(), &[])?;
            Ok(Channel::Smtp(Box::new(relay)))
        }
        _ => Ok(Channel::Captured),
    }
}

/// Says what is wrong with the files; those without errors are in force.
pub fn report(published: &Report) {
    if super::logs_json() {
        // Errors are in the log already.
        for problem in published.diagnostics.iter().filter(|problem| !problem.is_error()) {
            tracing::warn!(
                file = %problem.file, line = problem.line, column = problem.column, code = problem.code,
                "{}", problem.message
            );
        }
        return;
    }
    if !published.diagnostics.is_empty() {
        let text = |file: &str| published.sources.text(file);
        output::error_text(&render_human(&published.diagnostics, &text, false));
    }
}

/// Repeats passes until one finds nothing due. Asked to stop, it lets mails that
/// are on their way arrive and begins no other.
pub async fn until_done(shared: &Arc<Shared>, clock: Clock, stop: &watch::Receiver<bool>) -> anyhow::Result<()> {
    while !*stop.borrow() && pass_until(shared, clock.now(), stop).await? > 0 {}
    Ok(())
}

/// Turns true when the process is asked to end. From now on it is not ended
/// at once by SIGTERM or SIGINT.
pub fn stop_signal() -> watch::Receiver<bool> {
    use tokio::signal::unix::{SignalKind, signal};
    let (tell, stop) = watch::channel(false);
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            // The system's own way of ending a process is in force; nobody
            // will tell, and nobody may take silence for a stop.
            return tell.closed().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        let _ = tell.send(true);
    });
    stop
}
