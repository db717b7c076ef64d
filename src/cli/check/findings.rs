//! What is found in playbooks, scripts and the configuration, and what was read
//! for it.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{self, Catalog, Elsewhere, ReadyDocument, ReadyPlaybook};
use crate::cli::refusal::refuse;
use crate::cli::{Global, output};
use crate::config::{Config, DEFAULT_FILE, StoreMap};
use crate::diagnostic::{self, AllowedWarning, Diagnostic, render_human};
use crate::facts::{self, Schema};
use crate::playbook::opt_outs::{self, Comments};
use crate::playbook::parse::forgive_alerts_to;
use crate::playbook::source::{SourceSet, read_file};
use crate::rehearsal::{all_objections, check_cases, check_document_cases, document_objections};
use crate::side_by_side::side_by_side;

/// Everything that was read and what is wrong with it.
pub struct Checked {
    pub playbooks: Vec<Arc<ReadyPlaybook>>,
    pub documents: Vec<Arc<ReadyDocument>>,
    pub diagnostics: Vec<Diagnostic>,
    /// The warnings that comments allow; they are not among the diagnostics.
    pub allowed_warnings: Vec<AllowedWarning>,
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

    /// Whether no error is known in a file.
    pub fn is_sound(&self, file: &str) -> bool {
        !self.diagnostics.iter().any(|problem| problem.is_error() && problem.file == file)
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
        let broken: HashSet<String> = self.files_with_errors().into_iter().collect();
        let is_sound = |ready: &&Arc<ReadyPlaybook>| !broken.contains(&*ready.playbook.file);
        let sound: Vec<&Arc<ReadyPlaybook>> = self.playbooks.iter().filter(is_sound).collect();
        let mut failed = all_objections(&sound, &self.config, &self.schema);
        let is_sound = |ready: &&Arc<ReadyDocument>| !broken.contains(&*ready.document.file);
        let sound: Vec<&Arc<ReadyDocument>> = self.documents.iter().filter(is_sound).collect();
        let objections = side_by_side(sound, |ready| document_objections(ready, &self.config, &self.schema));
        failed.extend(objections.into_iter().flatten());
        self.diagnostics.extend(failed);
        diagnostic::arrange(&mut self.diagnostics);
    }

    /// The text of a file that diagnostics name.
    pub fn text(&self, file: &str) -> Option<Arc<str>> {
        self.sources.text(file).or_else(|| read_file(Path::new(file)).ok().map(|file| file.text))
    }

    /// The files with errors, once each.
    pub fn files_with_errors(&self) -> Vec<String> {
        let errors = self.diagnostics.iter().filter(|problem| problem.is_error());
        let files: BTreeSet<&str> = errors.map(|problem| &*problem.file).collect();
        files.into_iter().map(str::to_owned).collect()
    }

    /// Takes out the warnings that comments in the files allow. `is_partial`:
    /// not all files were read that belong together.
    pub fn take_allowed(&mut self, global: &Global, is_partial: bool) {
        let config = global.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let config = read_file(config).ok();
        // What a store holds and what other files say was not known, or is another today.
        let may_be_absent = |code: &str| {
            code.starts_with("KW07")
                || ["KW0115", "KW0221"].contains(&code)
                || is_partial && ["KW0108", "KW0215", "KW0218"].contains(&code)
        };
        let playbooks =
            self.sources.playbooks.iter().chain(&config).map(|file| (&file.path, &file.text, Comments::Yaml));
        let scripts = self.sources.scripts.iter().map(|file| (&file.path, &file.text, Comments::Rhai));
        for (path, text, comments) in playbooks.chain(scripts) {
            let found = opt_outs::take_allowed(path, text, comments, &may_be_absent, &mut self.diagnostics);
            self.allowed_warnings.extend(found);
        }
        diagnostic::arrange(&mut self.diagnostics);
    }

    /// Prints the diagnostics on stderr, for people.
    pub fn print_to_stderr(&self) {
        output::error_text(&render_human(&self.diagnostics, &|file: &str| self.text(file), false));
    }

    /// Prints the diagnostics on stderr; gives the error that ends a command.
    pub fn refuse(&self, message: &str) -> anyhow::Error {
        refuse(message, &self.diagnostics, &|file: &str| self.text(file))
    }

    /// The whole answer, as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        diagnostic::to_json(&self.diagnostics, &self.allowed_warnings)
    }

    /// Prints where each clause of the conditions is decided.
    pub fn print_clauses(&self) {
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
    let Some(facts) = facts else {
        let (config, _) = Config::read(global.config.as_deref());
        return check_without_facts(global, paths, Schema::of_configuration(&config.store));
    };
    let (schema, mut found) = facts::file::read(facts);
    // Against other facts nothing that follows would be true.
    if found.iter().any(Diagnostic::is_error) {
        let (config, problems) = Config::read(global.config.as_deref());
        found.extend(problems);
        return Checked {
            playbooks: Vec::new(),
            documents: Vec::new(),
            diagnostics: found,
            allowed_warnings: Vec::new(),
            sources: SourceSet::default(),
            config,
            known: Vec::new(),
            schema,
        };
    }
    check_against(global, paths, schema)
}

/// Says of columns that are not known how those of the database come to be, or
/// what one of a company's own is called here.
pub fn name_facts_file(diagnostics: &mut [Diagnostic], map: &StoreMap) {
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
        if let Some(ours) = name_here(&problem.message, map) {
            problem.help = Some(ours);
            continue;
        }
        problem.help = Some(match problem.help.take() {
            Some(help) if help.ends_with('?') => format!("{help} If not: {HELP}"),
            Some(help) => format!("{help}; {HELP}"),
            None => HELP.to_owned(),
        });
    }
}

/// What a column of theirs is called in playbooks, where the configuration has
/// another name for it: of `unknown fact `account.title``, `account.name`.
fn name_here(message: &str, map: &StoreMap) -> Option<String> {
    let fact = message.strip_prefix("unknown fact `")?.split('`').next()?;
    let (root, theirs) = fact.split_once('.')?;
    let relation = if ["account", "entry"].contains(&root) { "accounts" } else { "contacts" };
    let columns = map.relations.get(relation)?.iter().flat_map(|mapped| &mapped.columns);
    let (ours, _) = columns.into_iter().find(|(_, source)| *source.text == *theirs)?;
    Some(format!("it is `{root}.{ours}` here: `store.{relation}.columns` of the configuration says so"))
}

/// The same against the default store's columns.
pub fn check_without_facts(global: &Global, paths: &[PathBuf], schema: Schema) -> Checked {
    let mut checked = check_against(global, paths, schema);
    name_facts_file(&mut checked.diagnostics, &checked.config.store);
    checked
}

/// The same against the columns of a store.
pub fn check_against(global: &Global, paths: &[PathBuf], schema: Schema) -> Checked {
    let paths = playbook_paths(global, paths);
    let sources = SourceSet::read(&paths, &global.scripts);
    // A file checked alone may name playbooks and documents that stand beside it.
    let elsewhere = if global.playbooks.is_dir() && !paths.contains(&global.playbooks) {
        Elsewhere::of(&SourceSet::read(std::slice::from_ref(&global.playbooks), &global.scripts))
    } else {
        Elsewhere::default()
    };
    check_sources(sources, elsewhere, Config::read(global.config.as_deref()), schema)
}

/// Checks what was read, with the configuration and what is wrong with that.
/// `elsewhere` is what may be named beside it.
pub fn check_sources(
    sources: SourceSet,
    elsewhere: Elsewhere,
    (config, mut diagnostics): (Config, Vec<Diagnostic>),
    schema: Schema,
) -> Checked {
    let schema = Schema { roles: config.store.roles.clone(), ..schema };
    let Catalog { playbooks, documents, problems, schema } = catalog::load_all(&sources, &elsewhere, &config, &schema);
    diagnostics.extend(problems);
    let known: Vec<String> = catalog::claimed_ids(&sources).into_iter().chain(elsewhere.playbooks).collect();
    let of_cases = side_by_side(&playbooks, |playbook| check_cases(playbook, &schema, &known));
    let of_documents = side_by_side(&documents, |document| check_document_cases(document, &config, &schema));
    diagnostics.extend(of_cases.into_iter().chain(of_documents).flatten());
    if config.alerts_to.is_some() {
        forgive_alerts_to(&mut diagnostics);
    }
    diagnostic::arrange(&mut diagnostics);
    Checked { playbooks, documents, diagnostics, allowed_warnings: Vec::new(), sources, config, known, schema }
}
