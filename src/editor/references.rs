//! Where the names of a file are defined, and everything that says them.

use std::ops::Range;
use std::sync::Arc;

use super::cursor::find;
use super::hover::word;
use super::place::{Place, places, shapes};
use super::spot::{PathPart, Spot};
use super::surroundings::Surroundings;
use crate::action::KINDS;
use crate::catalog;
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::Step;
use crate::playbook::form::PLAYBOOK;
use crate::playbook::reader::{KeyNames, NameOf, Shape};
use crate::playbook::source::SourceFile;
use crate::playbook::steps::{ID_KEY, is_step_id};
use crate::playbook::yaml::{self, Node, NodeValue};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the file was named when it was read.
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// In bytes.
    pub range: Range<usize>,
}

/// Why a name cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameRefusal {
    #[error("this file cannot be read at the moment: mend what is wrong with it first")]
    Broken,
    #[error("here stands no id of a step: only these can be renamed")]
    NoStep,
    #[error("the step `{0}` has no `id` of its own: give it one first")]
    NoId(String),
    #[error("`{0}` cannot be a step's id: use letters, digits, `-` and `_`; `next` and `end` are taken")]
    Invalid(String),
    #[error("there is a step `{0}` already")]
    Taken(String),
    #[error("the new name would change more than the step's id")]
    Ambiguous,
}

/// One place that says the id of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    id: String,
    range: Range<usize>,
    /// It is the `id` of the step itself.
    is_definition: bool,
}

/// Where what stands at a byte of a text is defined: a shared function, a step,
/// or a playbook that is named.
pub fn definition(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Option<Target> {
    let text = &*file.text;
    if offset > text.len() || !text.is_char_boundary(offset) {
        return None;
    }
    let name = word(text, offset, &[]);
    if text[..name.start].ends_with("::") {
        return shared_function(text, name, surroundings);
    }
    let here = |range| Target { file: file.path.clone(), text: file.text.clone(), range };
    let references = references(file).unwrap_or_default();
    if let Some(found) = at(&references, offset) {
        let defined = references.iter().find(|one| one.is_definition && one.id == found.id);
        return Some(here(defined.map_or_else(|| step(file, &found.id), |one| Some(one.range.clone()))?));
    }
    let cursor = find(text, offset);
    let names_playbook = |shape: &Shape| matches!(shape, Shape::Name(NameOf::Playbook));
    if matches!(cursor.spot, Spot::Comment)
        || !places(&PLAYBOOK, &cursor.path).into_iter().flat_map(shapes).any(|one| names_playbook(&one))
    {
        return None;
    }
    let other = surroundings.file_of(&text[word(text, offset, &['-'])])?;
    let start = other.text.find("playbook:")?;
    Some(Target { file: other.path.clone(), text: other.text.clone(), range: start..start + "playbook".len() })
}

/// Where the function of a module is defined whose name stands in a range of a
/// text, behind `::`.
pub(super) fn shared_function(text: &str, name: Range<usize>, surroundings: &Surroundings) -> Option<Target> {
    let before = text[..name.start].strip_suffix("::")?;
    let module = &before[word(before, before.len(), &[])];
    let (script, function) = surroundings.function(module, &text[name])?;
    let range = function.at..function.at + function.name.len();
    Some(Target { file: script.path.clone(), text: script.text.clone(), range })
}

/// Where the id of a step stands at a byte of a text, if one does.
pub fn renamable(file: &SourceFile, offset: usize) -> Result<Range<usize>, RenameRefusal> {
    let references = references(file).ok_or(RenameRefusal::Broken)?;
    let found = at(&references, offset).ok_or(RenameRefusal::NoStep)?;
    let is_defined = references.iter().any(|one| one.is_definition && one.id == found.id);
    if is_defined { Ok(found.range.clone()) } else { Err(RenameRefusal::NoId(found.id.clone())) }
}

/// Everything that must be replaced to call the step at a byte of a text by
/// another id. What the file says is the same afterwards but for this name.
pub fn rename(file: &SourceFile, offset: usize, new: &str) -> Result<Vec<Range<usize>>, RenameRefusal> {
    let range = renamable(file, offset)?;
    let old = file.text[range].to_owned();
    if !is_step_id(new) {
        return Err(RenameRefusal::Invalid(new.to_owned()));
    }
    let references = references(file).ok_or(RenameRefusal::Broken)?;
    let (ids, problems) = read(file).ok_or(RenameRefusal::Broken)?;
    if new != old && ids.iter().any(|id| id == new) {
        return Err(RenameRefusal::Taken(new.to_owned()));
    }
    let mut ranges: Vec<Range<usize>> =
        references.into_iter().filter(|one| one.id == old).map(|one| one.range).collect();
    ranges.sort_by_key(|range| range.start);
    ranges.dedup();
    let mut text = file.text.to_string();
    for range in ranges.iter().rev() {
        text.replace_range(range.clone(), new);
    }
    let renamed = read(&SourceFile { path: file.path.clone(), text: text.into() });
    let expected: Vec<String> = ids.into_iter().map(|id| if id == old { new.to_owned() } else { id }).collect();
    match renamed == Some((expected, problems)) {
        true => Ok(ranges),
        false => Err(RenameRefusal::Ambiguous),
    }
}

/// The ids of a file's steps, and how many mistakes it has.
fn read(file: &SourceFile) -> Option<(Vec<String>, usize)> {
    let mut problems = Vec::new();
    let draft = catalog::draft(file, &mut problems)?;
    let ids = Step::walk(&draft.playbook.steps).into_iter().map(|step| step.id.clone()).collect();
    Some((ids, problems.iter().filter(|problem| problem.is_error()).count()))
}

/// The kind of a step that has no id of its own.
fn step(file: &SourceFile, id: &str) -> Option<Range<usize>> {
    let draft = catalog::draft(file, &mut Vec::new())?;
    let steps = Step::walk(&draft.playbook.steps);
    let step = steps.into_iter().find(|step| step.id == id)?;
    let start = byte(&file.text, step.place);
    Some(start..start + step.kind.len())
}

fn at(references: &[Reference], offset: usize) -> Option<&Reference> {
    references.iter().find(|one| one.range.start <= offset && offset <= one.range.end)
}

/// Everything that says the id of a step; `None` where the file is no YAML.
fn references(file: &SourceFile) -> Option<Vec<Reference>> {
    let mut problems = Vec::new();
    let tree = yaml::read(&file.path, &file.text, &mut problems)?;
    if problems.iter().any(Diagnostic::is_error) {
        return None;
    }
    let mut found = Search { text: &file.text, path: Vec::new(), references: Vec::new() };
    found.node(&tree);
    found.calls();
    Some(found.references)
}

struct Search<'t> {
    text: &'t str,
    path: Vec<PathPart>,
    references: Vec<Reference>,
}

impl Search<'_> {
    fn node(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Mapping(entries) => {
                let places = places(&PLAYBOOK, &self.path);
                let is_step = places.iter().any(|place| matches!(place, Place::Body(_)));
                let has_ids = places
                    .into_iter()
                    .flat_map(shapes)
                    .any(|shape| matches!(shape, Shape::Map { keys: KeyNames::Of(NameOf::Step), .. }));
                for entry in entries {
                    if has_ids {
                        self.add(&entry.key, entry.key_place, false);
                    }
                    if let (true, Some(id)) = (is_step && entry.key == ID_KEY.name, entry.node.as_text()) {
                        self.add(id, entry.node.place, true);
                    }
                    self.path.push(PathPart::Key(entry.key.clone()));
                    self.node(&entry.node);
                    self.path.pop();
                }
            }
            NodeValue::Sequence(items) => {
                self.path.push(PathPart::Item);
                items.iter().for_each(|item| self.node(item));
                self.path.pop();
            }
            NodeValue::Text(source) => {
                let names = |shape: Shape| matches!(shape, Shape::Name(NameOf::Step | NameOf::Goto));
                if places(&PLAYBOOK, &self.path).into_iter().flat_map(shapes).any(names) {
                    self.add(&source.text, node.place, false);
                }
            }
            _ => {}
        }
    }

    /// Adds an id that stands at a place, with or without quotes.
    fn add(&mut self, id: &str, at: Position, is_definition: bool) {
        let start = byte(self.text, at);
        let start = start + usize::from(self.text[start..].starts_with(['"', '\'']));
        if self.text[start..].starts_with(id) {
            self.references.push(Reference { id: id.to_owned(), range: start..start + id.len(), is_definition });
        }
    }

    /// Calls such as `done("id")` in conditions, templates and scripts.
    fn calls(&mut self) {
        let scalars = yaml::scalars(self.text);
        for function in KINDS.iter().flat_map(|kind| kind.form().functions) {
            for (at, _) in self.text.match_indices(function) {
                let is_whole = !self.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let rest = &self.text[at + function.len()..];
                let Some(argument) = rest.trim_start().strip_prefix('(').filter(|_| is_whole) else { continue };
                let Some(quoted) = argument.trim_start().trim_start_matches('\\').strip_prefix('"') else { continue };
                let id = &quoted[..quoted.find(['"', '\\']).unwrap_or(0)];
                let start = self.text.len() - quoted.len();
                let place = position(self.text, start);
                if !id.is_empty() && scalars.iter().any(|scalar| scalar.holds(place)) {
                    let range = start..start + id.len();
                    self.references.push(Reference { id: id.to_owned(), range, is_definition: false });
                }
            }
        }
    }
}

/// The byte at a place of a text.
fn byte(text: &str, at: Position) -> usize {
    let start: usize = text.split_inclusive('\n').take(at.line.saturating_sub(1) as usize).map(str::len).sum();
    let line = text[start..].split('\n').next().unwrap_or("");
    start + line.char_indices().nth(at.column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at)
}

/// The place of a byte of a text.
fn position(text: &str, byte: usize) -> Position {
    let before = &text[..byte];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Position { line: count(before.matches('\n').count()), column: count(before[start..].chars().count()) }
}
