//! What a place of a playbook's text is.

use std::ops::Range;

/// One step of the way from the top of a file to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    Key(String),
    /// An item of a list.
    Item,
}

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Of a value, the way to it; of a key, the way to its mapping.
    pub path: Vec<PathPart>,
    pub spot: Spot,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Where a key, an item or a value begins; its first byte. The keys are those
    /// that the mapping around it has besides.
    Start {
        at: usize,
        siblings: Vec<String>,
    },
    /// Inside of a key's value, which begins at this byte.
    Value {
        at: usize,
    },
    Comment,
}

/// How many spaces a text begins with.
pub(super) fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// The key that a text begins with, without its quotes, and the place behind
/// its colon.
pub(super) fn key(text: &str) -> Option<(Range<usize>, usize)> {
    let first = text.chars().next()?;
    let (key, colon) = if matches!(first, '"' | '\'') {
        let end = 1 + text[1..].find(first)?;
        let colon = end + 1 + indent(&text[end + 1..]);
        (1..end, colon)
    } else {
        if "{}[]#|>&*!%@`,".contains(first) {
            return None;
        }
        let ends = |at: &usize| text[at + 1..].chars().next().is_none_or(char::is_whitespace);
        let colon = text.match_indices(':').map(|(at, _)| at).find(ends)?;
        (0..text[..colon].trim_end().len(), colon)
    };
    let is_key = text[colon..].starts_with(':') && !text[key.clone()].contains(" #");
    is_key.then_some((key, colon + 1))
}
