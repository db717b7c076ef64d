//! `keepwell backtest`: what a playbook would have done over a period of the
//! past, or how low a score would have been, and whether that came before what it is
//! there for.

mod chart;
mod print;
mod score;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use chrono::TimeDelta;
use clap::Args;

use super::check::{Checked, check_against};
use super::database::Database;
use super::refusal::refuse;
use super::{Format, Global, output};
use crate::catalog::{Condition, ReadyDocument, ReadyPlaybook};
use crate::clock::{Clock, Instant};
use crate::diagnostic::nearest;
use crate::playbook::Duration;
use crate::playbook::document::claimed_id;
use crate::playbook::source::SourceFile;
use crate::rehearsal::backtest::{AccountOutcome, Backtest, PastPlay, Period, ReplayedPlaybook, Tally};
use crate::worker::runs::backtest::run_backtest;

/// What is played when nothing says where the period begins.
const USUAL_PERIOD: TimeDelta = TimeDelta::days(365);

/// The outcome of a backtest that names none.
pub const OUTCOME: &str = "account.status == \"churned\"";

/// The span of a backtest that names none.
pub const WITHIN: &str = "90d";

#[derive(Debug, Args)]
pub struct Options {
    /// The id of a playbook, or of a score together with `--below`.
    pub playbook: String,
    /// Of a score: it fires for whom it falls below this value.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, value_parser = threshold)]
    pub below: Option<f64>,
    /// The first instant of the period; a date is its beginning in UTC. A year before `--to` when absent.
    #[arg(long, value_name = "INSTANT", value_parser = beginning)]
    pub from: Option<Instant>,
    /// The last instant of the period; a date is its end in UTC. Now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = end)]
    pub to: Option<Instant>,
    /// What the playbook should come before: a condition on the account, as in `when`.
    #[arg(long, value_name = "CONDITION", default_value = OUTCOME)]
    pub outcome: String,
    /// How long after it fired the outcome still counts as foreseen.
    #[arg(long, value_name = "DURATION", default_value = WITHIN, value_parser = span)]
    pub within: TimeDelta,
    /// Leave out how often the other playbooks would have fired beside it; beside a score none are played.
    #[arg(long)]
    pub alone: bool,
    /// Also write each firing to this file, as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also draw the firings of each week into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let made = answer_unless(global, options, tokio::signal::ctrl_c()).await?;
    if let Some(file) = &options.csv {
        write(file, &chart::csv(made.tally()))?;
    }
    if let Some(file) = &options.svg {
        write(file, &chart::svg(&made.period(), made.tally()))?;
    }
    match (&made, options.format) {
        (_, Format::Json) => output::json(&to_json(&made)),
        (FinishedBacktest::Playbook(made), _) => print::print(made),
        (FinishedBacktest::Score(made), _) => score::print(made),
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays the playbook or the score on the past; writes no file.
pub async fn answer(global: &Global, options: &Options) -> anyhow::Result<FinishedBacktest> {
    answer_unless(global, options, std::future::pending::<()>()).await
}

/// The same, unless something completes before.
async fn answer_unless(global: &Global, options: &Options, cancelled: impl Future) -> anyhow::Result<FinishedBacktest> {
    let database = Database::open_customers(global, 4).await?;
    let made = tokio::select! {
        made = make(global, &database, options) => made,
        _ = cancelled => Err(anyhow::anyhow!("the backtest was cancelled; nothing was written")),
    };
    database.close().await;
    made
}

/// The whole answer, as JSON.
pub fn to_json(made: &FinishedBacktest) -> serde_json::Value {
    let answer = match made {
        FinishedBacktest::Playbook(made) => print::as_json(made),
        FinishedBacktest::Score(made) => score::as_json(made),
    };
    serde_json::json!({ "backtest": answer })
}

fn write(file: &PathBuf, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// A finished backtest.
pub enum FinishedBacktest {
    Playbook(PlaybookBacktest),
    Score(score::FinishedScoreBacktest),
}

/// One of a playbook.
pub struct PlaybookBacktest {
    playbook: Arc<ReadyPlaybook>,
    backtest: Arc<Backtest>,
    tally: Tally,
    /// Playbooks that are not compared, with why.
    left_out: Vec<String>,
}

impl FinishedBacktest {
    fn period(&self) -> Period {
        match self {
            FinishedBacktest::Playbook(made) => made.backtest.period(),
            FinishedBacktest::Score(made) => made.backtest.period(),
        }
    }

    fn tally(&self) -> &Tally {
        match self {
            FinishedBacktest::Playbook(made) => &made.tally,
            FinishedBacktest::Score(made) => &made.tally.whole,
        }
    }
}

async fn make(global: &Global, database: &Database, options: &Options) -> anyhow::Result<FinishedBacktest> {
    let now = Clock::System.now();
    let to = options.to.unwrap_or(now);
    let from = options.from.or_else(|| to.checked_sub_signed(USUAL_PERIOD));
    let period = Period { from: from.context("`--to` lies too far back")?, to };
    anyhow::ensure!(period.from < period.to, "`--from` is not before `--to`");
    anyhow::ensure!(period.to <= now, "`--to` lies in the future: a backtest plays what was");
    let checked = check_against(global, &[], database.store.schema().clone());
    let subject = BacktestSubject::find(&checked, &options.playbook, options.below)?;
    let schema = &checked.schema;
    let condition = Condition::compile("--outcome", &options.outcome, &checked.sources, &checked.config, schema)
        .map_err(|problems| refuse("`--outcome` has errors", &problems, &|_| Some(options.outcome.as_str().into())))?;
    let outcome = AccountOutcome::new(condition, options.within, period.from, period.to, now);
    match subject {
        BacktestSubject::Playbook(playbook) => {
            let (backtest, left_out) = prepare(&checked, &playbook, options, period, outcome)?;
            let tally = play(database, &checked, backtest.clone()).await?;
            Ok(FinishedBacktest::Playbook(PlaybookBacktest { playbook, backtest, tally, left_out }))
        }
        BacktestSubject::Score(score, below) => {
            let made = score::make(database, &checked, score, below, period, outcome).await?;
            Ok(FinishedBacktest::Score(made))
        }
    }
}

/// What is played, as its file stands.
enum BacktestSubject {
    Playbook(Arc<ReadyPlaybook>),
    Score(Arc<ReadyDocument>, f64),
}

impl BacktestSubject {
    /// That of an id; `below` is for scores, and each of them needs it.
    fn find(checked: &Checked, id: &str, below: Option<f64>) -> anyhow::Result<BacktestSubject> {
        if let Some(playbook) = checked.playbooks.iter().find(|ready| ready.playbook.id == id) {
            anyhow::ensure!(below.is_none(), "{}", score::refuse_playbook(checked, id));
            return Ok(BacktestSubject::Playbook(playbook.clone()));
        }
        if let Some(document) = checked.documents.iter().find(|ready| ready.document.id == id) {
            let below = score::threshold_of(document, below)?;
            return Ok(BacktestSubject::Score(document.clone(), below));
        }
        if checked.known.iter().any(|known| known == id) {
            return Err(checked.refuse(&format!("the playbook `{id}` has errors")));
        }
        let is_claimed = |file: &SourceFile| claimed_id(&file.text).is_some_and(|claimed| claimed == id);
        if checked.sources.playbooks.iter().any(is_claimed) {
            return Err(checked.refuse(&format!("`{id}` has errors")));
        }
        let scores = score::ids(checked);
        let names = checked.known.iter().map(String::as_str).chain(scores.iter().copied());
        let near = nearest(id, names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        anyhow::bail!("there is no playbook and no score `{id}`{near}");
    }
}

/// A playbook with those that it is compared with; and those that are not, with why.
fn prepare(
    checked: &Checked,
    playbook: &Arc<ReadyPlaybook>,
    options: &Options,
    period: Period,
    outcome: AccountOutcome,
) -> anyhow::Result<(Arc<Backtest>, Vec<String>)> {
    let replayed = |ready: &Arc<ReadyPlaybook>| ReplayedPlaybook::new(ready.clone(), &period, &checked.config);
    let main = replayed(playbook).with_context(|| format!("{} cannot be replayed", playbook.playbook.id))?;
    let (mut others, mut left_out) = (Vec::new(), Vec::new());
    for other in checked.playbooks.iter().filter(|other| !options.alone && !Arc::ptr_eq(other, playbook)) {
        match replayed(other) {
            Ok(replayed) => others.push(replayed),
            Err(why) => left_out.push(format!("{}: {why}", other.playbook.id)),
        }
    }
    let backtest = Backtest::new(main, others, period, outcome, &checked.config, &checked.schema);
    Ok((Arc::new(backtest), left_out))
}

/// Plays it on all accounts, with the progress shown.
async fn play<P: PastPlay>(database: &Database, checked: &Checked, backtest: Arc<P>) -> anyhow::Result<P::Sum> {
    let of = database.store.account_count().await?;
    let touch_events = &checked.config.store.touch_events;
    let mut progress = |done: u64| show_progress(done, of);
    let sum = run_backtest(&database.store, backtest, touch_events, &mut progress).await;
    end_progress();
    sum
}

fn show_progress(done: u64, of: i64) {
    if output::can_replace_lines() {
        output::replace_line(&format!("{done} of {of} accounts"));
    }
}

fn end_progress() {
    if output::can_replace_lines() {
        output::replace_line("");
    }
}

/// An instant, or the beginning of a date.
pub fn beginning(text: &str) -> Result<Instant, String> {
    day(text).map_or_else(|| instant(text), Ok)
}

/// An instant, or the end of a date.
pub fn end(text: &str) -> Result<Instant, String> {
    let last = day(text).and_then(|day| day.checked_add_signed(TimeDelta::days(1) - TimeDelta::microseconds(1)));
    last.map_or_else(|| instant(text), Ok)
}

fn day(text: &str) -> Option<Instant> {
    let date: chrono::NaiveDate = text.parse().ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc())
}

fn instant(text: &str) -> Result<Instant, String> {
    super::instant(text).map_err(|_| {
        format!("`{text}` is neither a date nor an instant; write it as 2026-03-02 or as 2026-03-02T09:00:00Z")
    })
}

/// A span of whole days, hours or minutes.
pub fn span(text: &str) -> Result<TimeDelta, String> {
    match Duration::parse(text) {
        Some(Duration::Seconds(seconds)) if seconds > 0 => {
            TimeDelta::try_seconds(seconds).ok_or_else(|| format!("`{text}` is too long"))
        }
        _ => Err(format!("`{text}` is no duration; write it as 90d or 2w")),
    }
}

/// A value that a score can lie below.
pub fn threshold(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 100.0 => Ok(value),
        Ok(_) => {
            Err(format!("no score lies below `{text}` and another not: write a value above 0, up to 100, such as 40"))
        }
        Err(_) => Err(format!("`{text}` is no number; write a value above 0, up to 100, such as 40")),
    }
}
