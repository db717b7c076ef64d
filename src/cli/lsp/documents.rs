//! The texts that are open in the editor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, TextDocumentContentChangeEvent,
    Uri,
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use url::Url;

use super::position::offset;
use crate::cli::Global;
use crate::config::{Config, DEFAULT_FILE};
use crate::diagnostic::Diagnostic;
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};

/// What an open text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    Playbook,
    Script,
    Configuration,
}

/// One open text of ours.
#[derive(Clone, Debug)]
pub struct Document {
    pub kind: DocumentKind,
    /// As diagnostics name the file.
    pub name: Arc<str>,
    pub version: i32,
    pub text: Arc<str>,
}

/// Those texts that are playbooks, scripts or the configuration; editors open
/// others, too.
#[derive(Clone, Debug)]
pub struct Documents {
    folders: Folders,
    open: BTreeMap<String, Document>,
}

/// Where files are, and what they are called.
#[derive(Clone, Debug)]
struct Folders {
    here: PathBuf,
    playbooks: PathBuf,
    scripts: PathBuf,
    config: PathBuf,
}

/// The path that a URI names, if it is one of a file.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}

impl Documents {
    pub fn new(global: &Global) -> anyhow::Result<Documents> {
        let here = std::env::current_dir().context("the working folder is not known")?;
        let config = global.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let (playbooks, scripts) = (global.playbooks.clone(), global.scripts.clone());
        Ok(Documents { folders: Folders { here, playbooks, scripts, config }, open: BTreeMap::new() })
    }

    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri.as_str())
    }

    /// The open texts with their URIs.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.open.iter().map(|(uri, document)| (uri.as_str(), document))
    }

    /// Whether it is a text of ours; so do the others.
    pub fn open(&mut self, params: Json) -> bool {
        let Some(DidOpenTextDocumentParams { text_document: opened }) = read(params) else { return false };
        let Some((kind, name)) = path_of(&opened.uri).and_then(|path| self.folders.classify(&path)) else {
            return false;
        };
        let document = Document { kind, name, version: opened.version, text: opened.text.into() };
        self.open.insert(opened.uri.as_str().to_owned(), document);
        true
    }

    pub fn change(&mut self, params: Json) -> bool {
        let Some(DidChangeTextDocumentParams { text_document: changed, content_changes }) = read(params) else {
            return false;
        };
        let Some(document) = self.open.get_mut(changed.uri.as_str()) else { return false };
        let mut text = document.text.to_string();
        for TextDocumentContentChangeEvent { range, text: new, .. } in content_changes {
            match range {
                Some(range) => {
                    let (start, end) = (offset(&text, range.start), offset(&text, range.end));
                    text.replace_range(start..end.max(start), &new);
                }
                None => text = new,
            }
        }
        document.text = text.into();
        document.version = changed.version;
        true
    }

    pub fn close(&mut self, params: Json) -> bool {
        let Some(DidCloseTextDocumentParams { text_document: closed }) = read(params) else { return false };
        self.open.remove(closed.uri.as_str()).is_some()
    }

    /// The URI of a file that diagnostics name.
    pub fn uri(&self, name: &str) -> Option<Uri> {
        if let Some((uri, _)) = self.open.iter().find(|(_, document)| *document.name == *name) {
            return uri.parse().ok();
        }
        Url::from_file_path(self.folders.here.join(name)).ok()?.as_str().parse().ok()
    }

    /// All files, as they are in the editor or else on disk.
    pub fn sources(&self) -> SourceSet {
        let mut sources = SourceSet::read(std::slice::from_ref(&self.folders.playbooks), &self.folders.scripts);
        for document in self.open.values() {
            let Document { name, text, .. } = document;
            let is_other = |problem: &Diagnostic| problem.file != **name;
            match document.kind {
                DocumentKind::Playbook => {
                    sources.playbooks.retain(|file| file.path != *name);
                    sources.playbooks.push(SourceFile { path: name.clone(), text: text.clone() });
                    sources.problems.retain(is_other);
                }
                DocumentKind::Script => {
                    let module = Path::new(&**name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                    sources.scripts.retain(|file| file.path != *name);
                    let file =
                        ScriptFile { module: module.unwrap_or_default(), path: name.clone(), text: text.clone() };
                    sources.scripts.push(file);
                    sources.problems.retain(is_other);
                }
                DocumentKind::Configuration => {}
            }
        }
        sources.playbooks.sort_by(|one, other| one.path.cmp(&other.path));
        sources.scripts.sort_by(|one, other| one.path.cmp(&other.path));
        sources
    }

    /// The configuration, likewise, with what is wrong in it.
    pub fn config(&self, global: &Global) -> (Config, Vec<Diagnostic>) {
        match self.open.values().find(|document| document.kind == DocumentKind::Configuration) {
            Some(document) => Config::parse(&document.file()),
            None => Config::read(global.config.as_deref()),
        }
    }
}

impl Document {
    /// The text as a file.
    pub fn file(&self) -> SourceFile {
        SourceFile { path: self.name.clone(), text: self.text.clone() }
    }
}

impl Folders {
    /// What a file is, and what it is called; `None` for one that is not ours.
    fn classify(&self, path: &Path) -> Option<(DocumentKind, Arc<str>)> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let path = real(path.parent()?).join(path.file_name()?);
        let below = |folder: &Path| {
            let rest = path.strip_prefix(real(&self.here.join(folder))).ok()?;
            Some(folder.join(rest).to_string_lossy().into())
        };
        let ends_with =
            |endings: &[&str]| path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known));
        if path == real(&self.here.join(&self.config)) {
            return Some((DocumentKind::Configuration, self.config.to_string_lossy().into()));
        }
        if ends_with(&["yaml", "yml"]) {
            return Some((DocumentKind::Playbook, below(&self.playbooks)?));
        }
        ends_with(&["rhai"]).then(|| Some((DocumentKind::Script, below(&self.scripts)?)))?
    }
}

fn read<T: DeserializeOwned>(params: Json) -> Option<T> {
    serde_json::from_value(params).ok()
}
