//! `keepwell test`: the playbooks' own cases, in memory, on a frozen clock, and
//! what they hold down.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::check::{Checked, check, name_paths};
use super::{Format, Global, output};
use crate::catalog::ReadyPlaybook;
use crate::rehearsal::mutants::{Mutant, Noticed, try_all};
use crate::rehearsal::play_all;

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
    /// No cases at all are no error.
    #[arg(long)]
    allow_empty: bool,
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
    if options.format == Format::Json {
        let mut report = json!({ "tests": rows });
        if options.mutants {
            report["mutants"] = tried.iter().map(Tried::as_json).collect();
        }
        output::json(&report);
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
                    say!("      {}", happening.describe());
                }
            }
        }
        say!("{} passed, {failed} failed", rows.len() - failed);
        tried.iter().for_each(Tried::print);
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
