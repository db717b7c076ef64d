//! `keepwell check`: every mistake of every file. It needs no database; where
//! there is one, it warns of names that the customer store was never seen to hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Global, output};
use crate::diagnostic;
use findings::check_without_facts;
use output::number_of;
use report::CheckFormat;
use store_at_hand::StoreAtHand;

mod findings;
mod report;
pub(super) mod store_at_hand;

pub use findings::{Checked, check, check_against, check_sources, name_facts_file, name_paths};

#[derive(Debug, Args)]
pub struct Options {
    /// Files or folders; the playbooks' folder when none is given.
    path: Vec<PathBuf>,
    /// A facts file instead of the default store's catalogue.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Against the customer store in the database, with its own columns.
    #[arg(long, conflicts_with = "facts")]
    store: bool,
    /// Say of each clause of `when` whether the database decides it, or only the engine.
    #[arg(long)]
    clauses: bool,
    /// Fail on warnings, too: for CI.
    #[arg(long)]
    strict: bool,
    /// No playbooks at all are no error.
    #[arg(long)]
    allow_empty: bool,
    /// Say what a code means, with a wrong and a right example, and check nothing.
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    format: CheckFormat,
}

/// Prints the page of a code.
fn explain(word: &str) -> anyhow::Result<ExitCode> {
    match diagnostic::find_code(word) {
        Ok(code) => {
            output::text(&diagnostic::page(code).map(|page| page.render()).unwrap_or_default());
            Ok(ExitCode::SUCCESS)
        }
        Err(near) => anyhow::bail!("there is no code `{word}`; did you mean `{near}`?"),
    }
}

/// Finds everything that is wrong, with what cases and the store at hand say:
/// against a facts file, the columns of the store where `of_store`, or the
/// default store's.
pub async fn find_all(
    global: &Global,
    paths: &[PathBuf],
    facts: Option<&Path>,
    of_store: bool,
) -> anyhow::Result<Checked> {
    let (mut checked, database) = match facts {
        Some(_) => (check(global, paths, facts), None),
        None if of_store => {
            let (database, schema) = store_at_hand::open(global).await?;
            (check_against(global, paths, schema), Some(database))
        }
        None => {
            let StoreAtHand { database, schema, has_its_columns, remark } = store_at_hand::find(global).await;
            remark.iter().for_each(|remark| tell!("{remark}"));
            match has_its_columns {
                true => (check_against(global, paths, schema), database),
                false => (check_without_facts(global, paths, schema), database),
            }
        }
    };
    checked.play_cases();
    if let Some(database) = database {
        store_at_hand::look(&database.store, &mut checked).await;
        database.close().await;
    }
    checked.take_allowed(global, !paths.is_empty());
    Ok(checked)
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(code) = &options.explain {
        return explain(code);
    }
    if options.clauses && options.format != CheckFormat::Human {
        anyhow::bail!("--clauses is for people; `keepwell plan --format json` lists them, too");
    }
    let checked = find_all(global, &options.path, options.facts.as_deref(), options.store).await?;
    report::print(&checked, options.format, options.strict);
    if options.clauses {
        checked.print_clauses();
    }
    let errors = checked.diagnostics.iter().filter(|problem| problem.is_error()).count();
    let warnings = checked.diagnostics.len() - errors;
    if options.format.is_prose() {
        let playbooks = number_of(checked.sources.playbooks.len(), "playbook");
        let (errors, warnings) = (number_of(errors, "error"), number_of(warnings, "warning"));
        let allowed = match checked.allowed_warnings.len() {
            0 => String::new(),
            allowed => format!(", {allowed} allowed"),
        };
        say!("{playbooks}, {errors}, {warnings}{allowed}");
        if let Some(first) = checked.diagnostics.first() {
            say!("`keepwell check --explain {}` says more of a code", first.code);
        }
    }
    if !options.allow_empty {
        checked.need_playbooks(global, &options.path)?;
    }
    let refused = errors > 0 || (options.strict && warnings > 0);
    // The program ends: to give back one by one what thousands of files hold takes a while.
    std::mem::forget(checked);
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
