//! Files to published revisions, at start and when they change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::catalog;
use crate::clock::{Deadline, Instant};
use crate::diagnostic::Diagnostic;
use crate::playbook::parse::forgive_alerts_to;
use crate::playbook::source::{Fingerprint, SourceSet};
use crate::rehearsal::objections;
use crate::store::runs::playbooks::{Broken, Change, Missing, Publication};
use crate::worker::shared::{Shared, stop_requested};

/// When files that were refused are looked at again although they have not
/// changed: what is in force may have.
const AGAIN: Duration = Duration::from_secs(30);

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Files {
    pub playbooks: PathBuf,
    pub scripts: PathBuf,
}

/// Why nothing was published: the files are not such that anybody could mean
/// them. What is in force goes on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotPublished(String);

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
/// gone, and every playbook of it be paused, for all daemons. The error is then
/// a [`NotPublished`].
pub async fn publish(shared: &Shared, files: &Files, missing: Missing, now: Instant) -> anyhow::Result<Report> {
    let known = shared.store.revisions().await?;
    let folder = files.playbooks.display().to_string();
    let (files, config, schema) = (files.clone(), shared.config.clone(), shared.store.schema().clone());
    let (sources, ready, diagnostics) = tokio::task::spawn_blocking(move || {
        let missing = (!files.playbooks.exists()).then(|| files.playbooks.clone());
        let sources = SourceSet::read(&[files.playbooks], &files.scripts);
        if let Some(folder) = missing.as_ref().or(sources.unlisted.first()) {
            let folder = folder.display().to_string();
            let why = sources.problems.iter().find(|problem| problem.file == folder);
            let why = why.map_or(String::new(), |problem| format!(" ({})", problem.message));
            let message = format!("the playbooks in {folder} cannot be read{why}: is it the right folder?");
            return Err(anyhow::Error::new(NotPublished(message)));
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
        Err(refused) => {
            return Err(anyhow::Error::new(NotPublished(format!(
                "{refused}. Is `{folder}` the right folder? Nothing was published and nothing paused; \
                 to pause them all the same: keepwell run --once --pause-missing"
            ))));
        }
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

/// The files as they stand, to see whether they changed.
pub async fn fingerprint(files: &Files) -> anyhow::Result<Fingerprint> {
    let files = files.clone();
    Ok(tokio::task::spawn_blocking(move || Fingerprint::of(&files.playbooks, &files.scripts)).await?)
}

/// The files, and how they stood when they were last published.
pub struct FileWatch {
    files: Files,
    known: Mutex<WatchedFiles>,
}

/// What is known of the files.
struct WatchedFiles {
    published: Fingerprint,
    /// Why they were refused when they were last looked at.
    refused: Option<RefusedFiles>,
}

/// Files that could not be published as they stood.
#[derive(Clone)]
struct RefusedFiles {
    found: Fingerprint,
    message: String,
    again: Deadline,
}

impl FileWatch {
    /// Of files that stood like `published` before they were published last.
    pub fn new(files: Files, published: Fingerprint) -> FileWatch {
        FileWatch { files, known: Mutex::new(WatchedFiles { published, refused: None }) }
    }

    fn known(&self) -> MutexGuard<'_, WatchedFiles> {
        // What is known of files is right, whoever panicked beside it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether files that stand like this are to be published.
    fn is_due(&self, found: &Fingerprint) -> bool {
        let known = self.known();
        match &known.refused {
            Some(refused) => refused.found != *found || refused.again.has_passed(),
            None => known.published != *found,
        }
    }

    /// They are in force as they stand.
    fn accept(&self, found: Fingerprint) {
        let before = std::mem::replace(&mut *self.known(), WatchedFiles { published: found, refused: None });
        if before.refused.is_some() {
            tracing::info!("the playbooks in {} are in force again as they stand", self.files.playbooks.display());
        }
    }

    /// They are not, which is said once for each reason.
    fn refuse(&self, found: Fingerprint, message: String) {
        let refused = RefusedFiles { found, message, again: Deadline::after(AGAIN) };
        let before = self.known().refused.replace(refused.clone());
        if before.is_none_or(|before| before.message != refused.message) {
            tracing::error!("{}", refused.message);
        }
    }
}

/// Publishes the files if they have changed. After an error it is tried again;
/// until then what is in force goes on. Asked to stop, it waits for no file.
pub async fn tick(
    shared: &Shared,
    watch: &FileWatch,
    now: Instant,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<usize> {
    let mut stop = stop.clone();
    let found = tokio::select! {
        found = fingerprint(&watch.files) => found?,
        () = stop_requested(&mut stop) => return Ok(0),
    };
    if !watch.is_due(&found) {
        return Ok(0);
    }
    match publish(shared, &watch.files, Missing::Doubted, now).await {
        Ok(_) => watch.accept(found),
        Err(error) => match error.downcast::<NotPublished>() {
            Ok(refused) => watch.refuse(found, refused.to_string()),
            Err(error) => return Err(error),
        },
    }
    Ok(0)
}
