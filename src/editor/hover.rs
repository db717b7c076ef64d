//! What a word of a text means.

use std::ops::Range;

use super::completion::{Proposals, complete};
use super::cursor::find;
use super::place::key;
use super::spot::Spot;
use super::surroundings::{Surroundings, Written};
use crate::playbook::source::SourceFile;

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// In Markdown.
    pub text: String,
}

/// The word at a byte of a text: letters, digits and `_`, and `-` where `also`
/// says so.
pub(super) fn word(text: &str, offset: usize, also: &[char]) -> Range<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || also.contains(&c);
    let start = text[..offset]
        .rfind(|c: char| !is_part(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    let end = text[offset..].find(|c: char| !is_part(c)).map_or(text.len(), |at| offset + at);
    start..end
}

/// What the word at a byte of a text means, by what could stand there; `propose`
/// says so for the end of the word.
pub(super) fn meaning(text: &str, offset: usize, propose: impl Fn(usize) -> Proposals) -> Option<Meaning> {
    for also in [&[][..], &['-'][..]] {
        let range = word(text, offset, also);
        if range.is_empty() {
            continue;
        }
        let name = &text[range.clone()];
        let proposals = propose(range.end);
        let found = proposals.candidates.iter().find(|candidate| candidate.name == name);
        if let Some(found) = found.filter(|found| !found.detail.is_empty() || !found.documentation.is_empty()) {
            let head =
                if found.detail.is_empty() { format!("`{name}`") } else { format!("`{name}`: {}", found.detail) };
            let text = if found.documentation.is_empty() { head } else { format!("{head}\n\n{}", found.documentation) };
            return Some(Meaning { range, text });
        }
    }
    None
}

/// What the word at a byte of a file's text means; `None` where there is nothing
/// to say.
pub fn hover(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Option<Meaning> {
    let text = &*file.text;
    if !text.is_char_boundary(offset) || offset > text.len() {
        return None;
    }
    if let Some(found) = meaning(text, offset, |end| complete(file, end, surroundings)) {
        return Some(found);
    }
    // A value has the meaning of its key.
    let cursor = find(text, offset);
    let Spot::Value { .. } = cursor.spot else { return None };
    let key = key(Written::read(file, offset, surroundings).form, &cursor.path)?;
    let range = word(text, offset, &['-']);
    Some(Meaning { range, text: format!("`{}`\n\n{}", key.name, key.summary) })
}
