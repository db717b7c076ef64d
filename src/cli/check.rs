//! `keepwell check`: every mistake of every file. It needs no database; where
//! there is one, it warns of names that the customer store was never seen to hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::database::Database;
use super::{Format, Global, output};
use crate::catalog::{self, ReadyPlaybook};
use crate::config::Config;
use crate::diagnostic::{self, Diagnostic, render_human, render_json, render_lines};
use crate::facts::{self, Schema};
use crate::playbook::parse::forgive_alerts_to;
use crate::playbook::source::SourceSet;
use crate::postgres::describe_error;
use crate::rehearsal::{check_cases, objections};

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
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Everything that was read and what is wrong with it.
pub struct Checked {
    pub playbooks: Vec<Arc<ReadyPlaybook>>,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: SourceSet,
    pub config: Config,
    /// The ids that may be named.
    pub known: Vec<String>,
    /// What the playbooks were checked against.
    pub schema: Schema,
}

impl Checked {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// An error where no file was found in `paths`, so that a wrong folder is no
    /// success. Where something could not be read, that is the error already.
    pub fn need_playbooks(&self, global: &Global, paths: &[PathBuf]) -> anyhow::Result<()> {
        if !self.sources.playbooks.is_empty() || self.has_errors() {
            return Ok(());
        }
        let paths = name_paths(global, paths);
        anyhow::bail!("no playbooks in {paths}: name their folder, or say --allow-empty where there may be none")
    }

    /// Plays the cases of the playbooks without errors, and adds those that
    /// fail: such a playbook is not taken by the daemon.
    pub fn play_cases(&mut self) {
        let broken = |file: &str| self.diagnostics.iter().any(|problem| problem.is_error() && problem.file == file);
        let sound = self.playbooks.iter().filter(|ready| !broken(&ready.playbook.file));
        let failed: Vec<Diagnostic> = sound.flat_map(|ready| objections(ready, &self.config, &self.schema)).collect();
        self.diagnostics.extend(failed);
        diagnostic::arrange(&mut self.diagnostics);
    }

    /// Prints the diagnostics.
    pub fn print(&self, format: Format, to_stderr: bool) {
        let text = match format {
            Format::Human => render_human(&self.diagnostics, &|file: &str| self.sources.text(file), false),
            Format::Line => render_lines(&self.diagnostics),
            Format::Json => render_json(&self.diagnostics),
        };
        let text = text.trim_end();
        match format {
            _ if to_stderr => output::error_text(text),
            Format::Json => output::json_text(text),
            Format::Human | Format::Line => output::text(text),
        }
    }

    /// Prints where each clause of the conditions is decided.
    fn print_clauses(&self) {
        for playbook in &self.playbooks {
            say!("{}", playbook.playbook.file);
            for clause in playbook.when.prefilter().iter().flat_map(|prefilter| &prefilter.clauses) {
                say!("  {clause}");
            }
        }
    }
}

/// The files and folders that were named, else the playbooks' folder.
fn playbook_paths(global: &Global, paths: &[PathBuf]) -> Vec<PathBuf> {
    if paths.is_empty() { vec![global.playbooks.clone()] } else { paths.to_vec() }
}

/// The same for a sentence.
pub fn name_paths(global: &Global, paths: &[PathBuf]) -> String {
    let names = playbook_paths(global, paths);
    names.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" and ")
}

/// Reads and checks files, folders, scripts and the configuration.
pub fn check(global: &Global, paths: &[PathBuf], facts: Option<&Path>) -> Checked {
    let Some(facts) = facts else { return check_without_facts(global, paths, Schema::default_store()) };
    let (schema, mut found) = facts::file::read(facts);
    // Against other facts nothing that follows would be true.
    if found.iter().any(Diagnostic::is_error) {
        let (config, problems) = Config::read(global.config.as_deref());
        found.extend(problems);
        return Checked {
            playbooks: Vec::new(),
            diagnostics: found,
            sources: SourceSet::default(),
            config,
            known: Vec::new(),
            schema,
        };
    }
    check_against(global, paths, schema)
}

/// Says of columns that are not known how those of the database come to be.
fn name_facts_file(diagnostics: &mut [Diagnostic]) {
    const HELP: &str = "a column that was added to the store is known after `keepwell facts --out facts.json` \
                        with `--facts facts.json`";
    const FACTS: [&str; 4] =
        ["unknown fact `account.", "unknown fact `contact.", "unknown fact `recipient.", "unknown fact `entry."];
    let unknown = |problem: &&mut Diagnostic| {
        let message = &problem.message;
        let is_column = FACTS.iter().any(|begin| message.starts_with(begin)) || message.contains(" has no column `");
        problem.code == "KW0202" && is_column
    };
    for problem in diagnostics.iter_mut().filter(unknown) {
        problem.help = Some(match problem.help.take() {
            Some(help) => format!("{help}; {HELP}"),
            None => HELP.to_owned(),
        });
    }
}

/// The same against the default store's columns.
fn check_without_facts(global: &Global, paths: &[PathBuf], schema: Schema) -> Checked {
    let mut checked = check_against(global, paths, schema);
    name_facts_file(&mut checked.diagnostics);
    checked
}

/// The same against the columns of a store.
pub fn check_against(global: &Global, paths: &[PathBuf], schema: Schema) -> Checked {
    let (config, mut diagnostics) = Config::read(global.config.as_deref());
    let sources = SourceSet::read(&playbook_paths(global, paths), &global.scripts);
    // A file checked alone may name playbooks that stand beside it.
    let elsewhere = if global.playbooks.is_dir() {
        catalog::claimed_ids(&SourceSet::read(std::slice::from_ref(&global.playbooks), &global.scripts))
    } else {
        Vec::new()
    };
    let (playbooks, found) = catalog::load(&sources, &elsewhere, &config, &schema);
    diagnostics.extend(found);
    let known: Vec<String> = catalog::claimed_ids(&sources).into_iter().chain(elsewhere).collect();
    for playbook in &playbooks {
        diagnostics.extend(check_cases(playbook, &schema, &known));
    }
    if config.alerts_to.is_some() {
        forgive_alerts_to(&mut diagnostics);
    }
    diagnostic::arrange(&mut diagnostics);
    Checked { playbooks, diagnostics, sources, config, known, schema }
}

/// The customer store of the database, with what was seen in it.
async fn schema_of_store(global: &Global) -> anyhow::Result<Schema> {
    let database = Database::open_customers(global, 2).await?;
    let inventory = database.store.inventory_now().await;
    let schema = database.store.schema().clone();
    database.close().await;
    Ok(schema.with_inventory(inventory?))
}

/// The default store's columns; where DATABASE_URL names a database that can be
/// used, with what was seen there.
async fn schema_at_hand(global: &Global) -> Schema {
    let schema = Schema::default_store();
    if !global.demo && std::env::var("DATABASE_URL").is_ok_and(|url| !url.is_empty()) {
        match schema_of_store(global).await {
            Ok(of_store) => return Schema { inventory: of_store.inventory, ..schema },
            Err(error) => tell!(
                "Whether the store has the names that playbooks ask for was not looked at: {}",
                describe_error(error.as_ref())
            ),
        }
    }
    schema
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

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(code) = &options.explain {
        return explain(code);
    }
    if options.clauses && options.format != Format::Human {
        anyhow::bail!("--clauses is for people; `keepwell plan --format json` lists them, too");
    }
    let mut checked = match &options.facts {
        Some(_) => check(global, &options.path, options.facts.as_deref()),
        None if options.store => check_against(global, &options.path, schema_of_store(global).await?),
        None => check_without_facts(global, &options.path, schema_at_hand(global).await),
    };
    checked.play_cases();
    checked.print(options.format, false);
    if options.clauses {
        checked.print_clauses();
    }
    let errors = checked.diagnostics.iter().filter(|problem| problem.is_error()).count();
    let warnings = checked.diagnostics.len() - errors;
    if options.format == Format::Human {
        let count = checked.sources.playbooks.len();
        say!("{count} playbooks, {errors} errors, {warnings} warnings");
        if let Some(first) = checked.diagnostics.first() {
            say!("`keepwell check --explain {}` says more of a code", first.code);
        }
    }
    if !options.allow_empty {
        checked.need_playbooks(global, &options.path)?;
    }
    let refused = errors > 0 || (options.strict && warnings > 0);
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
