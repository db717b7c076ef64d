//! A template's text, taken apart: words, `{{ … }}`, `{% … %}` and `{# … #}`.
//!
//! What stands inside of the braces is not read here, but for its quoted texts,
//! in which braces and `|` mean nothing.

use crate::diagnostic::Diagnostic;
use crate::playbook::{Layout, Origin, Source};

/// The code of a template that cannot be read.
pub(super) const UNREADABLE: &str = "KW0301";

/// A 1-based place inside of a template, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub line: u32,
    pub column: u32,
}

/// A part of a text, with where it begins in its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    pub text: &'a str,
    pub at: Spot,
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Printed as it stands.
    Words(&'a str),
    /// What stands between `{{` and `}}`.
    Print(Fragment<'a>),
    /// What stands between `{%` and `%}`; `open` is where its `{%` stands.
    Tag { inside: Fragment<'a>, open: Spot },
}

impl<'a> Fragment<'a> {
    /// Without the blanks around it.
    pub fn trim(self) -> Fragment<'a> {
        let rest = self.text.trim_start();
        let (before, _) = self.text.split_at(self.text.len() - rest.len());
        Fragment { text: rest.trim_end(), at: self.at.after(before) }
    }

    /// What follows after so many bytes.
    pub fn from(self, at: usize) -> Fragment<'a> {
        Fragment { text: &self.text[at..], at: self.at.after(&self.text[..at]) }
    }

    /// This part as a text of its own, whose places are those of the template.
    pub fn source(self, template: &Source) -> Source {
        let origin = &template.origin;
        let Spot { line, column } = self.at;
        let indented = column.saturating_sub(1);
        let (layout, pad) = match origin.layout {
            Layout::Inline => (Layout::Inline, 0),
            Layout::Block { first_line, indent, lead } => {
                let first_line = first_line + line.saturating_sub(1);
                match self.text.contains('\n') {
                    // Only its first line is indented by what stands before it.
                    true => (Layout::Block { first_line, indent, lead }, indented as usize),
                    false => (Layout::Block { first_line, indent: indent + indented, lead }, 0),
                }
            }
            // Its first place is not that of the whole value.
            Layout::Opaque => (Layout::Opaque, 1),
        };
        let mut start = origin.start;
        if layout == Layout::Inline {
            start.column += indented;
        }
        let text = format!("{}{}", " ".repeat(pad), self.text);
        Source { text: text.into(), origin: Origin { file: origin.file.clone(), start, layout } }
    }
}

impl Spot {
    /// The place behind a text that begins here.
    pub fn after(self, text: &str) -> Spot {
        match text.rsplit_once('\n') {
            Some((before, last)) => Spot {
                line: self.line + 1 + before.matches('\n').count() as u32,
                column: 1 + last.chars().count() as u32,
            },
            None => Spot { line: self.line, column: self.column + text.chars().count() as u32 },
        }
    }
}

/// The pieces of a template, and what is wrong with its braces.
///
/// As people expect of a tag on its own line, it leaves no line behind: blanks
/// before a tag or a remark that begins its line are left out, and so is the
/// line break right after one, and the last of the template.
pub(super) fn split<'a>(source: &'a Source) -> (Vec<Piece<'a>>, Vec<Diagnostic>) {
    let whole: &str = &source.text;
    let whole = whole.strip_suffix('\n').map_or(whole, |text| text.strip_suffix('\r').unwrap_or(text));
    let (mut pieces, mut problems) = (Vec::new(), Vec::new());
    let mut rest = Fragment { text: whole, at: Spot { line: 1, column: 1 } };
    while let Some(open) = next_open(rest.text) {
        let begins = whole.len() - rest.text.len() + open;
        let (words, tag) = (&rest.text[..open], rest.from(open));
        let is_print = tag.text.starts_with("{{");
        let words = if is_print { words } else { without_indent(words, &whole[..begins]) };
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        let close = match &tag.text[..2] {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        let inside = tag.from(2);
        let end = if close == "#}" { inside.text.find(close) } else { end_of_tag(inside.text, close) };
        let Some(end) = end else {
            let message = format!("this `{}` is never closed", &tag.text[..2]);
            let problem = source.error(UNREADABLE, tag.at.line, tag.at.column, message);
            problems.push(problem.help(format!("end it with `{close}`")));
            rest = inside;
            continue;
        };
        let part = Fragment { text: &inside.text[..end], at: inside.at };
        match close {
            "}}" => pieces.push(Piece::Print(part)),
            "%}" => pieces.push(Piece::Tag { inside: part, open: tag.at }),
            _ => {}
        }
        let behind = &inside.text[end + 2..];
        let line_break = match is_print {
            true => 0,
            false if behind.starts_with("\r\n") => 2,
            false => usize::from(behind.starts_with('\n')),
        };
        rest = inside.from(end + 2 + line_break);
    }
    if !rest.text.is_empty() {
        pieces.push(Piece::Words(rest.text));
    }
    (pieces, problems)
}

/// The parts of an expression with filters: what stands between single `|`
/// outside of brackets and quoted texts; and where such a sign stands inside of
/// brackets.
pub(super) fn filters(inside: Fragment) -> (Vec<Fragment>, Vec<Spot>) {
    let (mut parts, mut within) = (Vec::new(), Vec::new());
    let (mut from, mut at, mut depth) = (0, 0, 0_u32);
    let text = inside.text;
    let mut from_spot = inside.at;
    while let Some(c) = text[at..].chars().next() {
        let here = &text[at..];
        if let Some(length) = quoted_length(here) {
            at += length;
            continue;
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '|' if here.starts_with("||") => at += 1,
            '|' if depth == 0 => {
                parts.push(Fragment { text: &text[from..at], at: from_spot });
                from_spot = from_spot.after(&text[from..=at]);
                from = at + 1;
            }
            '|' => within.push(from_spot.after(&text[from..at])),
            _ => {}
        }
        at += c.len_utf8();
    }
    parts.push(Fragment { text: &text[from..], at: from_spot });
    (parts, within)
}

/// Where the next braces open, in bytes.
fn next_open(text: &str) -> Option<usize> {
    text.match_indices('{').map(|(at, _)| at).find(|at| opens(&text[*at..]))
}

fn opens(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.starts_with(open))
}

/// Where the end of a tag stands, in bytes; `None` where the next tag begins
/// before it, or the text ends.
fn end_of_tag(text: &str, close: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let here = &text[at..];
        if here.starts_with(close) {
            return Some(at);
        }
        if opens(here) {
            break;
        }
        at += quoted_length(here).unwrap_or(c.len_utf8());
    }
    // A quote that is not closed hides no end.
    let end = text.find(close)?;
    next_open(text).is_none_or(|next| end < next).then_some(end)
}

/// The length of a quoted text that begins here and ends on its line. Single
/// quotes are not ours, which is said elsewhere.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The words before a tag without the blanks that only indent it.
fn without_indent<'a>(words: &'a str, before_tag: &str) -> &'a str {
    let line = before_tag.rfind('\n').map_or(before_tag, |at| &before_tag[at + 1..]);
    if !line.chars().all(char::is_whitespace) {
        return words;
    }
    words.trim_end_matches(|c: char| c.is_whitespace() && c != '\n' && c != '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Position;

    fn source(text: &str) -> Source {
        let start = Position { line: 7, column: 11 };
        Source { text: text.into(), origin: Origin { file: "p.yaml".into(), start, layout: Layout::Inline } }
    }

    /// The pieces as `words`, `{inside@line:column}` and `<inside@line:column>`.
    fn shown(text: &str) -> Vec<String> {
        let source = source(text);
        let (pieces, problems) = split(&source);
        let place = |part: &Fragment| format!("{}@{}:{}", part.trim().text, part.trim().at.line, part.trim().at.column);
        let problems = problems.iter().map(|problem| format!("! {} at {}", problem.message, problem.column - 10));
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Words(words) => (*words).to_owned(),
                Piece::Print(inside) => format!("{{{}}}", place(inside)),
                Piece::Tag { inside, .. } => format!("<{}>", place(inside)),
            })
            .chain(problems)
            .collect()
    }

    #[test]
    fn braces_are_found_and_placed() {
        for (text, pieces) in [
            ("", &[][..]),
            ("Hello { } }} %} #}", &["Hello { } }} %} #}"]),
            ("Hi {{ a }}, {{b}}!", &["Hi ", "{a@1:7}", ", ", "{b@1:15}", "!"]),
            ("🙂 {{ a }}\n{{ b }}", &["🙂 ", "{a@1:6}", "\n", "{b@2:4}"]),
            ("{{ \"}}\" }}{{ `%}` }}", &["{\"}}\"@1:4}", "{`%}`@1:14}"]),
            ("{{ \"a \\\" }} b\" }}", &["{\"a \\\" }} b\"@1:4}"]),
            ("{{ it's }} and {{ b }}", &["{it's@1:4}", " and ", "{b@1:19}"]),
            ("{{ \"a }} and {{ b }}", &["{\"a@1:4}", " and ", "{b@1:17}"]),
            ("a{# {{ b }} #}c", &["a", "c"]),
            ("{{ a", &[" a", "! this `{{` is never closed at 1"]),
            ("{{ a, {{ b }}", &[" a, ", "{b@1:10}", "! this `{{` is never closed at 1"]),
            ("x{% if a", &["x", " if a", "! this `{%` is never closed at 2"]),
            ("{# a {{ b }}", &[" a ", "{b@1:9}", "! this `{#` is never closed at 1"]),
        ] {
            let found = shown(text);
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found, pieces, "{text}");
        }
    }

    #[test]
    fn a_tag_on_its_own_line_leaves_no_line() {
        for (text, words) in [
            ("- a\n  {% if x %}\n- b\n  {% endif %}\n- c\n", "- a\n- b\n- c"),
            ("a\n{# remark #}\nb", "a\nb"),
            ("a {% if x %} b {% endif %} c", "a  b  c"),
            ("a {% if x %}\nb", "a b"),
            ("a\r\n  {% if x %}\r\nb\r\n", "a\r\nb"),
            ("  {{ x }}\n  {% if x %} b", "  \n b"),
            ("{% if x %}\n\nb\n\n{% endif %}\n\nc\n\n", "\nb\n\n\nc\n"),
        ] {
            let source = source(text);
            let pieces = split(&source).0;
            let printed: String = pieces
                .iter()
                .filter_map(|piece| if let Piece::Words(words) = piece { Some(*words) } else { None })
                .collect();
            assert_eq!(printed, words, "{text:?}");
        }
    }

    #[test]
    fn single_bars_separate_filters() {
        let at = Spot { line: 1, column: 1 };
        for (text, parts, within) in [
            ("a", &["a"][..], &[][..]),
            ("a | b", &["a ", " b"], &[]),
            ("a || b | c", &["a || b ", " c"], &[]),
            ("\"a|b\" | f(\"|\") | g('|')", &["\"a|b\" ", " f(\"|\") ", " g('|')"], &[]),
            ("(a | b) > 3", &["(a | b) > 3"], &[4]),
            ("a | f(b | c)", &["a ", " f(b | c)"], &[9]),
            ("|", &["", ""], &[]),
        ] {
            let (found, inside) = filters(Fragment { text, at });
            assert_eq!(found.iter().map(|part| part.text).collect::<Vec<_>>(), parts, "{text}");
            assert_eq!(inside.iter().map(|spot| spot.column).collect::<Vec<_>>(), within, "{text}");
        }
    }
}
