//! The diagnostics of all files, found on a thread of its own whenever nothing
//! was typed for a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use lsp_server::{Message, Notification};
use lsp_types::notification::{Notification as _, PublishDiagnostics};
use lsp_types::{DiagnosticSeverity, NumberOrString, PublishDiagnosticsParams};

use super::SharedSchema;
use super::documents::Documents;
use super::position::{byte, range};
use crate::catalog::{Elsewhere, ReadyPlaybook};
use crate::cli::Global;
use crate::cli::check::{Checked, check_sources, name_facts_file};
use crate::diagnostic::{Diagnostic, Position, span};
use crate::facts::Schema;
use crate::rehearsal::objections;

/// How long nothing must have been typed.
const PAUSE: Duration = Duration::from_millis(150);

/// Sends a message to the editor.
pub type Editor = Arc<dyn Fn(Message) + Send + Sync>;

/// What the customer store says of one revision of a file.
#[derive(Debug)]
pub struct StoreLook {
    pub file: String,
    pub revision: String,
    /// The configuration, as it is written for debugging.
    pub config: String,
    pub diagnostics: Vec<Diagnostic>,
}

enum CheckRequest {
    /// Check these texts.
    Texts(Documents),
    /// Check the same texts against other columns or names.
    Again,
    /// Check the same texts, with this.
    Look(StoreLook),
}

/// Asks for checks.
#[derive(Clone)]
pub struct Checker {
    requests: Sender<CheckRequest>,
}

impl Checker {
    /// Starts the thread, which ends when nobody can ask any more.
    pub fn start(global: Global, editor: Editor, schema: SharedSchema) -> Checker {
        let (requests, received) = channel();
        let (published, played, looks, config) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new(), String::new());
        let thread = CheckThread { global, editor, schema, published, played, looks, config };
        thread::spawn(move || thread.run(&received));
        Checker { requests }
    }

    /// Checks these texts, and those beside them on disk.
    pub fn request(&self, documents: &Documents) {
        // Without the thread the editor has gone.
        let _ = self.requests.send(CheckRequest::Texts(documents.clone()));
    }

    /// Checks the same texts again, against other columns or names.
    pub fn repeat(&self) {
        let _ = self.requests.send(CheckRequest::Again);
    }

    /// Adds what the store says, as long as that file says the same.
    pub fn add(&self, look: StoreLook) {
        let _ = self.requests.send(CheckRequest::Look(look));
    }
}

struct CheckThread {
    global: Global,
    editor: Editor,
    schema: SharedSchema,
    /// The files whose diagnostics the editor shows now.
    published: BTreeSet<String>,
    /// What the cases of a revision say against it, by file; of one configuration.
    played: BTreeMap<String, (String, Vec<Diagnostic>)>,
    config: String,
    /// The latest that the store says of each file.
    looks: BTreeMap<String, StoreLook>,
}

impl CheckThread {
    fn run(mut self, requests: &Receiver<CheckRequest>) {
        let mut documents = None;
        let mut next = requests.recv().ok();
        while let Some(request) = next.take() {
            match request {
                CheckRequest::Texts(texts) => documents = Some(texts),
                CheckRequest::Again => self.played.clear(),
                CheckRequest::Look(look) => drop(self.looks.insert(look.file.clone(), look)),
            }
            // Whoever goes on typing gets one answer, at the end.
            match requests.recv_timeout(PAUSE) {
                Ok(request) => {
                    next = Some(request);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(documents) = &documents {
                next = self.check(documents, requests);
            }
            next = next.or_else(|| requests.recv().ok());
        }
    }

    /// Checks and publishes; gives the next request where one came meanwhile, which
    /// ends it. A file is published once, when its cases have been played.
    fn check(&mut self, documents: &Documents, requests: &Receiver<CheckRequest>) -> Option<CheckRequest> {
        let mut checked = check_documents(&self.global, documents, &self.schema);
        let config = format!("{:?}", checked.config);
        if self.config != config {
            self.played.clear();
            self.config = config;
        }
        let open: BTreeSet<String> = documents.all().map(|(_, document)| document.name.to_string()).collect();
        let mut sound: Vec<Arc<ReadyPlaybook>> =
            checked.playbooks.iter().filter(|ready| checked.is_sound(&ready.playbook.file)).cloned().collect();
        sound.sort_by_key(|ready| !open.contains(&*ready.playbook.file));
        // What the store says of another text is not said of this one.
        let looks = sound.iter().filter_map(|ready| {
            let look = self.looks.get(&*ready.playbook.file)?;
            (look.revision == ready.revision && look.config == self.config).then_some(&look.diagnostics)
        });
        checked.diagnostics.extend(looks.flatten().cloned());
        checked.take_allowed(&self.global, false);
        let mut by_file: BTreeMap<String, Vec<lsp_types::Diagnostic>> = BTreeMap::new();
        for problem in &checked.diagnostics {
            let text = document_text(documents, &checked, &problem.file);
            by_file.entry(problem.file.clone()).or_default().push(convert(problem, &text));
        }
        // What was shown and is over is said, too, and that an open text is sound.
        for file in self.published.iter().chain(&open) {
            by_file.entry(file.clone()).or_default();
        }
        let (known, unknown): (Vec<_>, Vec<_>) = sound.into_iter().partition(|ready| {
            self.played.get(&*ready.playbook.file).is_some_and(|(revision, _)| *revision == ready.revision)
        });
        let later: BTreeSet<String> = unknown.iter().map(|ready| ready.playbook.file.to_string()).collect();
        for ready in known {
            self.add_played(documents, &checked, &ready.playbook.file, &mut by_file);
        }
        for (file, diagnostics) in by_file.iter().filter(|(file, _)| !later.contains(*file)) {
            self.publish(documents, file, diagnostics.clone());
        }
        for ready in unknown {
            if let Ok(request) = requests.try_recv() {
                return Some(request);
            }
            let file = ready.playbook.file.to_string();
            let found = objections(&ready, &checked.config, &checked.schema);
            self.played.insert(file.clone(), (ready.revision.clone(), found));
            self.add_played(documents, &checked, &file, &mut by_file);
            if let Some(diagnostics) = by_file.get(&file) {
                self.publish(documents, &file, diagnostics.clone());
            }
        }
        None
    }

    /// Adds what the cases of a file say.
    fn add_played(
        &self,
        documents: &Documents,
        checked: &Checked,
        file: &str,
        by_file: &mut BTreeMap<String, Vec<lsp_types::Diagnostic>>,
    ) {
        let Some((_, found)) = self.played.get(file).filter(|(_, found)| !found.is_empty()) else { return };
        let text = document_text(documents, checked, file);
        by_file.entry(file.to_owned()).or_default().extend(found.iter().map(|problem| convert(problem, &text)));
    }

    fn publish(&mut self, documents: &Documents, file: &str, diagnostics: Vec<lsp_types::Diagnostic>) {
        let Some(uri) = documents.uri(file) else { return };
        match diagnostics.is_empty() {
            true => self.published.remove(file),
            false => self.published.insert(file.to_owned()),
        };
        let version = documents.get(&uri).map(|document| document.version);
        let params = PublishDiagnosticsParams { uri, diagnostics, version };
        // Without an editor the requests end, too.
        (self.editor)(Message::Notification(Notification::new(PublishDiagnostics::METHOD.to_owned(), params)));
    }
}

/// What `keepwell check` says of the texts as they are in the editor, but for
/// their cases and the store, and with the warnings that comments allow.
pub fn check_documents(global: &Global, documents: &Documents, known: &SharedSchema) -> Checked {
    let (config, problems) = documents.config(global);
    let (schema, has_its_columns) = {
        let known = known.read().unwrap_or_else(PoisonError::into_inner);
        (known.for_configuration(&config), known.has_its_columns)
    };
    let mut checked = check_sources(documents.sources(), Elsewhere::default(), (config, problems), schema);
    if !has_its_columns {
        name_facts_file(&mut checked.diagnostics, &checked.config.store);
    }
    checked
}

/// The same against these columns, and with the warnings that comments allow.
pub fn check_against_schema(global: &Global, documents: &Documents, schema: Schema) -> Checked {
    check_sources(documents.sources(), Elsewhere::default(), documents.config(global), schema)
}

fn document_text(documents: &Documents, checked: &Checked, file: &str) -> Arc<str> {
    let open = documents.all().find(|(_, document)| *document.name == *file).map(|(_, document)| document.text.clone());
    open.or_else(|| checked.text(file)).unwrap_or_default()
}

fn convert(problem: &Diagnostic, text: &str) -> lsp_types::Diagnostic {
    let start = byte(text, Position { line: problem.line, column: problem.column });
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let length = span(text[line..].lines().next().unwrap_or(""), problem.column).len();
    let severity = if problem.is_error() { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING };
    let message = match &problem.help {
        Some(help) => format!("{}\n{help}", problem.message),
        None => problem.message.clone(),
    };
    lsp_types::Diagnostic {
        range: range(text, start..(start + length).min(text.len())),
        severity: Some(severity),
        code: Some(NumberOrString::String(problem.code.to_owned())),
        source: Some("keepwell".to_owned()),
        message,
        ..lsp_types::Diagnostic::default()
    }
}
