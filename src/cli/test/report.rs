//! What came of the cases, for people, for editors and for programs.

use serde_json::{Value as Json, json};

use super::tried::TriedMistakes;
use super::{Played, TestFormat};
use crate::cli::junit::{self, CaseOutcome, CaseResult, Suite};
use crate::cli::output;
use crate::cli::repository::Repository;
use crate::diagnostic::{Diagnostic, render_lines};
use crate::rehearsal::{CaseReport, Coverage, Failure, Gap, PlaybookReport};

/// Prints everything.
pub fn print(played: &Played, format: TestFormat) {
    let Played { reports, tried, covered, .. } = played;
    match format {
        TestFormat::Json => output::json(&played.to_json()),
        TestFormat::Line => output::text(&render_lines(&reports.iter().flat_map(failures).collect::<Vec<_>>())),
        TestFormat::Junit => output::text(&junit::render("keepwell test", &suites(reports))),
        TestFormat::Human => {
            reports.iter().for_each(print_report);
            let cases = || reports.iter().flat_map(|report| &report.cases);
            let passed = cases().filter(|case| case.passed).count();
            say!("{passed} passed, {} failed", cases().count() - passed);
            tried.iter().flatten().for_each(TriedMistakes::print);
            covered.iter().flatten().for_each(print_coverage);
        }
    }
}

/// The cases of a playbook.
pub fn cases_to_json(report: &PlaybookReport) -> impl Iterator<Item = Json> {
    report.cases.iter().map(|case| {
        json!({
            "playbook": report.playbook,
            "file": report.file,
            "name": case.name,
            "passed": case.passed,
            "line": case.place.line,
            "difference": case.difference,
            "failures": case.failures.iter().map(|failure| json!({
                "line": failure.place.line, "column": failure.place.column, "message": failure.message
            })).collect::<Vec<_>>(),
        })
    })
}

/// Prints what no case of a playbook tries.
fn print_coverage(coverage: &Coverage) {
    let Coverage { playbook, file, parts, gaps } = coverage;
    say!("{playbook} ({file}): the cases try {} of {parts}", parts - gaps.len());
    for Gap { place, message } in gaps {
        say!("  {file}:{}:{}: {message}", place.line, place.column);
    }
}

/// The same for programs.
pub fn coverage_to_json(coverage: &Coverage) -> Json {
    let gap = |gap: &Gap| json!({ "line": gap.place.line, "column": gap.place.column, "message": gap.message });
    json!({
        "playbook": coverage.playbook,
        "file": coverage.file,
        "parts": coverage.parts,
        "gaps": coverage.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

/// Prints what came of a playbook's cases.
fn print_report(report: &PlaybookReport) {
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
