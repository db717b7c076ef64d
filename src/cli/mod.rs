//! The command line: one command per file, and the only place that wires
//! everything. Arguments, environment and signals are read here alone.
//!
//! Exit codes: 0 fine or nothing to do, 1 an error or a failed check; `plan`,
//! `diff` and `move`: 2 when somebody would enter, leave or move or something would be held. Answers go to
//! stdout, logs and progress to stderr.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::facts::Standing;
use crate::postgres::describe_error;

/// Prints one line of an answer; see [`output::line`].
macro_rules! say {
    () => { crate::cli::output::line(format_args!("")) };
    ($($words:tt)*) => { crate::cli::output::line(format_args!($($words)*)) };
}

/// The same on stderr.
macro_rules! tell {
    ($($words:tt)*) => { crate::cli::output::error_line(format_args!($($words)*)) };
}

mod answers;
mod apply;
mod approve;
mod audit;
mod backtest;
mod check;
mod confirm;
mod database;
mod demo;
mod diff;
mod doctor;
mod enroll;
mod explain;
mod facts;
mod fmt;
mod goals;
mod impact;
mod import;
mod junit;
mod kpi;
mod later;
mod listeners;
mod lists;
mod lsp;
mod mcp;
mod message;
mod migrate;
mod move_on;
mod new;
mod output;
mod person;
mod plan;
mod process;
mod reader_login;
mod refusal;
mod report;
mod repository;
mod revisions;
mod round;
mod run;
mod schema;
mod scores;
mod slots;
mod standings;
mod stop;
mod suppress;
mod systemd;
mod task;
mod test;
mod user;

/// Rule-driven playbooks for customer success.
#[derive(Debug, Parser)]
#[command(name = "keepwell", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command, before or after it.
#[derive(Clone, Debug, Args)]
struct Global {
    /// Where the playbooks are.
    #[arg(long, global = true, value_name = "DIR", default_value = "playbooks")]
    playbooks: PathBuf,
    /// Where the shared scripts are.
    #[arg(long, global = true, value_name = "DIR", default_value = "scripts")]
    scripts: PathBuf,
    /// Where the private Postgres lives when DATABASE_URL is not set.
    #[arg(long, global = true, value_name = "DIR", default_value = ".keepwell")]
    data: PathBuf,
    /// Use the demo's database.
    #[arg(long, global = true)]
    demo: bool,
    /// The configuration; keepwell.yaml if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who acts, for the record of what people did; else the system's user.
    #[arg(long = "as", global = true, value_name = "NAME", value_parser = acting_name)]
    acting_as: Option<String>,
    /// Whether the database refuses every write, and none is created or upgraded.
    #[arg(skip)]
    read_only: bool,
}

impl Global {
    /// How this program is called with the same options, for a command to copy.
    fn command(&self) -> String {
        format!("keepwell{}", self.repeated())
    }

    /// Who acts, for the record.
    fn actor_name(&self) -> String {
        self.acting_as.clone().unwrap_or_else(system_user)
    }

    /// The options that differ from the usual ones.
    fn repeated(&self) -> String {
        let mut words = String::new();
        let usual = [
            ("--playbooks", &self.playbooks, "playbooks"),
            ("--scripts", &self.scripts, "scripts"),
            ("--data", &self.data, ".keepwell"),
        ];
        for (option, path, _) in usual.into_iter().filter(|(_, path, usual)| path.as_os_str() != *usual) {
            words.push_str(&format!(" {option} {}", path.display()));
        }
        if let Some(config) = &self.config {
            words.push_str(&format!(" --config {}", config.display()));
        }
        if self.demo {
            words.push_str(" --demo");
        }
        words
    }
}

/// Reads the id of a task, a message or an enrollment.
fn id(text: &str) -> Result<uuid::Uuid, String> {
    text.parse().map_err(|_| {
        "this is no id: copy it from `keepwell tasks`, `messages` or `enrollments` (with --format json)".to_owned()
    })
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// For people, too; `check` and `test` have lines for editors.
    Line,
    /// One JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a private Postgres, a sample company, the shipped playbooks.
    Demo(demo::Options),
    /// The daemon; with --once, carry out what is due and exit.
    Run(run::Options),
    /// Create or upgrade the database schemas.
    Migrate,
    /// Begin a playbook of your own with a shipped one.
    New(new::Options),
    /// Find every mistake in the playbooks; needs no database.
    Check(check::Options),
    /// Lay playbooks out in one way: indentation, spaces and blank lines.
    Fmt(fmt::Options),
    /// The language server for editors, on stdin and stdout.
    Lsp(lsp::Options),
    /// Play the playbooks' own test cases, in memory.
    Test(test::Options),
    /// Everything that playbooks can ask: columns, methods and functions.
    Facts(facts::Options),
    /// The JSON Schema of a playbook, for editors: keys, words, names and what they mean.
    Schema(schema::Options),
    /// When playbooks are due next.
    Slots(slots::Options),
    /// Who would enter which playbook now, and what would be held.
    Plan(plan::Options),
    /// Publish the playbooks of a saved plan and carry out just what it says.
    Apply(apply::Options),
    /// Whom a change of the playbooks touches, beside a git revision, a folder or what is published.
    Diff(diff::Options),
    /// Why an account enters a playbook, or why not; why a message or a task is as it is.
    Explain(explain::Options),
    /// What a playbook would have done in the past, and whether it would have helped.
    Backtest(backtest::Options),
    /// Whether playbooks help: treated beside held out, texts beside each other, and what they cost.
    Impact(impact::Options),
    /// What was in force of a playbook, when, and who published it.
    Revisions(revisions::Options),
    /// Put an earlier revision of a playbook into force again.
    Rollback(revisions::RollbackOptions),
    /// List enrollments.
    Enrollments(lists::Options),
    /// List tasks.
    Tasks(lists::Options),
    /// List messages.
    Messages(lists::Options),
    /// List runs.
    Runs(lists::Options),
    /// The latest scores that documents have made, with their factors.
    Scores(scores::Options),
    /// How many accounts are in each stage, for how long, and how they moved; or the stages of one.
    Stages(standings::Options),
    /// How many accounts are in each tier, and the share of attention that each tier gets.
    Tiers(standings::Options),
    /// Figures over all accounts, such as the churn rate: today, or one with its history.
    Kpi(kpi::Options),
    /// What an account got, before and after, in its own numbers: as text, JSON or PDF.
    Report(report::Options),
    /// What people answered to surveys, and tags on their answers.
    Answers(answers::Options),
    /// How far the goals of success plans are, with their dates.
    Goals(goals::Options),
    /// Put an account into a playbook by hand.
    Enroll(enroll::Options),
    /// End an enrollment by hand.
    Cancel(enroll::CancelOptions),
    /// Take those who wait in earlier revisions of a playbook to the current one.
    Move(move_on::Options),
    /// Complete or dismiss a task.
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Say what became of a message whose outcome nobody knew.
    #[command(subcommand)]
    Message(message::MessageCommand),
    /// Let a held run go on.
    Approve(approve::ApproveOptions),
    /// Drop a held run.
    Discard(approve::Options),
    /// Stop everything, or one playbook.
    Stop(stop::StopOptions),
    /// Take a stop back.
    Resume(stop::Options),
    /// Allows sending from a database that was restored, copied or promoted.
    ConfirmEpoch(confirm::Options),
    /// No more mail to an address.
    Suppress(suppress::Options),
    /// Everything that is known of a customer, as JSON.
    Export(person::ExportOptions),
    /// Erase a customer from Keepwell's own state.
    Erase(person::EraseOptions),
    /// What people did: stops, approvals, erasures and the like.
    Audit(audit::Options),
    /// Who may use the pages.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Is this installation sound: database, mail, domain, bounces.
    Doctor(doctor::Options),
    /// Bring CSV or JSON Lines into the customer store.
    Import(import::Options),
    /// Serve the Model Context Protocol on stdin and stdout, for an assistant that helps to write playbooks.
    Mcp(mcp::Options),
    #[command(flatten)]
    Later(later::UnsupportedCommand),
}

/// Runs the program and returns its exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render().to_string();
            if !error.use_stderr() {
                output::text(&text);
                return answered(ExitCode::SUCCESS);
            }
            output::error_text(&text);
            return ExitCode::from(1);
        }
    };
    let prepared = process::prepare(&cli.global, &cli.command);
    let quiet = !matches!(cli.command, Command::Run(_));
    let filter = std::env::var("KEEPWELL_LOG").ok();
    crate::telemetry::start(filter.as_deref(), if quiet { "error" } else { "info" }, logs_json());
    match prepared {
        Ok(None) => {}
        Ok(Some(operator)) => tracing::info!("acts as {operator}, who runs Keepwell on the data folder"),
        Err(error) => return failed(&error),
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::anyhow!(error)),
    };
    let done = runtime.block_on(dispatch(cli));
    // Work that nobody waits for any more, such as looking up a host's name,
    // does not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(code) => answered(code),
        Err(error) => answered(failed(&error)),
    }
}

/// The exit code, unless what was printed could not be written.
fn answered(code: ExitCode) -> ExitCode {
    match output::finish() {
        Ok(()) => code,
        Err(error) => failed(&anyhow::Error::new(error).context("the answer could not be written to stdout")),
    }
}

/// Whether every line on stderr is a JSON document.
fn logs_json() -> bool {
    std::env::var("KEEPWELL_LOG_FORMAT").is_ok_and(|format| format == "json")
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    match cli.command {
        Command::Demo(options) => demo::run(global, &options).await,
        Command::Run(options) => run::run(global, &options).await,
        Command::Migrate => migrate::run(global).await,
        Command::New(options) => new::run(global, &options),
        Command::Check(options) => check::run(global, &options).await,
        Command::Fmt(options) => fmt::run(global, &options),
        Command::Lsp(options) => lsp::run(global, options).await,
        Command::Test(options) => test::run(global, &options),
        Command::Facts(options) => facts::run(global, &options).await,
        Command::Schema(options) => schema::run(global, &options).await,
        Command::Slots(options) => slots::run(global, &options),
        Command::Kpi(options) => kpi::run(global, &options).await,
        Command::Report(options) => report::run(global, &options).await,
        Command::Scores(options) => scores::run(global, &options).await,
        Command::Stages(options) => standings::run(global, &options, Standing::Stage).await,
        Command::Tiers(options) => standings::run(global, &options, Standing::Tier).await,
        Command::Answers(options) => answers::run(global, &options).await,
        Command::Goals(options) => goals::run(global, &options).await,
        Command::Plan(options) => plan::run(global, &options).await,
        Command::Apply(options) => apply::run(global, &options).await,
        Command::Diff(options) => diff::run(global, &options).await,
        Command::Explain(options) => explain::run(global, &options).await,
        Command::Backtest(options) => backtest::run(global, &options).await,
        Command::Impact(options) => impact::run(global, &options).await,
        Command::Revisions(options) => revisions::run(global, &options).await,
        Command::Rollback(options) => revisions::roll_back(global, &options).await,
        Command::Enrollments(options) => lists::run(global, lists::What::Enrollments, &options).await,
        Command::Tasks(options) => lists::run(global, lists::What::Tasks, &options).await,
        Command::Messages(options) => lists::run(global, lists::What::Messages, &options).await,
        Command::Runs(options) => lists::run(global, lists::What::Runs, &options).await,
        Command::Enroll(options) => enroll::enroll(global, &options).await,
        Command::Cancel(options) => enroll::cancel(global, &options).await,
        Command::Move(options) => move_on::run(global, &options).await,
        Command::Task(word) => task::run(global, &word).await,
        Command::Message(word) => message::run(global, &word).await,
        Command::Approve(options) => approve::approve(global, &options).await,
        Command::Discard(options) => approve::discard(global, &options).await,
        Command::Stop(options) => stop::stop(global, &options).await,
        Command::Resume(options) => stop::resume(global, &options).await,
        Command::ConfirmEpoch(options) => confirm::confirm(global, &options).await,
        Command::Suppress(options) => suppress::run(global, &options).await,
        Command::Export(options) => person::export(global, &options).await,
        Command::Erase(options) => person::erase(global, &options).await,
        Command::Audit(options) => audit::run(global, &options).await,
        Command::User(command) => user::run(global, &command).await,
        Command::Doctor(options) => doctor::run(global, &options).await,
        Command::Import(options) => import::run(global, &options).await,
        Command::Mcp(options) => mcp::run(global, &options).await,
        Command::Later(command) => later::refuse(&command),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let reason = describe_error(error.as_ref());
    if logs_json() {
        tracing::error!("{reason}");
    } else {
        // What follows the first line belongs to it.
        output::error_text(&format!("error: {}", reason.replace('\n', "\n  ")));
    }
    ExitCode::from(1)
}

/// The user of the system who runs this.
fn system_user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "command line".to_owned())
}

/// Reads the name of somebody who acts.
fn acting_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_good = !name.is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
    if is_good { Ok(name.to_owned()) } else { Err("a name has 1 to 64 characters".to_owned()) }
}

/// Reads an instant: RFC 3339.
fn instant(text: &str) -> Result<crate::clock::Instant, String> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| format!("`{text}` is not an instant; write it as 2026-03-02T09:00:00Z"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
