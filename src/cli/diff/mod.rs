//! `keepwell diff`: whom a change of the playbooks touches, beside a git revision,
//! a folder, or what is published. It writes nothing and contacts nobody.

mod git;
mod json;
mod markdown;
mod print;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::check::{Checked, check_against};
use super::database::Database;
use super::run::{no_variables, shared};
use super::{Global, instant, output};
use crate::catalog::{self, ReadyPlaybook};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::diagnostic::{Diagnostic, render_human};
use crate::playbook::source::SourceSet;
use crate::worker::runs::diff::{PlaybookDiff, TextSet, UnusableText, compare_all, published_texts};
use crate::worker::shared::Shared;

#[derive(Debug, Args)]
pub struct Options {
    /// What the playbooks are compared with: a git revision, a folder, or the word `published`.
    #[arg(long, value_name = "REV_OR_DIR")]
    pub against: String,
    /// The slot at which both texts are decided; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub at: Option<Instant>,
    /// Only this playbook.
    #[arg(long, value_name = "ID")]
    pub playbook: Option<String>,
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub format: DiffFormat,
}

/// How the answer of `diff` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// With what the playbooks are compared.
enum Against<'a> {
    Published,
    Folder(&'a Path),
    Revision(&'a str),
}

impl Against<'_> {
    fn of(text: &str) -> Against<'_> {
        match text {
            "published" => Against::Published,
            text if Path::new(text).is_dir() => Against::Folder(Path::new(text)),
            text => Against::Revision(text),
        }
    }
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let comparison = answer(global, options).await?;
    let diffs = &comparison.diffs;
    match options.format {
        DiffFormat::Json => output::json(&to_json(&comparison)),
        DiffFormat::Markdown => output::text(&markdown::render(diffs, &options.against, comparison.slot)),
        DiffFormat::Human => print::print(diffs),
    }
    if comparison.has_errors || diffs.iter().any(|diff| diff.fails) {
        return Ok(ExitCode::from(1));
    }
    let moves = diffs.iter().any(PlaybookDiff::moves_somebody);
    Ok(if moves { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// The whole answer, as JSON.
pub fn to_json(comparison: &Comparison) -> serde_json::Value {
    json::document(&comparison.diffs, comparison.slot)
}

/// What the command answers.
pub struct Comparison {
    pub diffs: Vec<PlaybookDiff>,
    pub slot: Instant,
    /// Whether the present files have errors, which are on stderr.
    pub has_errors: bool,
}

/// Compares as the options say. The database is opened to read only.
pub async fn answer(global: &Global, options: &Options) -> anyhow::Result<Comparison> {
    let global = &Global { read_only: true, ..global.clone() };
    // What cannot be read is said before a database is started.
    let sources = match Against::of(&options.against) {
        Against::Published => None,
        Against::Folder(folder) => Some(folder_sources(global, folder)?),
        Against::Revision(revision) => Some(git::read(revision, &global.playbooks, &global.scripts)?),
    };
    let slot = options.at.unwrap_or_else(|| Clock::System.now());
    let database = Database::open_customers(global, 4).await?;
    let made = make(global, &database, sources, slot).await;
    database.close().await;
    let (mut diffs, has_errors) = made?;
    if let Some(playbook) = &options.playbook {
        diffs.retain(|diff| diff.playbook == *playbook || diff.was.as_ref() == Some(playbook));
        anyhow::ensure!(!diffs.is_empty(), "there is no playbook `{playbook}` on either side");
    }
    Ok(Comparison { diffs, slot, has_errors })
}

/// Compares; says also whether the present files have errors.
async fn make(
    global: &Global,
    database: &Database,
    sources: Option<SourceSet>,
    slot: Instant,
) -> anyhow::Result<(Vec<PlaybookDiff>, bool)> {
    let checked = check_against(global, &[], database.store.schema().clone());
    checked.need_playbooks(global, &[])?;
    let has_errors = checked.has_errors();
    if has_errors {
        checked.print_to_stderr();
    }
    let shared =
        shared(database.store.clone(), checked.config.clone(), Channel::Captured, no_variables(), global.actor_name())?;
    let before = match sources {
        None => published_texts(&shared).await?,
        Some(sources) => earlier_texts(&shared, &sources, &checked)?,
    };
    let Checked { playbooks, sources, diagnostics, .. } = checked;
    let after = text_set(playbooks, &sources, &diagnostics)?;
    Ok((compare_all(&shared, before, after, slot).await?, has_errors))
}

/// The texts of a folder: one of playbooks, or one that holds the folders of
/// playbooks and scripts under the names that they have here.
fn folder_sources(global: &Global, folder: &Path) -> anyhow::Result<SourceSet> {
    let inside = |path: &Path| path.is_relative().then(|| folder.join(path)).filter(|path| path.is_dir());
    let (playbooks, scripts) = match inside(&global.playbooks) {
        Some(playbooks) => (playbooks, inside(&global.scripts).unwrap_or_else(|| folder.join("scripts"))),
        None => (folder.to_owned(), global.scripts.clone()),
    };
    let sources = SourceSet::read(&[PathBuf::clone(&playbooks)], &scripts);
    anyhow::ensure!(!sources.playbooks.is_empty(), "there are no playbooks in `{}`", playbooks.display());
    Ok(sources)
}

/// The texts of the other side, under the present configuration. Its errors are
/// said and stop nothing.
fn earlier_texts(shared: &Shared, sources: &SourceSet, checked: &Checked) -> anyhow::Result<TextSet> {
    let (playbooks, diagnostics) = catalog::load(sources, &[], &shared.config, &checked.schema);
    let errors: Vec<Diagnostic> = diagnostics.iter().filter(|problem| problem.is_error()).cloned().collect();
    if !errors.is_empty() {
        tell!("The earlier texts have errors; what they leave out is not compared:");
        output::error_text(&render_human(&errors, &|file: &str| sources.text(file), false));
    }
    text_set(playbooks, sources, &diagnostics)
}

/// The playbooks of files, and those whose files have errors.
fn text_set(
    playbooks: Vec<Arc<ReadyPlaybook>>,
    sources: &SourceSet,
    diagnostics: &[Diagnostic],
) -> anyhow::Result<TextSet> {
    let is_ready = |file: &str| playbooks.iter().any(|ready| *ready.playbook.file == *file);
    let mut set = TextSet::default();
    for file in sources.playbooks.iter().filter(|file| !is_ready(&file.path)) {
        let error = diagnostics.iter().find(|problem| problem.is_error() && problem.file == *file.path);
        let reason = error
            .map_or("it has errors".to_owned(), |error| format!("{}:{}: {}", error.file, error.line, error.message));
        if let Some(playbook) = catalog::claimed_id(&file.text) {
            set.unusable.push(UnusableText { playbook, reason });
        }
    }
    for ready in playbooks {
        let id = ready.playbook.id.clone();
        // The catalogue was made for this command and nobody else holds it.
        let Some(ready) = Arc::into_inner(ready) else { anyhow::bail!("{id} is in use") };
        set.playbooks.push(ready);
    }
    Ok(set)
}
