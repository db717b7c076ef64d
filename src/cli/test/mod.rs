//! `keepwell test`: the playbooks' own cases, in memory, on a frozen clock, and
//! what they hold down.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use self::tried::{TriedMistakes, try_mistakes};
use super::Global;
use super::check::{Checked, check, name_paths};
use crate::rehearsal::{self, Coverage, PlaybookReport, coverage, play_all, play_documents};

mod report;
mod tried;
mod watch;

/// How the answer of `test` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people.
    Human,
    /// One line for each failure: `path:line:col: error[KW0503]: case: message`.
    Line,
    /// One JSON document.
    Json,
    /// JUnit's XML.
    Junit,
}

#[derive(Debug, Args)]
pub struct Options {
    /// Files or folders; the playbooks' folder when none is given.
    pub path: Vec<PathBuf>,
    /// A facts file instead of the default store's catalogue.
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Also turn each comparison, number, `&&` and `||` of the conditions, one at a time, and list the mistakes
    /// that no case notices.
    #[arg(long)]
    pub mutants: bool,
    /// Also list what no case tries: clauses of `when`, `goal`, `exit` and `suppress` that were never true or never
    /// false, steps, ways of branches and waits.
    #[arg(long)]
    pub coverage: bool,
    /// Write `expect:` of the cases that fail anew, from what happened. Read the difference before you keep it.
    #[arg(long)]
    pub update: bool,
    /// Play again whenever a playbook, a script, the configuration or the facts file changes, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// No cases at all are no error.
    #[arg(long)]
    pub allow_empty: bool,
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub format: TestFormat,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if (options.mutants || options.coverage) && matches!(options.format, TestFormat::Line | TestFormat::Junit) {
        anyhow::bail!("--mutants and --coverage are for people; `--format json` lists what they find, too");
    }
    if options.watch {
        return watch::run(global, options);
    }
    let played = show(global, options)?;
    Ok(if played.has_failed() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Plays the cases and prints what came of them.
fn show(global: &Global, options: &Options) -> anyhow::Result<Played> {
    let played = play(global, options)?;
    report::print(&played, options.format);
    played.need_cases(global, options)?;
    Ok(played)
}

/// What came of the cases.
pub struct Played {
    checked: Checked,
    reports: Vec<PlaybookReport>,
    /// Where mistakes were tried.
    tried: Option<Vec<TriedMistakes>>,
    /// Where it was asked for.
    covered: Option<Vec<Coverage>>,
}

/// Plays the cases as the options say. What is wrong in the files is on stderr.
pub fn play(global: &Global, options: &Options) -> anyhow::Result<Played> {
    let mut checked = check(global, &options.path, options.facts.as_deref());
    if checked.has_errors() {
        checked.print_to_stderr();
    }
    let mut reports = play_files(&checked);
    if options.update && update(&checked, &reports)? {
        checked = check(global, &options.path, options.facts.as_deref());
        reports = play_files(&checked);
    }
    // Of a playbook that fails already, no case would notice anything new.
    let passed = |file: &str| reports.iter().any(|report| *report.file == *file && report.passed());
    let tried = options.mutants.then(|| {
        let passed = checked.playbooks.iter().filter(|ready| passed(&ready.playbook.file));
        passed.map(|ready| try_mistakes(ready, &checked)).collect()
    });
    let covered = options.coverage.then(|| {
        let of = |ready: &std::sync::Arc<_>| coverage(ready, &checked.config, &checked.schema);
        checked.playbooks.iter().map(of).collect()
    });
    Ok(Played { checked, reports, tried, covered })
}

/// Plays the cases of playbooks, then those of documents.
fn play_files(checked: &Checked) -> Vec<PlaybookReport> {
    let mut reports = play_all(&checked.playbooks, &checked.config, &checked.schema);
    reports.extend(play_documents(&checked.documents, &checked.config, &checked.schema));
    reports
}

impl Played {
    /// Whether a case failed, or something is wrong in the files.
    fn has_failed(&self) -> bool {
        self.checked.has_errors() || !self.reports.iter().all(PlaybookReport::passed)
    }

    /// What is wrong in the files: of these playbooks no case was played.
    pub fn errors(&self) -> Option<Json> {
        self.checked.has_errors().then(|| self.checked.to_json())
    }

    /// The whole answer, as JSON.
    pub fn to_json(&self) -> Json {
        let mut json = json!({ "tests": self.reports.iter().flat_map(report::cases_to_json).collect::<Vec<_>>() });
        if let Some(tried) = &self.tried {
            json["mutants"] = tried.iter().map(TriedMistakes::to_json).collect();
        }
        if let Some(covered) = &self.covered {
            json["coverage"] = covered.iter().map(report::coverage_to_json).collect();
        }
        json
    }

    /// An error where there is no case, so that a wrong folder is no success.
    pub fn need_cases(&self, global: &Global, options: &Options) -> anyhow::Result<()> {
        if options.allow_empty || self.checked.has_errors() {
            return Ok(());
        }
        self.checked.need_playbooks(global, &options.path)?;
        if self.reports.iter().all(|report| report.cases.is_empty()) {
            let paths = name_paths(global, &options.path);
            anyhow::bail!("no playbook in {paths} has cases: write `tests:` into one, or say --allow-empty");
        }
        Ok(())
    }
}

/// Writes the expectations of cases that fail anew; whether any file changed.
fn update(checked: &Checked, reports: &[PlaybookReport]) -> anyhow::Result<bool> {
    let mut has_changed = false;
    for report in reports.iter().filter(|report| !report.passed()) {
        let failed: Vec<&str> =
            report.cases.iter().filter(|case| !case.passed).map(|case| case.name.as_str()).collect();
        let Some(ready) = checked.playbooks.iter().find(|ready| ready.playbook.file == report.file) else { continue };
        let rehearsal::Update { text, cases, left } =
            rehearsal::update(ready, &checked.config, &checked.schema, &failed);
        for name in &cases {
            tell!("{}: wrote `expect:` of the case `{name}` anew", report.file);
        }
        for (name, reason) in left {
            tell!("{}: the case `{name}` stays as it is: {reason}", report.file);
        }
        if !cases.is_empty() {
            std::fs::write(&*report.file, text).with_context(|| format!("{} could not be written", report.file))?;
            has_changed = true;
        }
    }
    Ok(has_changed)
}
