//! Places as editors count them: lines from 0, and in a line the units of UTF-16.

use std::ops::Range;

use lsp_types::{Position, Range as EditorRange};

/// The byte of a text at a place; the end of its line, or of the text, where the
/// place lies behind it.
pub fn offset(text: &str, place: Position) -> usize {
    let mut start = 0;
    for _ in 0..place.line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let line = text[start..].split('\n').next().unwrap_or("");
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut units = 0;
    for (at, c) in line.char_indices() {
        if units >= place.character {
            return start + at;
        }
        units += if c.len_utf16() == 2 { 2 } else { 1 };
    }
    start + line.len()
}

/// The place of a byte of a text.
pub fn place(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: count(before.matches('\n').count()), character: count(before[start..].encode_utf16().count()) }
}

/// The places of a range of bytes.
pub fn range(text: &str, bytes: Range<usize>) -> EditorRange {
    EditorRange { start: place(text, bytes.start), end: place(text, bytes.end) }
}

/// The byte of a place as diagnostics count: both from 1, in characters.
pub fn byte(text: &str, at: crate::diagnostic::Position) -> usize {
    let lines = text.split_inclusive('\n').take(at.line.saturating_sub(1) as usize);
    let start: usize = lines.map(str::len).sum();
    let line = text[start..].split('\n').next().unwrap_or("");
    let column = at.column.saturating_sub(1) as usize;
    start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_are_the_same_both_ways() {
        let text = "a: é\r\n\n  b: 😀 x\nlast";
        for (at, _) in text.char_indices().filter(|(_, c)| *c != '\n') {
            assert_eq!(offset(text, place(text, at)), at, "{at}");
        }
        let smile = text.find('x').expect("an x");
        assert_eq!(place(text, smile), Position { line: 2, character: 8 });
        assert_eq!(offset(text, Position { line: 0, character: 99 }), "a: é".len());
        assert_eq!(offset(text, Position { line: 9, character: 0 }), text.len());
        assert_eq!(byte(text, crate::diagnostic::Position { line: 3, column: 8 }), smile);
    }
}
