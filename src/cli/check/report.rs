//! How `check` answers: for people, for editors and for the tools around a
//! repository.

use clap::ValueEnum;

use super::findings::Checked;
use crate::cli::junit::{self, CaseOutcome, CaseResult, Suite};
use crate::cli::output;
use crate::cli::repository::Repository;
use crate::diagnostic::{Diagnostic, render_annotations, render_human, render_json, render_lines, render_sarif};

/// How the answer of `check` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Human,
    /// One line each: `path:line:col: error[CODE]: message`.
    Line,
    /// One JSON document.
    Json,
    /// Annotations of a pull request: GitHub's workflow commands.
    Github,
    /// A SARIF 2.1.0 log, for code scanning.
    Sarif,
    /// JUnit's XML.
    Junit,
}

impl CheckFormat {
    /// Whether a sentence may follow.
    pub fn is_prose(self) -> bool {
        matches!(self, CheckFormat::Human | CheckFormat::Github)
    }
}

/// Prints what was found. `strict`: a warning is a failure, too.
pub fn print(checked: &Checked, format: CheckFormat, strict: bool) {
    let Checked { diagnostics, allowed_warnings, .. } = checked;
    let repository = Repository::find();
    let path = |file: &str| repository.name(file);
    match format {
        CheckFormat::Human => {
            output::text(&render_human(diagnostics, &|file: &str| checked.text(file), false));
        }
        CheckFormat::Line => output::text(&render_lines(diagnostics)),
        CheckFormat::Json => output::json_text(render_json(diagnostics, allowed_warnings).trim_end()),
        CheckFormat::Github => output::text(&render_annotations(diagnostics, &path)),
        CheckFormat::Sarif => output::json_text(render_sarif(diagnostics, allowed_warnings, &path).trim_end()),
        CheckFormat::Junit => output::text(&junit::render("keepwell check", &suites(checked, strict, &path))),
    }
}

/// A suite for each file, also for one with nothing wrong.
fn suites(checked: &Checked, strict: bool, path: &dyn Fn(&str) -> String) -> Vec<Suite> {
    let sources = &checked.sources;
    let read = sources.playbooks.iter().map(|file| &*file.path).chain(sources.scripts.iter().map(|file| &*file.path));
    let mut files: Vec<&str> = read.chain(checked.diagnostics.iter().map(|problem| problem.file.as_str())).collect();
    files.sort_unstable();
    files.dedup();
    let suite = |file: &str| {
        let found = checked.diagnostics.iter().filter(|problem| problem.file == file);
        let mut results: Vec<CaseResult> = found.map(|problem| result(problem, strict)).collect();
        if results.is_empty() {
            results.push(CaseResult { name: "check".to_owned(), line: 1, outcome: CaseOutcome::Passed });
        }
        Suite { name: path(file), file: path(file), results }
    };
    files.into_iter().map(suite).collect()
}

fn result(problem: &Diagnostic, strict: bool) -> CaseResult {
    let details = render_lines(std::slice::from_ref(problem)).trim_end().to_owned();
    let outcome = match problem.is_error() || strict {
        true => CaseOutcome::Failed { message: problem.message.clone(), details },
        false => CaseOutcome::Remarked(details),
    };
    CaseResult { name: format!("{} at {}:{}", problem.code, problem.line, problem.column), line: problem.line, outcome }
}
