//! Files to published revisions, at start and when they change.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::case_verdicts::{CaseVerdicts, Judgement};
use super::names::{name_conflicts, names_of_before};
use crate::catalog::{self, Catalog, Elsewhere, ReadyDocument, ReadyPlaybook};
use crate::clock::{Deadline, Instant};
use crate::diagnostic::Diagnostic;
use crate::facts::Schema;
use crate::playbook::parse::forgive_alerts_to;
use crate::playbook::renaming;
use crate::playbook::source::{Fingerprint, SourceSet};
use crate::rehearsal::document_objections;
use crate::store::runs::playbooks::{Broken, Change, Missing, Publication};
use crate::store::runs::publications::{Cause, Origin};
use crate::worker::shared::{Shared, stop_requested};

/// When files that were refused are looked at again although they have not
/// changed: what is in force may have.
const AGAIN: Duration = Duration::from_secs(30);

/// How long a publication waits for cases that are being played.
const PATIENCE: Duration = Duration::from_secs(2);

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
    /// Ids of new revisions whose cases are still being played.
    pub pending: Vec<String>,
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
    let read = read(shared, files).await?;
    judge_and_commit(shared, read, &mut CaseVerdicts::default(), None, missing, Cause::Files, now).await
}

/// The same for a plan that is applied: playbooks that were rolled back come into
/// force again as their files stand.
pub async fn publish_applied(shared: &Shared, files: &Files, now: Instant) -> anyhow::Result<Report> {
    let read = read(shared, files).await?;
    let mut verdicts = CaseVerdicts::default();
    judge_and_commit(shared, read, &mut verdicts, None, Missing::Doubted, Cause::Apply, now).await
}

/// All files, read and checked, before anything is decided about them.
struct PlaybookFiles {
    folder: String,
    sources: SourceSet,
    ready: Vec<Arc<ReadyPlaybook>>,
    documents: Vec<Arc<ReadyDocument>>,
    diagnostics: Vec<Diagnostic>,
    /// What authors can name, what documents find included.
    schema: Schema,
}

/// Reads and checks all files, off the async threads.
async fn read(shared: &Shared, files: &Files) -> anyhow::Result<PlaybookFiles> {
    let folder = files.playbooks.display().to_string();
    let (files, config, schema) = (files.clone(), shared.config.clone(), shared.store.schema().clone());
    tokio::task::spawn_blocking(move || {
        let missing = (!files.playbooks.exists()).then(|| files.playbooks.clone());
        let sources = SourceSet::read(&[files.playbooks], &files.scripts);
        if let Some(folder) = missing.as_ref().or(sources.unlisted.first()) {
            let folder = folder.display().to_string();
            let why = sources.problems.iter().find(|problem| problem.file == folder);
            let why = why.map_or(String::new(), |problem| format!(" ({})", problem.message));
            let message = format!("the playbooks in {folder} cannot be read{why}: is it the right folder?");
            return Err(anyhow::Error::new(NotPublished(message)));
        }
        let Catalog { playbooks: ready, documents, problems: diagnostics, schema } =
            catalog::load_all(&sources, &Elsewhere::default(), &config, &schema);
        Ok(PlaybookFiles { folder, sources, ready, documents, diagnostics, schema })
    })
    .await?
}

/// Judges new revisions by their cases, and publishes what is to be. One that is
/// still being judged keeps the revision it had.
async fn judge_and_commit(
    shared: &Shared,
    read: PlaybookFiles,
    verdicts: &mut CaseVerdicts,
    patience: Option<Duration>,
    missing: Missing,
    cause: Cause,
    now: Instant,
) -> anyhow::Result<Report> {
    let PlaybookFiles { folder, sources, mut ready, mut documents, mut diagnostics, schema } = read;
    let known = shared.store.revisions().await?;
    let is_known = |ready: &ReadyPlaybook| known.contains(&(ready.playbook.id.clone(), ready.revision.clone()));
    let new: Vec<Arc<ReadyPlaybook>> = ready.iter().filter(|ready| !is_known(ready)).cloned().collect();
    let Judgement { objections, pending } = verdicts.judge(&new, &shared.config, &schema, patience).await?;
    let is_refused = |ready: &ReadyPlaybook| {
        !is_known(ready) && objections.iter().any(|problem| *problem.file == *ready.playbook.file)
    };
    let is_pending = |ready: &ReadyPlaybook| !is_known(ready) && pending.contains(&ready.playbook.id);
    let waiting: Vec<Arc<ReadyPlaybook>> = ready.iter().filter(|ready| is_pending(ready)).cloned().collect();
    let conflicts = name_conflicts(&shared.store, &ready).await?;
    let is_refused = |ready: &ReadyPlaybook| {
        is_refused(ready) || conflicts.iter().any(|problem| *problem.file == *ready.playbook.file)
    };
    ready.retain(|ready| !is_refused(ready) && !is_pending(ready));
    diagnostics.extend(objections);
    diagnostics.extend(judge_documents(shared, &mut documents, &known, &schema).await?);
    diagnostics.extend(conflicts);
    if shared.config.alerts_to.is_some() {
        forgive_alerts_to(&mut diagnostics);
    }
    let mut broken = broken(&sources, &diagnostics);
    broken.extend(waiting.iter().map(|ready| Broken {
        id: Some(ready.playbook.id.clone()),
        was: names_of_before(ready).into_iter().map(str::to_owned).collect(),
        file: &ready.playbook.file,
        problems: Vec::new(),
    }));
    let mut publications: Vec<Publication> = ready
        .iter()
        .map(|ready| Publication {
            id: &ready.playbook.id,
            kind: ready.playbook.first_key(),
            was: names_of_before(ready),
            revision: &ready.revision,
            file: &ready.playbook.file,
            text: &ready.playbook.text,
            scripts: &ready.scripts,
            surveys: &ready.surveys,
            mail_priority: ready.playbook.mail_priority,
        })
        .collect();
    publications.extend(documents.iter().map(|ready| publication_of(ready)));
    let origin = Origin { by: &shared.operator, cause };
    let change = match shared.store.publish(&publications, &broken, missing, origin, now).await? {
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
    for renamed in &change.renamed {
        tracing::info!(was = %renamed.was, playbook = %renamed.playbook, "renamed, with its whole history");
    }
    if !change.pinned.is_empty() {
        tracing::info!(
            playbooks = ?change.pinned,
            "rolled back: their files do not count until they change, or a plan is applied"
        );
    }
    if !change.paused.is_empty() {
        tracing::warn!(playbooks = ?change.paused, "paused for all daemons: `{folder}` has no file of them any more");
    }
    let pending: Vec<String> = waiting.iter().map(|ready| ready.playbook.id.clone()).collect();
    if !pending.is_empty() {
        tracing::info!(playbooks = ?pending, "their cases are still being played: until then they stay as they were");
    }
    publications.retain(|publication| !change.pinned.iter().any(|id| id == publication.id));
    shared.store.rank_waiting_mail(&publications).await?;
    let playbooks = ready.len();
    Ok(Report { change, pending, playbooks, diagnostics, sources })
}

/// Takes out new revisions of documents whose own cases fail; what these say.
async fn judge_documents(
    shared: &Shared,
    documents: &mut Vec<Arc<ReadyDocument>>,
    known: &HashSet<(String, String)>,
    schema: &Schema,
) -> anyhow::Result<Vec<Diagnostic>> {
    let is_new = |ready: &&Arc<ReadyDocument>| !known.contains(&(ready.document.id.clone(), ready.revision.clone()));
    let new: Vec<Arc<ReadyDocument>> = documents.iter().filter(is_new).cloned().collect();
    let (config, schema) = (shared.config.clone(), schema.clone());
    let play = move || new.iter().flat_map(|ready| document_objections(ready, &config, &schema)).collect::<Vec<_>>();
    let objections = tokio::task::spawn_blocking(play).await?;
    documents.retain(|ready| !objections.iter().any(|problem| *problem.file == *ready.document.file));
    Ok(objections)
}

/// A document as it is published.
fn publication_of(ready: &ReadyDocument) -> Publication<'_> {
    let document = &ready.document;
    Publication {
        id: &document.id,
        kind: document.kind.word,
        was: Vec::new(),
        revision: &ready.revision,
        file: &document.file,
        text: &document.text,
        scripts: &ready.scripts,
        surveys: const { &BTreeMap::new() },
        // It sends nothing.
        mail_priority: 0,
    }
}

/// The files with errors.
pub fn broken<'a>(sources: &SourceSet, diagnostics: &'a [Diagnostic]) -> Vec<Broken<'a>> {
    let mut broken: BTreeMap<&str, Broken> = BTreeMap::new();
    for problem in diagnostics.iter().filter(|problem| problem.is_error()) {
        let file = broken.entry(&problem.file).or_insert_with(|| Broken {
            id: sources.text(&problem.file).as_deref().and_then(catalog::claimed_id),
            was: sources.text(&problem.file).as_deref().map(renaming::claimed).unwrap_or_default(),
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
    verdicts: tokio::sync::Mutex<CaseVerdicts>,
}

/// What is known of the files.
struct WatchedFiles {
    published: Fingerprint,
    /// Whether cases of them are still being played.
    pending: bool,
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
        let known = WatchedFiles { published, pending: false, refused: None };
        FileWatch { files, known: Mutex::new(known), verdicts: tokio::sync::Mutex::default() }
    }

    fn watched_files(&self) -> MutexGuard<'_, WatchedFiles> {
        // What is known of files is right, whoever panicked beside it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the files as they stand, as [`publish`] does, but waits for no
    /// cases that take long: their playbooks follow by a later tick.
    pub async fn publish(&self, shared: &Shared, missing: Missing, now: Instant) -> anyhow::Result<Report> {
        let found = fingerprint(&self.files).await?;
        let read = read(shared, &self.files).await?;
        self.take(shared, found, read, missing, now).await
    }

    async fn take(
        &self,
        shared: &Shared,
        found: Fingerprint,
        read: PlaybookFiles,
        missing: Missing,
        now: Instant,
    ) -> anyhow::Result<Report> {
        let mut verdicts = self.verdicts.lock().await;
        let report = judge_and_commit(shared, read, &mut verdicts, Some(PATIENCE), missing, Cause::Files, now).await?;
        let known = WatchedFiles { published: found, pending: !report.pending.is_empty(), refused: None };
        let before = std::mem::replace(&mut *self.watched_files(), known);
        if before.refused.is_some() {
            tracing::info!("the playbooks in {} are in force again as they stand", self.files.playbooks.display());
        }
        Ok(report)
    }

    /// Whether files that stand like this are to be published.
    async fn is_due(&self, found: &Fingerprint) -> bool {
        let pending = {
            let known = self.watched_files();
            if let Some(refused) = &known.refused {
                return refused.found != *found || refused.again.has_passed();
            }
            if known.published != *found {
                return true;
            }
            known.pending
        };
        pending && self.verdicts.lock().await.have_ended()
    }

    /// They cannot be published, which is said once for each reason.
    fn refuse(&self, found: Fingerprint, message: String) {
        let refused = RefusedFiles { found, message, again: Deadline::after(AGAIN) };
        let before = self.watched_files().refused.replace(refused.clone());
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
    if !watch.is_due(&found).await {
        return Ok(0);
    }
    let read = tokio::select! {
        read = read(shared, &watch.files) => read,
        () = stop_requested(&mut stop) => return Ok(0),
    };
    let done = match read {
        Ok(read) => watch.take(shared, found.clone(), read, Missing::Doubted, now).await.map(drop),
        Err(error) => Err(error),
    };
    match done.map_err(anyhow::Error::downcast::<NotPublished>) {
        Ok(()) => {}
        Err(Ok(refused)) => watch.refuse(found, refused.to_string()),
        Err(Err(error)) => return Err(error),
    }
    Ok(0)
}
