//! What can be started from the lines of a playbook.

use crate::diagnostic::Position;
use crate::playbook::document::{PLAYBOOK_WORD, SURVEY_WORD};
use crate::playbook::source::SourceFile;
use crate::playbook::yaml::{self, Entry, Node};

/// A case, with where its name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLine {
    pub name: String,
    pub place: Position,
}

/// Where the key `playbook` or `survey` stands; `None` where the text is no YAML, or has
/// neither.
pub fn playbook_line(file: &SourceFile) -> Option<Position> {
    let tree = yaml::read(&file.path, &file.text, &mut Vec::new())?;
    let entries = tree.as_mapping()?;
    let first = find(entries, PLAYBOOK_WORD).or_else(|| find(entries, SURVEY_WORD))?;
    Some(first.key_place)
}

/// The cases of a playbook, in the order of the text; none where it is no YAML.
pub fn cases(file: &SourceFile) -> Vec<CaseLine> {
    let tree = yaml::read(&file.path, &file.text, &mut Vec::new());
    let entries = tree.as_ref().and_then(Node::as_mapping).unwrap_or_default();
    let tests = find(entries, "tests").and_then(|entry| entry.node.as_sequence()).unwrap_or_default();
    let case = |case: &Node| {
        let name = find(case.as_mapping()?, "name")?;
        Some(CaseLine { name: name.node.as_text()?.to_owned(), place: name.key_place })
    };
    tests.iter().filter_map(case).collect()
}

fn find<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key == key)
}
