//! From the parser's markers to places in the text.

use std::sync::Arc;

use saphyr_parser::{Marker, ScalarStyle, Span};

use crate::diagnostic::Position;
use crate::playbook::{Layout, Origin};

/// Characters between two remembered byte offsets.
const STRIDE: usize = 64;

/// A text by lines, with fast access by character.
pub(super) struct Lines<'t> {
    pub text: &'t str,
    lines: Vec<&'t str>,
    /// The byte offset of every `STRIDE`th character.
    offsets: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t str) -> Self {
        // A lone carriage return ends a line too, as the parser counts.
        let mut lines = Vec::new();
        let mut rest = text;
        while let Some(end) = rest.find(['\n', '\r']) {
            lines.push(&rest[..end]);
            let ending = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
            rest = &rest[end + ending..];
        }
        lines.push(rest);
        let offsets = text.char_indices().step_by(STRIDE).map(|(offset, _)| offset).collect();
        Lines { text, lines, offsets }
    }

    /// How many lines there are; one behind a last newline counts.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// A line by its 1-based number, without its ending; empty past the end.
    pub fn line(&self, number: usize) -> &'t str {
        number.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or("")
    }

    /// The byte offset of a marker.
    pub fn byte(&self, marker: Marker) -> usize {
        let index = marker.index();
        let Some(start) = self.offsets.get(index / STRIDE).copied() else {
            return self.text.len();
        };
        self.text[start..].char_indices().nth(index % STRIDE).map_or(self.text.len(), |(offset, _)| start + offset)
    }

    /// The text from one marker to another.
    pub fn between(&self, start: Marker, end: Marker) -> &'t str {
        self.text.get(self.byte(start)..self.byte(end)).unwrap_or("")
    }

    /// How positions inside a scalar map to the file.
    pub fn origin(&self, file: &Arc<str>, value: &str, style: ScalarStyle, span: Span) -> Origin {
        let start = place(span.start);
        let raw = &self.text[self.byte(span.start)..];
        let one_line = !value.contains(['\n', '\r']);
        let (start, layout) = match style {
            ScalarStyle::Plain if one_line && raw.starts_with(value) => (start, Layout::Inline),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
                if one_line
                    && raw
                        .get(1..)
                        .and_then(|inner| inner.strip_prefix(value))
                        .is_some_and(|rest| rest.starts_with(['"', '\''])) =>
            {
                let inside = Position { column: start.column + 1, ..start };
                (inside, Layout::Inline)
            }
            // The parser's span begins at the first line with content.
            ScalarStyle::Literal
                if !value.trim().is_empty()
                    && raw.starts_with(value.trim_start_matches('\n').lines().next().unwrap_or("")) =>
            {
                let lead = value.chars().take_while(|c| *c == '\n').count();
                let layout = Layout::Block {
                    first_line: start.line,
                    indent: start.column - 1,
                    lead: u32::try_from(lead).unwrap_or(u32::MAX),
                };
                (start, layout)
            }
            _ => (start, Layout::Opaque),
        };
        Origin { file: file.clone(), start, layout }
    }
}

/// A marker as people count: both from 1.
pub(super) fn place(marker: Marker) -> Position {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: small(marker.line()), column: small(marker.col()).saturating_add(1) }
}
