//! `keepwell test`: the playbooks' own cases, in memory, on a frozen clock.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::check::check;
use super::{Format, Global, output};
use crate::rehearsal::play_all;

#[derive(Debug, Args)]
pub struct Options {
    /// Files or folders; the playbooks' folder when none is given.
    path: Vec<PathBuf>,
    /// A facts file instead of the default store's catalogue.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let checked = check(global, &options.path, options.facts.as_deref());
    if checked.has_errors() {
        checked.print(Format::Human, true);
    }
    let reports = play_all(&checked.playbooks, &checked.config, &checked.schema);
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
                "failures": case.failures.iter().map(|failure| json!({
                    "line": failure.place.line, "column": failure.place.column, "message": failure.message
                })).collect::<Vec<_>>(),
            }));
        }
    }
    if options.format == Format::Json {
        output::json(&json!({ "tests": rows }));
    } else {
        for report in &reports {
            let passed = report.cases.iter().filter(|case| case.passed).count();
            say!("{} ({}): {passed} of {} cases passed", report.playbook, report.file, report.cases.len());
            for case in report.cases.iter().filter(|case| !case.passed) {
                say!("  FAILED: {}", case.name);
                for failure in &case.failures {
                    say!("    {}:{}:{}: {}", report.file, failure.place.line, failure.place.column, failure.message);
                }
                say!("    what happened:");
                for happening in &case.happened {
                    say!("      {}", happening.told());
                }
            }
        }
        say!("{} passed, {failed} failed", rows.len() - failed);
    }
    Ok(if failed > 0 || checked.has_errors() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
