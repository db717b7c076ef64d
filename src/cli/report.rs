//! `keepwell report`: what an account got, before and after.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::{DurationRound, TimeDelta};
use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use super::database::{Database, configuration};
use super::run::{no_variables, shared};
use super::{Global, output};
use crate::clock::{Clock, Instant};
use crate::config::DEFAULT_LANGUAGE;
use crate::delivery::Channel;
use crate::diagnostic::nearest;
use crate::playbook::document::REPORT_WORD;
use crate::store::customers::data_subject::Person;
use crate::value_report::{ReportedFigure, Sheet, SheetRow, ValueReport, pdf, plain_text};
use crate::worker::Shared;
use crate::worker::documents::report_view;

#[derive(Debug, Args)]
pub struct Options {
    /// The document that says what is in it.
    id: String,
    /// Whose report it is.
    account: String,
    /// As of this instant: the report that is kept, else as it would be made; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    /// For readers of this locale, such as `zh`; the account's when absent.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Writes it into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// A PDF, which needs `--out`.
    Pdf,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let at = options.at.unwrap_or_else(|| now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now));
    if options.format == ReportFormat::Pdf && options.out.is_none() {
        bail!("name the file that the PDF is written into, such as `--out report.pdf`");
    }
    let config = configuration(global)?;
    let language = config.language.clone().unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned());
    let database = Database::open_customers(global, 3).await?;
    let answer = async {
        let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
        find(&shared, options, at).await
    };
    let answer = answer.await;
    database.close().await;
    let report = answer?;
    let locale = options.locale.as_deref().or(report.locale.as_deref()).unwrap_or(&language);
    let sheet = Sheet::of(&report, locale, &language);
    let Some(file) = &options.out else {
        match options.format {
            ReportFormat::Json => output::json(&describe(&report, &sheet)),
            _ => plain_text(&sheet).lines().for_each(|line| say!("{line}")),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let bytes = match options.format {
        ReportFormat::Text => format!("{}\n", plain_text(&sheet)).into_bytes(),
        ReportFormat::Json => serde_json::to_vec_pretty(&describe(&report, &sheet))?,
        ReportFormat::Pdf => pdf(&sheet),
    };
    std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    say!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

async fn find(shared: &Shared, options: &Options, at: Instant) -> anyhow::Result<ValueReport> {
    let (store, id, account) = (&shared.store, options.id.as_str(), options.account.as_str());
    match report_view::look(shared, id, account, at).await? {
        Some(Ok(report)) => return Ok(report),
        Some(Err(why)) => bail!("this version of Keepwell cannot make the report `{id}`: {why}"),
        None => {}
    }
    let documents = store.published_documents().await?;
    let reports: Vec<&str> = documents
        .iter()
        .filter(|known| known.kind == REPORT_WORD && known.present)
        .map(|known| known.id.as_str())
        .collect();
    if !reports.contains(&id) {
        let near = nearest(id, reports).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        bail!("no document makes a report `{id}`{near}");
    }
    if !store.knows(&Person::new(account, None)).await? {
        bail!("nothing is known of an account `{account}`");
    }
    bail!("the account `{account}` is not in the customer store any more")
}

fn describe(report: &ValueReport, sheet: &Sheet) -> Json {
    let figure = |(figure, row): (&ReportedFigure, &SheetRow)| {
        let missing = [&figure.before, &figure.after].into_iter().find(|reading| reading.value().is_none());
        json!({
            "id": figure.id,
            "label": row.label,
            "before": figure.before.value(),
            "after": figure.after.value(),
            "change": figure.change(),
            "rate": figure.rate.map(|rate| rate.value),
            "rate_is_own": figure.rate.map(|rate| rate.is_own),
            "worth": figure.worth(),
            "gain": figure.gain(),
            "missing": missing,
        })
    };
    json!({
        "report": report.report,
        "account": report.account,
        "account_name": report.account_name,
        "title": sheet.title,
        "language": sheet.language,
        "begin": report.begin(),
        "at": report.at,
        "currency": report.currency,
        "gain": report.gain(),
        "figures": report.figures.iter().zip(&sheet.rows).map(figure).collect::<Vec<_>>(),
        "goals": report.goals,
    })
}
