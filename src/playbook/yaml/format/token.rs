//! The pieces of a YAML text: scalars as the parser finds them, and the
//! indicators and comments between them.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::super::lines::Lines;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `-` before an item of a list.
    Dash,
    /// `:` behind a key.
    Colon,
    Comma,
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// Text with or without quotes, on one line or several.
    Scalar,
    /// The header of a text behind `|` or `>`.
    Block,
    Comment,
    /// `---` or `...`.
    Marker,
}

/// One piece of the text.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub kind: TokenKind,
    pub text: &'t str,
    /// The line on which it begins, from 0.
    pub line: usize,
    /// The characters before it on its line.
    pub column: usize,
    /// The line on which it ends; of a block the last line of its content.
    pub end_line: usize,
    /// The content of a block without its indentation.
    pub content: Vec<&'t str>,
}

/// A scalar as the parser found it.
struct Found {
    start: usize,
    end: usize,
    style: ScalarStyle,
    text: String,
}

/// Takes a text apart; `None` where it cannot be parsed or has what authors'
/// files do not have, such as directives and anchors. Lines end with `\n`.
pub(super) fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut lexer = Lexer { text, at: 0, line: 0, line_start: 0, tokens: Vec::new() };
    let mut found = scalars(text)?.into_iter().peekable();
    while let Some(c) = text[lexer.at..].chars().next() {
        if c.is_whitespace() {
            lexer.skip(c.len_utf8());
            continue;
        }
        let is_block = matches!(c, '|' | '>');
        if let Some(next) = found.next_if(|next| next.is_block() == is_block && (is_block || next.start == lexer.at)) {
            if is_block {
                lexer.block(&next.text)?
            } else {
                lexer.push(TokenKind::Scalar, next.end - next.start)
            }
            continue;
        }
        let rest = &text[lexer.at..];
        let is_alone = |length: usize| rest[length..].chars().next().is_none_or(char::is_whitespace);
        let starts_line = lexer.at == lexer.line_start;
        match c {
            '#' => lexer.push(TokenKind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '-' | '.' if starts_line && (rest.starts_with("---") || rest.starts_with("...")) && is_alone(3) => {
                lexer.push(TokenKind::Marker, 3);
            }
            '-' if is_alone(1) => lexer.push(TokenKind::Dash, 1),
            ':' => lexer.push(TokenKind::Colon, 1),
            ',' => lexer.push(TokenKind::Comma, 1),
            '{' | '[' => lexer.push(TokenKind::Open, 1),
            '}' | ']' => lexer.push(TokenKind::Close, 1),
            _ => return None,
        }
    }
    found.peek().is_none().then_some(lexer.tokens)
}

impl Found {
    fn is_block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }
}

fn scalars(text: &str) -> Option<Vec<Found>> {
    let lines = Lines::new(text);
    let mut found = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.ok()?;
        let Event::Scalar(value, style, anchor, tag) = event else { continue };
        if anchor > 0 || tag.is_some() {
            return None;
        }
        let start = lines.byte(span.start);
        let end = match style {
            // A value that is not there.
            ScalarStyle::Plain if value.is_empty() => continue,
            ScalarStyle::Plain => start + text[start..lines.byte(span.end)].trim_end().len(),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => start + quoted_length(&text[start..]),
            _ => start,
        };
        found.push(Found { start, end, style, text: value.into_owned() });
    }
    Some(found)
}

/// The bytes of a text that begins with its quote, both quotes included.
fn quoted_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == Some('"') => drop(chars.next()),
            '\'' if quote == Some('\'') && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if Some(c) == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

struct Lexer<'t> {
    text: &'t str,
    /// The byte that comes next.
    at: usize,
    line: usize,
    /// The byte at which the line starts.
    line_start: usize,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn skip(&mut self, bytes: usize) {
        let skipped = &self.text[self.at..self.at + bytes];
        if let Some(last) = skipped.rfind('\n') {
            self.line += skipped.matches('\n').count();
            self.line_start = self.at + last + 1;
        }
        self.at += bytes;
    }

    fn push(&mut self, kind: TokenKind, bytes: usize) {
        let (line, column) = (self.line, self.text[self.line_start..self.at].chars().count());
        let text = self.text[self.at..self.at + bytes].trim_end();
        self.skip(bytes);
        self.tokens.push(Token { kind, text, line, column, end_line: self.line, content: Vec::new() });
    }

    /// A block with the comment on the line of its header. `None` where nobody
    /// can say where the content begins.
    fn block(&mut self, value: &str) -> Option<()> {
        let line = self.text[self.at..].split('\n').next().unwrap_or("");
        let header = line.split([' ', '\t']).next().unwrap_or("");
        self.push(TokenKind::Block, header.len());
        let block = self.tokens.len() - 1;
        let remark = line[header.len()..].trim_start();
        self.skip(line.len() - header.len() - remark.len());
        if !remark.is_empty() {
            self.push(TokenKind::Comment, remark.len());
        }
        if self.at == self.text.len() {
            return Some(());
        }
        self.skip(1);
        let lines: Vec<&str> = self.text[self.at..].split_terminator('\n').collect();
        let content = content(&lines, value, header.contains('+'))?;
        let bytes: usize = lines[..content.len()].iter().map(|line| line.len() + 1).sum();
        let end = (self.at + bytes).min(self.text.len());
        self.tokens[block].end_line += content.len();
        self.tokens[block].content = content;
        self.skip(end - self.at);
        Some(())
    }
}

/// The lines of a block's content, without their indentation.
fn content<'t>(lines: &[&'t str], value: &str, keeps_blank: bool) -> Option<Vec<&'t str>> {
    let spaces = |text: &str| text.len() - text.trim_start_matches(' ').len();
    let first = lines.iter().position(|line| !line.trim().is_empty());
    let begin = value.trim_start_matches('\n');
    let blank_lines = first.unwrap_or(lines.len());
    if begin.is_empty() {
        return Some(if keeps_blank { vec![""; blank_lines] } else { Vec::new() });
    }
    let first = lines[first?];
    if begin.lines().next().is_none_or(|line| line.trim().is_empty()) {
        return None;
    }
    let indent = spaces(first).checked_sub(spaces(begin))?;
    let is_inside = |line: &&&str| line.trim_matches(' ').is_empty() || spaces(line) >= indent;
    let all: Vec<&str> = lines.iter().take_while(is_inside).copied().collect();
    let has_text = |line: &&str| line.len() > indent || !line.trim().is_empty();
    let last = all.iter().rposition(has_text).map_or(0, |last| last + 1);
    let kept = if keeps_blank { all.len() } else { last };
    Some(all[..kept].iter().map(|line| line.get(indent..).unwrap_or("")).collect())
}
