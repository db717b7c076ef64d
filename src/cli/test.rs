//! `keepwell test`: the playbooks' own cases, in memory, on a frozen clock, and
//! what they hold down.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::check::{Checked, check, name_paths};
use super::junit::{self, CaseOutcome, CaseResult, Suite};
use super::repository::Repository;
use super::{Global, output};
use crate::catalog::ReadyPlaybook;
use crate::diagnostic::{Diagnostic, render_lines};
use crate::rehearsal::mutants::{Mutant, Noticed, try_all};
use crate::rehearsal::{self, CaseReport, Coverage, Failure, Gap, PlaybookReport, coverage, play_all};

/// How the answer of `test` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestFormat {
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
    path: Vec<PathBuf>,
    /// A facts file instead of the default store's catalogue.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also turn each comparison, number, `&&` and `||` of the conditions, one at a time, and list the mistakes
    /// that no case notices.
    #[arg(long)]
    mutants: bool,
    /// Also list what no case tries: clauses of `when` that were never true or never false, steps, ways of branches
    /// and waits.
    #[arg(long)]
    coverage: bool,
    /// Write `expect:` of the cases that fail anew, from what happened. Read the difference before you keep it.
    #[arg(long)]
    update: bool,
    /// No cases at all are no error.
    #[arg(long)]
    allow_empty: bool,
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    format: TestFormat,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let mut checked = check(global, &options.path, options.facts.as_deref());
    if checked.has_errors() {
        checked.print_to_stderr();
    }
    let mut reports = play_all(&checked.playbooks, &checked.config, &checked.schema);
    if options.update && update(&checked, &reports)? {
        checked = check(global, &options.path, options.facts.as_deref());
        reports = play_all(&checked.playbooks, &checked.config, &checked.schema);
    }
    if (options.mutants || options.coverage) && matches!(options.format, TestFormat::Line | TestFormat::Junit) {
        anyhow::bail!("--mutants and --coverage are for people; `--format json` lists what they find, too");
    }
    let mut failed = 0;
    let mut rows = Vec::new();
    for report in &reports {
        for case in &report.cases {
            failed += usize::from(!case.passed);
            rows.push(json!({
                "playbook": report.playbook,
                "file": report.file,
                "name": case.name,
                "passed": case.passed,
                "line": case.place.line,
                "difference": case.difference,
                "failures": case.failures.iter().map(|failure| json!({
                    "line": failure.place.line, "column": failure.place.column, "message": failure.message
                })).collect::<Vec<_>>(),
            }));
        }
    }
    // Of a playbook that fails already, no case would notice anything new.
    let passed = |file: &str| reports.iter().any(|report| *report.file == *file && report.passed());
    let tried: Vec<Tried> = match options.mutants {
        true => checked
            .playbooks
            .iter()
            .filter(|ready| passed(&ready.playbook.file))
            .map(|ready| tried(ready, &checked))
            .collect(),
        false => Vec::new(),
    };
    let covered: Vec<Coverage> = match options.coverage {
        true => checked.playbooks.iter().map(|ready| coverage(ready, &checked.config, &checked.schema)).collect(),
        false => Vec::new(),
    };
    match options.format {
        TestFormat::Json => {
            let mut report = json!({ "tests": rows });
            if options.mutants {
                report["mutants"] = tried.iter().map(Tried::as_json).collect();
            }
            if options.coverage {
                report["coverage"] = covered.iter().map(coverage_as_json).collect();
            }
            output::json(&report);
        }
        TestFormat::Line => output::text(&render_lines(&reports.iter().flat_map(failures).collect::<Vec<_>>())),
        TestFormat::Junit => output::text(&junit::render("keepwell test", &suites(&reports))),
        TestFormat::Human => {
            reports.iter().for_each(print);
            say!("{} passed, {failed} failed", rows.len() - failed);
            tried.iter().for_each(Tried::print);
            covered.iter().for_each(print_coverage);
        }
    }
    if !options.allow_empty && !checked.has_errors() {
        checked.need_playbooks(global, &options.path)?;
        if rows.is_empty() {
            let paths = name_paths(global, &options.path);
            anyhow::bail!("no playbook in {paths} has cases: write `tests:` into one, or say --allow-empty");
        }
    }
    Ok(if failed > 0 || checked.has_errors() { ExitCode::from(1) } else { ExitCode::SUCCESS })
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

/// Prints what no case of a playbook tries.
fn print_coverage(coverage: &Coverage) {
    let Coverage { playbook, file, parts, gaps } = coverage;
    say!("{playbook} ({file}): the cases try {} of {parts}", parts - gaps.len());
    for Gap { place, message } in gaps {
        say!("  {file}:{}:{}: {message}", place.line, place.column);
    }
}

fn coverage_as_json(coverage: &Coverage) -> serde_json::Value {
    let gap = |gap: &Gap| json!({ "line": gap.place.line, "column": gap.place.column, "message": gap.message });
    json!({
        "playbook": coverage.playbook,
        "file": coverage.file,
        "parts": coverage.parts,
        "gaps": coverage.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

/// Prints what came of a playbook's cases.
fn print(report: &PlaybookReport) {
    let passed = report.cases.iter().filter(|case| case.passed).count();
    say!("{} ({}): {passed} of {} cases passed", report.playbook, report.file, report.cases.len());
    for case in report.cases.iter().filter(|case| !case.passed) {
        say!("  FAILED: {}", case.name);
        for failure in &case.failures {
            say!("    {}:{}:{}: {}", report.file, failure.place.line, failure.place.column, failure.message);
        }
        if !case.difference.is_empty() {
            say!("    expected (-) and happened (+):");
            case.difference.iter().for_each(|line| say!("      {line}"));
        }
        say!("    what happened:");
        for happening in &case.happened {
            say!("      {}", happening.describe());
        }
    }
}

/// Each failure with its place.
fn failures(report: &PlaybookReport) -> Vec<Diagnostic> {
    let of_case = |case: &CaseReport| {
        let name = case.name.clone();
        let one = move |failure: &Failure| {
            Diagnostic::error("KW0503", &report.file, failure.place, format!("{name}: {}", failure.message))
        };
        case.failures.iter().map(one).collect::<Vec<_>>()
    };
    report.cases.iter().flat_map(of_case).collect()
}

/// A suite for each playbook.
fn suites(reports: &[PlaybookReport]) -> Vec<Suite> {
    let repository = Repository::find();
    let suite = |report: &PlaybookReport| Suite {
        name: report.playbook.clone(),
        file: repository.name(&report.file),
        results: report.cases.iter().map(|case| result(case, &repository.name(&report.file))).collect(),
    };
    reports.iter().map(suite).collect()
}

fn result(case: &CaseReport, file: &str) -> CaseResult {
    let place =
        |failure: &Failure| format!("{file}:{}:{}: {}\n", failure.place.line, failure.place.column, failure.message);
    let outcome = match case.failures.first() {
        None => CaseOutcome::Passed,
        Some(first) => {
            let happened = case.happened.iter().map(|happening| format!("  {}\n", happening.describe()));
            let difference = case.difference.iter().map(|line| format!("{line}\n"));
            let details = case.failures.iter().map(place).chain(difference);
            let details = details.chain(["what happened:\n".to_owned()]).chain(happened);
            CaseOutcome::Failed { message: first.message.clone(), details: details.collect() }
        }
    };
    CaseResult { name: case.name.clone(), line: case.place.line, outcome }
}

/// What came of the mistakes that can be made in one playbook.
struct Tried {
    playbook: String,
    file: Arc<str>,
    all: usize,
    by_check: usize,
    missed: Vec<Mutant>,
}

fn tried(ready: &ReadyPlaybook, checked: &Checked) -> Tried {
    let tried = try_all(ready, &checked.sources, &checked.known, &checked.config, &checked.schema);
    Tried {
        playbook: ready.playbook.id.clone(),
        file: ready.playbook.file.clone(),
        all: tried.len(),
        by_check: tried.iter().filter(|(_, noticed)| *noticed == Noticed::ByCheck).count(),
        missed: tried.into_iter().filter(|(_, noticed)| *noticed == Noticed::Not).map(|(mutant, _)| mutant).collect(),
    }
}

impl Tried {
    fn print(&self) {
        let Tried { playbook, file, all, by_check, missed } = self;
        let by_cases = all - by_check - missed.len();
        say!("{playbook} ({file}): {all} mistakes tried, {by_check} noticed by check, {by_cases} by a case");
        for mutant in missed {
            let Mutant { place, from, to, .. } = mutant;
            let advice = mutant.advice();
            say!("  {file}:{}:{}: no case notices `{to}` in place of `{from}`: {advice}", place.line, place.column);
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let missed = |mutant: &Mutant| {
            json!({
                "line": mutant.place.line, "column": mutant.place.column, "from": mutant.from, "to": mutant.to,
                "advice": mutant.advice(),
            })
        };
        json!({
            "playbook": self.playbook,
            "file": self.file,
            "tried": self.all,
            "noticed_by_check": self.by_check,
            "missed": self.missed.iter().map(missed).collect::<Vec<_>>(),
        })
    }
}
