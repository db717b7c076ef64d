//! `keepwell import`: files into the customer store.
//!
//! `progress` shows how far it got, `summary` what became of each file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::database::{self, Database};
use super::run::stop_signal;
use super::{Global, output};
use crate::clock::Clock;
use crate::import::change::ChangeReader;
use crate::import::file::{self, Batch, Unreadable};
use crate::import::relation::Relation;
use crate::import::row::Mapping;
use crate::postgres::describe_error;
use crate::store::Store;
use crate::store::customers::import::Import;

mod progress;
mod summary;

use progress::Progress;
use summary::{Summary, as_json, is_stdin, print};

#[derive(Debug, Args)]
pub struct Options {
    /// Where the rows go.
    #[arg(value_name = "RELATION", value_parser = Relation::NAMES)]
    relation: String,
    /// CSV or JSON Lines; `-` is stdin.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Check everything, say what would happen, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// This column stands under that header (repeat it for more); the column
    /// may be traits.KEY or properties.KEY. Of changes also: this column of
    /// accounts has that name in the file.
    #[arg(long, value_name = "COLUMN=HEADER", value_parser = pair)]
    map: Vec<(String, String)>,
    /// Pass headers over that are no columns, and changes of what is no column
    /// of accounts.
    #[arg(long)]
    ignore_unknown: bool,
    /// How the files are written: csv or jsonl (by default their endings say
    /// it, and stdin is CSV); and how the answer is: human or json.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Vec<ImportFormat>,
    /// What separates the fields of CSV: one character, or `tab`.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Leave rows alone whose key is there.
    #[arg(long)]
    only_new: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ImportFormat {
    Csv,
    Jsonl,
    Human,
    Json,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let relation = Relation::named(&options.relation).context("there is no such relation")?;
    if !global.demo {
        let own = database::store_map(global)?.relations;
        anyhow::ensure!(
            !own.contains_key(relation.name),
            "`{0}` is read from the company's own relation (`store.{0}` of the configuration): write there",
            relation.name
        );
        anyhow::ensure!(
            relation.name != "changes" || !own.contains_key("accounts"),
            "`accounts` are read from the company's own relation, and so is their history: name it as `store.changes` in \
             the configuration"
        );
    }
    // All of them before the first row is written.
    let mut sources = Vec::new();
    for path in &options.files {
        sources.push((path, format(path, options)?, open(path)?));
    }
    let database = Database::open_customers(global, 2).await?;
    let (relation, mapping, reader) = match prepare(&database.store, relation, options).await {
        Ok(prepared) => prepared,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    let stop = stop_signal();
    let mut summaries = Vec::new();
    for (path, format, (input, length)) in sources {
        if *stop.borrow() {
            break;
        }
        let batches = read(input, mapping.clone(), format);
        let import = match &reader {
            Some(reader) => Import::of_changes(relation.clone(), reader.clone(), options.only_new, options.dry_run),
            None => Import::new(relation.clone(), options.only_new, options.dry_run),
        };
        let progress = Progress::new(path, length, options.dry_run);
        let summary = take_in(&database.store, import, batches, progress, stop.clone()).await;
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };
        if !options.format.contains(&ImportFormat::Json) {
            print(&summary, &relation, path, options.dry_run);
        }
        summaries.push((path, summary));
    }
    if !options.dry_run
        && let Err(error) = database.store.record_inventory(Clock::System.now()).await
    {
        // The daemon looks within the hour; the rows are there.
        tracing::warn!("the names in the customer store could not be looked at: {}", describe_error(&error));
    }
    database.close().await;
    if options.format.contains(&ImportFormat::Json) {
        let rows: Vec<_> = summaries.iter().map(|(path, one)| as_json(one, &relation, path, options.dry_run)).collect();
        output::json(&json!({ "import": rows }));
    }
    let sound = summaries.len() == options.files.len() && summaries.iter().all(|(_, summary)| summary.is_sound());
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The relation with its columns, what the headers of files mean, and what
/// reads changes, where they are changes.
async fn prepare(
    store: &Store,
    relation: &Relation,
    options: &Options,
) -> anyhow::Result<(Arc<Relation>, Mapping, Option<ChangeReader>)> {
    let found = Arc::new(store.importable(relation).await.context("the columns cannot be read")?);
    let mapping = |pairs: &[(String, String)]| {
        Mapping::new(found.clone(), pairs, options.ignore_unknown).map_err(anyhow::Error::msg)
    };
    if relation.name != "changes" {
        return Ok((found.clone(), mapping(&options.map)?, None));
    }
    let accounts = Relation::named("accounts").context("there is no relation of accounts")?;
    let accounts = store.importable(accounts).await.context("the columns cannot be read")?;
    // Columns of the file, and columns of accounts by the names that the file gives them.
    let (headers, names): (Vec<_>, Vec<_>) =
        options.map.iter().cloned().partition(|(column, _)| relation.position(column).is_some());
    let reader = ChangeReader::new(accounts, &names, options.ignore_unknown, Clock::System.now());
    Ok((found.clone(), mapping(&headers)?, Some(reader.map_err(anyhow::Error::msg)?)))
}

fn format(path: &Path, options: &Options) -> anyhow::Result<file::Format> {
    let named = options.format.iter().find(|format| matches!(format, ImportFormat::Csv | ImportFormat::Jsonl));
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let csv = |usual| file::Format::Csv { delimiter: options.delimiter.unwrap_or(usual) };
    match (named, ending.as_str()) {
        (Some(ImportFormat::Jsonl), _) => Ok(file::Format::JsonLines),
        (Some(_), "tsv") | (None, "tsv") => Ok(csv(b'\t')),
        (Some(_), _) | (None, "csv") => Ok(csv(b',')),
        (None, "jsonl" | "ndjson" | "json") => Ok(file::Format::JsonLines),
        (None, _) if is_stdin(path) => Ok(csv(b',')),
        (None, _) => anyhow::bail!("{}: unknown file type; add --format csv or --format jsonl", path.display()),
    }
}

/// A file with its length in bytes, as far as it has one.
fn open(path: &Path) -> anyhow::Result<(Box<dyn BufRead + Send>, Option<u64>)> {
    const BUFFER: usize = 1 << 16;
    if is_stdin(path) {
        return Ok((Box::new(BufReader::with_capacity(BUFFER, std::io::stdin())), None));
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let about = file.metadata()?;
    anyhow::ensure!(!about.is_dir(), "{} is a folder", path.display());
    let length = about.is_file().then_some(about.len());
    Ok((Box::new(BufReader::with_capacity(BUFFER, file)), length))
}

/// Reads a file on a thread of its own, a few batches ahead. The thread is not
/// waited for: one that waits for stdin must not keep the program.
fn read(
    input: Box<dyn BufRead + Send>,
    mapping: Mapping,
    format: file::Format,
) -> mpsc::Receiver<Result<Batch, Unreadable>> {
    let (give, batches) = mpsc::channel(2);
    std::thread::spawn(move || {
        let done = file::read(input, &mapping, format, &mut |batch| give.blocking_send(Ok(batch)).is_ok());
        if let Err(unreadable) = done {
            let _ = give.blocking_send(Err(unreadable));
        }
    });
    batches
}

/// Imports the batches of a file. The one at hand is finished when a person
/// ends the import.
async fn take_in(
    store: &Store,
    mut import: Import,
    mut batches: mpsc::Receiver<Result<Batch, Unreadable>>,
    mut progress: Progress,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    loop {
        let next = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => {
                summary.interrupted = true;
                break;
            }
            next = batches.recv() => next,
        };
        match next {
            None => break,
            Some(Err(Unreadable::File(problems))) => {
                summary.list(problems);
                break;
            }
            Some(Err(Unreadable::Io(error))) => {
                summary.unreadable = Some(format!("cannot be read further: {error}"));
                break;
            }
            Some(Ok(batch)) => {
                let outcome = import.batch(store, &batch.rows).await.with_context(|| {
                    format!("the database failed after line {}; the same command again goes on", summary.line)
                })?;
                summary.read += (batch.rows.len() + batch.problems.len()) as u64;
                summary.new += outcome.new;
                summary.changed += outcome.changed;
                summary.unchanged += outcome.unchanged;
                summary.without_account += outcome.without_account;
                summary.recorded += outcome.recorded;
                summary.ignored += outcome.ignored;
                let mut problems = batch.problems;
                problems.extend(outcome.problems);
                problems.sort_by_key(|problem| problem.line);
                summary.add(problems);
                summary.line = batch.line;
                progress.show(&summary, batch.bytes);
            }
        }
    }
    progress.clear();
    summary.padded = import.padded().clone();
    Ok(summary)
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, header)) if !column.is_empty() && !header.is_empty() => {
            Ok((column.trim().to_owned(), header.trim().to_owned()))
        }
        _ => Err("write it as COLUMN=HEADER, such as id=\"Account ID\"".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() && !b"\"\r\n\0".contains(&byte) => Ok(byte),
        _ => Err("it must be one character, such as ; or tab".to_owned()),
    }
}
