//! What a file is: a playbook, or a document of some kind, by its first key.

use super::kind::DocumentKind;
use super::{Document, PLAYBOOK_WORD, SURVEY_WORD, first_keys, head, kind, listed_first_keys, survey};
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::StepForm;
use crate::playbook::form::PLAYBOOK;
use crate::playbook::parse::{self, Draft, IdClaim};
use crate::playbook::reader::{Fields, short};
use crate::playbook::source::SourceFile;
use crate::playbook::yaml::{self, Node};

/// What could be read of a file, mistakes or not.
#[derive(Clone, Debug)]
pub enum FileDraft {
    Playbook(Box<Draft>),
    Document(Box<DocumentDraft>),
}

/// What could be read of a document's file.
#[derive(Clone, Debug)]
pub struct DocumentDraft {
    /// With harmless stand-ins for what is missing. Never to be evaluated unless
    /// it is whole.
    pub document: Document,
    /// Whether there was no error.
    pub is_whole: bool,
}

impl<'a> From<&'a Document> for IdClaim<'a> {
    fn from(document: &'a Document) -> IdClaim<'a> {
        IdClaim { id: &document.id, file: &document.file, place: document.place }
    }
}

/// Reads as much of a file as can be read. Every problem is added to `problems`;
/// `None` when it is no mapping, or of no kind. `forms` are those of all step kinds.
pub fn read(file: &SourceFile, forms: &[StepForm], problems: &mut Vec<Diagnostic>) -> Option<FileDraft> {
    let before = problems.len();
    let root = yaml::read(&file.path, &file.text, problems)?;
    match kind_of(&root) {
        Ok(FileKind::Playbook) => {
            parse::draft_of(file, &root, before, forms, problems).map(|draft| FileDraft::Playbook(Box::new(draft)))
        }
        Ok(FileKind::Survey) => {
            check_first_key(file, &root, SURVEY_WORD, survey::SURVEY.name, problems);
            let draft = survey::draft_of(file, &root, before, forms, problems);
            Some(FileDraft::Playbook(Box::new(draft)))
        }
        Ok(FileKind::Document(kind)) => {
            let document = document(file, &root, kind, problems);
            let is_whole = !problems[before..].iter().any(Diagnostic::is_error);
            Some(FileDraft::Document(Box::new(DocumentDraft { document, is_whole })))
        }
        Err(key) => {
            let place = root.as_mapping().and_then(|keys| keys.first()).map_or(root.place, |entry| entry.key_place);
            let message = format!("no file begins with `{}:`", short(key));
            let help = match nearest(key, first_keys()) {
                Some(near) => format!("did you mean `{near}:`? A file begins with {}", listed_first_keys()),
                None => format!("a file begins with {}", listed_first_keys()),
            };
            problems.push(Diagnostic::error("KW0119", &file.path, place, message).help(help));
            None
        }
    }
}

/// How a file is read.
enum FileKind {
    Playbook,
    /// As the playbook that asks it.
    Survey,
    Document(&'static DocumentKind),
}

/// The kind of a file's text. An error is a first key that
/// no kind of file begins with. Whatever has a playbook's keys is one, or shall
/// become one.
fn kind_of(root: &Node) -> Result<FileKind, &str> {
    let Some(keys) = root.as_mapping() else { return Ok(FileKind::Playbook) };
    if keys.iter().any(|entry| entry.key == PLAYBOOK_WORD) {
        return Ok(FileKind::Playbook);
    }
    // A survey has a key that is the first of scores.
    let first = keys.iter().find_map(|entry| match entry.key.as_str() {
        SURVEY_WORD => Some(FileKind::Survey),
        key => kind(key).map(FileKind::Document),
    });
    if let Some(kind) = first {
        return Ok(kind);
    }
    match keys.first() {
        Some(first) if !keys.iter().any(|entry| PLAYBOOK.key(&entry.key).is_some()) => Err(&first.key),
        // Most of a playbook's keys are nobody else's.
        Some(first) if PLAYBOOK.key(&first.key).is_none() && nearest(&first.key, first_keys()).is_some() => {
            Err(&first.key)
        }
        _ => Ok(FileKind::Playbook),
    }
}

/// Reports a file that begins with another key than that of its kind.
fn check_first_key(file: &SourceFile, root: &Node, word: &str, noun: &str, problems: &mut Vec<Diagnostic>) {
    let keys = root.as_mapping().unwrap_or_default();
    let Some(first) = keys.first().filter(|first| first.key != word) else { return };
    let place = keys.iter().find(|entry| entry.key == word).map_or(root.place, |entry| entry.key_place);
    let message = format!("`{word}:` is the first key of {noun}");
    let help = format!("move it before `{}:`", short(&first.key));
    problems.push(Diagnostic::error("KW0119", &file.path, place, message).help(help));
}

fn document(file: &SourceFile, root: &Node, kind: &'static DocumentKind, problems: &mut Vec<Diagnostic>) -> Document {
    let path = &file.path;
    check_first_key(file, root, kind.word, kind.noun, problems);
    let mut fields = Fields::new(path, root, kind.form, problems);
    let place = fields.key_place(kind.word).unwrap_or(root.place);
    fields = fields.at(place);
    let head = head::read(path, kind, &mut fields);
    let body = (kind.read)(path, &mut fields);
    fields.finish();
    Document {
        kind,
        id: head.id.unwrap_or_default(),
        file: path.clone(),
        text: file.text.clone(),
        place,
        about: head.about,
        schedule: head.schedule,
        timezone: head.timezone,
        body,
    }
}

/// The first key and the id that a file claims, read without understanding the
/// rest of it.
fn claim(text: &str) -> Option<(&'static str, String)> {
    let of_line = |line: &str| {
        let word = first_keys().find(|word| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')))?;
        let value = line[word.len() + 1..].split('#').next()?;
        Some((word, value.trim().trim_matches(['"', '\'']).to_owned()))
    };
    text.lines().find_map(of_line)
}

/// The id that a file claims, whatever its kind.
pub fn claimed_id(text: &str) -> Option<String> {
    claim(text).map(|(_, id)| id)
}

/// The kind that a file claims; `None` for a playbook, and where nothing is said.
pub fn claimed_kind(text: &str) -> Option<&'static DocumentKind> {
    claim(text).and_then(|(word, _)| kind(word))
}
