//! Where the values of a text stand, to tell a comment from what only looks
//! like one.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::lines::{Lines, place};
use crate::diagnostic::Position;

/// Where one scalar stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalarSpan {
    /// The line of its key or dash; of a text behind `|` or `>` not where the
    /// text begins.
    pub header: u32,
    pub start: Position,
    /// The place behind its last character.
    pub end: Position,
}

impl ScalarSpan {
    /// Whether a place is inside.
    pub fn holds(&self, at: Position) -> bool {
        self.start <= at && at < self.end
    }
}

/// The scalars of a text, in its order; those before its first mistake.
pub fn scalars(text: &str) -> Vec<ScalarSpan> {
    let lines = Lines::new(text);
    let mut found = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        let Event::Scalar(_, style, ..) = event else { continue };
        let start = place(span.start);
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let (header, start, end) = match is_block {
            true => block(&lines, start),
            false if style == ScalarStyle::Plain => (start.line, start, place(span.end)),
            false => (start.line, start, behind_quotes(&lines.text[lines.byte(span.start)..], start)),
        };
        found.push(ScalarSpan { header, start, end });
    }
    found
}

/// The place behind the closing quote of a text that begins with its quote; the
/// parser's own end lies behind a comment.
fn behind_quotes(text: &str, start: Position) -> Position {
    let mut at = start;
    let mut chars = text.chars().peekable();
    let quote = chars.next();
    at.column += 1;
    while let Some(c) = chars.next() {
        match c {
            '\n' => (at.line, at.column) = (at.line + 1, 0),
            // What follows is part of the text, whatever it is.
            '\\' if quote == Some('"') && chars.peek() != Some(&'\n') => {
                chars.next();
                at.column += 1;
            }
            '\'' if quote == Some('\'') && chars.peek() == Some(&'\'') => {
                chars.next();
                at.column += 1;
            }
            c if Some(c) == quote => {
                at.column += 1;
                break;
            }
            _ => {}
        }
        at.column += 1;
    }
    at
}

/// The header, the start and the end of a text whose content begins at a place.
fn block(lines: &Lines, content: Position) -> (u32, Position, Position) {
    let line = |number: u32| lines.line(number as usize);
    let mut header = content.line.saturating_sub(1);
    while header > 1 && line(header).trim().is_empty() {
        header -= 1;
    }
    let indent = content.column as usize - 1;
    let last = u32::try_from(lines.count()).unwrap_or(u32::MAX);
    let mut end = content.line;
    while end < last {
        let next = line(end + 1);
        let spaces = next.len() - next.trim_start_matches(' ').len();
        if !next.trim().is_empty() && spaces < indent {
            break;
        }
        end += 1;
    }
    let start = Position { line: content.line, column: 1 };
    (header, start, Position { line: end.saturating_add(1), column: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_stand() {
        let text = "a: x  # no\nb: |  # no\n\n  one # yes\n\n  two\n# no\nc: 'y # yes'\nd: { e: \"z\n    # yes\" }\n";
        let scalars = scalars(text);
        let inside = |line: u32| {
            let row = text.lines().nth(line as usize - 1).unwrap_or_default();
            let at = row.find('#').map_or(1, |at| at as u32 + 1);
            scalars.iter().any(|scalar| scalar.holds(Position { line, column: at }))
        };
        let found: Vec<u32> = [1, 2, 4, 7, 8, 10].into_iter().filter(|line| inside(*line)).collect();
        assert_eq!(found, [4, 8, 10]);
        let quoted = "a: \"x\\\" # yes\" # it's no\nb: 'it''s # yes' # no\n";
        let found: Vec<bool> = [1, 2]
            .into_iter()
            .flat_map(|line| {
                let row = quoted.lines().nth(line as usize - 1).unwrap_or_default();
                let places = row.match_indices('#').map(|(at, _)| Position { line, column: at as u32 + 1 });
                let within = super::scalars(quoted);
                places.map(|at| within.iter().any(|scalar| scalar.holds(at))).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(found, [true, false, true, false]);
        let block = scalars.iter().find(|scalar| scalar.start.line == 4).map(|scalar| (scalar.header, scalar.end.line));
        assert_eq!(block, Some((2, 7)), "{scalars:?}");
    }
}
