//! Files to published revisions, at start and when they change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::catalog;
use crate::clock::Instant;
use crate::diagnostic::Diagnostic;
use crate::playbook::parse::forgive_alerts_to;
use crate::playbook::source::SourceSet;
use crate::rehearsal::objections;
use crate::store::runs::playbooks::{Broken, Change, Missing, Publication};
use crate::worker::shared::Shared;

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Files {
    pub playbooks: PathBuf,
    pub scripts: PathBuf,
}

/// What a publication found.
#[derive(Debug)]
pub struct Report {
    pub change: Change,
    /// How many playbooks are in force from these files.
    pub playbooks: usize,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: SourceSet,
}

impl Report {
    /// Files that are not in force as they stand, once each.
    pub fn broken(&self) -> Vec<&str> {
        let errors = self.diagnostics.iter().filter(|problem| problem.is_error());
        let mut files: Vec<&str> = errors.map(|problem| &*problem.file).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

/// Reads, checks and publishes all files. A broken file keeps the revision it
/// had, with its problems shown; the others are published. Broken is also a new
/// revision whose own cases fail. One that was published before is not asked
/// again: a newer Keepwell or configuration must not take it out of force.
///
/// Nothing is published while a folder cannot be read, or lacks most of what is
/// in force (an empty mount, another folder): what is in it would be taken for
/// gone, and every playbook of it be paused, for all daemons.
pub async fn publish(shared: &Shared, files: &Files, missing: Missing, now: Instant) -> anyhow::Result<Report> {
    let known = shared.store.revisions().await?;
    let folder = files.playbooks.display().to_string();
    let (files, config, schema) = (files.clone(), shared.config.clone(), shared.store.schema().clone());
    let (sources, ready, diagnostics) = tokio::task::spawn_blocking(move || {
        let missing = (!files.playbooks.exists()).then(|| files.playbooks.clone());
        let sources = SourceSet::read(&[files.playbooks], &files.scripts);
        if let Some(folder) = missing.as_ref().or(sources.unlisted.first()) {
            anyhow::bail!("the playbooks in {} cannot be read: is it the right folder?", folder.display());
        }
        let (mut ready, mut diagnostics) = catalog::load(&sources, &[], &config, &schema);
        ready.retain(|ready| {
            if known.contains(&(ready.playbook.id.clone(), ready.revision.clone())) {
                return true;
            }
            let objections = objections(ready, &config, &schema);
            let taken = objections.is_empty();
            diagnostics.extend(objections);
            taken
        });
        if config.alerts_to.is_some() {
            forgive_alerts_to(&mut diagnostics);
        }
        Ok((sources, ready, diagnostics))
    })
    .await??;
    let broken = broken(&sources, &diagnostics);
    let publications: Vec<Publication> = ready
        .iter()
        .map(|ready| Publication {
            id: &ready.playbook.id,
            revision: &ready.revision,
            file: &ready.playbook.file,
            text: &ready.playbook.text,
            scripts: &ready.scripts,
            mail_priority: ready.playbook.mail_priority,
        })
        .collect();
    let change = match shared.store.publish(&publications, &broken, missing, now).await? {
        Ok(change) => change,
        Err(refused) => anyhow::bail!(
            "{refused}. Is `{folder}` the right folder? Nothing was published and nothing paused; \
             to pause them all the same: keepwell run --once --pause-missing"
        ),
    };
    for problem in diagnostics.iter().filter(|problem| problem.is_error()) {
        tracing::error!(
            file = %problem.file, line = problem.line, column = problem.column, code = problem.code,
            "{}", problem.message
        );
    }
    if !change.published.is_empty() {
        tracing::info!(playbooks = ?change.published, "published");
    }
    if !change.paused.is_empty() {
        tracing::warn!(playbooks = ?change.paused, "paused for all daemons: `{folder}` has no file of them any more");
    }
    shared.store.rank_waiting_mail(&publications).await?;
    let playbooks = ready.len();
    Ok(Report { change, playbooks, diagnostics, sources })
}

/// The files with errors.
pub fn broken<'a>(sources: &SourceSet, diagnostics: &'a [Diagnostic]) -> Vec<Broken<'a>> {
    let mut broken: BTreeMap<&str, Broken> = BTreeMap::new();
    for problem in diagnostics.iter().filter(|problem| problem.is_error()) {
        let file = broken.entry(&problem.file).or_insert_with(|| Broken {
            id: sources.text(&problem.file).as_deref().and_then(catalog::claimed_id),
            file: &problem.file,
            problems: Vec::new(),
        });
        file.problems.push(problem);
    }
    broken.into_values().collect()
}

/// A cheap picture of the files: path, last change, size.
pub type Fingerprint = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// The files as they stand, to see whether they changed.
pub fn fingerprint(files: &Files) -> Fingerprint {
    let mut seen = Vec::new();
    let mut folders = vec![files.playbooks.clone(), files.scripts.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(meta) = std::fs::metadata(&path) else { continue };
            if meta.is_dir() {
                folders.push(path);
            } else {
                seen.push((path, meta.modified().ok(), meta.len()));
            }
        }
    }
    seen.sort();
    seen
}

/// The files, and how they stood when they were last published.
pub struct FileWatch {
    files: Files,
    published: Mutex<Fingerprint>,
}

impl FileWatch {
    /// Of files that stood like `published` before they were published last.
    pub fn new(files: Files, published: Fingerprint) -> FileWatch {
        FileWatch { files, published: Mutex::new(published) }
    }

    fn published(&self) -> MutexGuard<'_, Fingerprint> {
        // A poisoned fingerprint is still a fingerprint.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the files if they have changed. After an error it is tried again;
/// until then what is in force goes on.
pub async fn tick(shared: &Shared, watch: &FileWatch, now: Instant) -> anyhow::Result<usize> {
    let found = fingerprint(&watch.files);
    if *watch.published() != found {
        publish(shared, &watch.files, Missing::Doubted, now).await?;
        *watch.published() = found;
    }
    Ok(0)
}
