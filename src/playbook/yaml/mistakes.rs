//! YAML's traps in words an author understands.
//!
//! An expression is not YAML's friend: `!` starts a tag, a comma inside `{ }`
//! ends a value, `: ` starts another one. What the parser says about these is
//! true and of no use, so the line is looked at again.

use saphyr_parser::{Marker, ScanError};

use super::MAX_DEPTH;
use super::lines::{Lines, place};
use crate::diagnostic::{Diagnostic, Position};

/// The advice for every trap.
pub(super) const OWN_LINES: &str = "put the value on its own lines after `|`, or in quotes";

/// Whether a plain value stops inside a call or a string.
pub(super) fn is_cut(text: &str) -> bool {
    let mut depth = 0_i32;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    quoted || depth > 0
}

/// Whether an expression stops inside a call or a string, or behind an operator.
fn is_half(text: &str) -> bool {
    is_cut(text) || text.trim_end().ends_with(['&', '|', '=', '<', '>', '+', '-', '*', '/', ',', '?', '!', '('])
}

/// Keys whose values are sentences: a curly quote is at home there.
const PROSE: [&str; 8] = ["title", "subject", "body", "text", "description", "question", "about", "name"];
/// Keys whose values are expressions.
const EXPRESSIONS: [&str; 8] = ["when", "goal", "exit", "suppress", "if", "until", "close_when", "once_per"];

/// How far behind a plain value of such a key a ` #` stands that was hardly
/// meant as a remark: nobody writes `#4` or `#||` for one.
///
/// In an expression any remark is doubted that leaves half of one before it.
pub(super) fn cut_by_remark(key: &str, text: &str, rest: &str) -> Option<usize> {
    let line = rest.lines().next()?;
    let blank = line.chars().take_while(|c| *c == ' ' || *c == '\t').count();
    let is_meant = |c: char| !c.is_whitespace() && c != '#';
    let behind = line[blank..].strip_prefix('#').filter(|_| blank > 0)?;
    let is_expression = EXPRESSIONS.contains(&key);
    let cuts = behind.starts_with(is_meant) && (PROSE.contains(&key) || is_expression);
    (cuts || is_expression && is_half(text)).then_some(blank)
}

/// What is said about a ` #` in the middle of a value.
pub(super) fn remark(file: &str, at: Position, error: bool) -> Diagnostic {
    let message = "` #` begins a remark in YAML: the rest of the line is not part of the value";
    let problem = match error {
        true => Diagnostic::error("KW0007", file, at, message),
        false => Diagnostic::warning("KW0007", file, at, message),
    };
    problem.help(OWN_LINES)
}

/// Whether a value that is no sentence stands in curly quotes.
pub(super) fn is_quoted_in_curls(key: &str, text: &str) -> bool {
    let quotes = ['“', '”', '„', '‘', '’'];
    !PROSE.contains(&key) && !EXPRESSIONS.contains(&key) && text.starts_with(quotes) && text.ends_with(quotes)
}

/// Whether the space behind a dash or a key is one that does not break, which
/// makes both one word.
pub(super) fn has_hard_space(text: &str) -> bool {
    let Some((before, _)) = text.split_once('\u{a0}') else { return false };
    let is_key = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    ["", "-"].contains(&before.trim()) || before.strip_suffix(':').is_some_and(is_key)
}

/// What is said about such a space.
pub(super) fn hard_space(file: &str, at: Position) -> Diagnostic {
    let message = "a non-breaking space stands here, which is a letter to YAML";
    Diagnostic::error("KW0002", file, at, message).help("type the space behind `-` or `:` again")
}

/// A remark inside `{ }` that swallowed its end, on a line or the one above.
fn swallowed(lines: &Lines<'_>, last: usize) -> Option<Position> {
    (last.saturating_sub(1).max(1)..=last).find_map(|number| {
        let line = lines.line(number);
        let at = line.find(" #")?;
        let (before, rest) = (&line[..at], &line[at + 2..]);
        let is_open = before.matches('{').count() > before.matches('}').count();
        let inside = !before.trim_end().ends_with([',', '{']) && rest.contains('}');
        let is_meant = rest.starts_with(|c: char| !c.is_whitespace() && c != '#');
        (is_open && inside && is_meant).then(|| position(number, before.chars().count() + 1))
    })
}

/// The error for a value whose first character YAML takes for itself.
pub(super) fn starts_with(file: &str, at: Position, c: char) -> Diagnostic {
    let message = match c {
        '"' | '\'' => {
            format!("a value that starts with `{c}` ends at the next one, and more text follows")
        }
        '{' => "a value that starts with `{` is a mapping to YAML, not text".to_owned(),
        _ => format!("a value that starts with `{c}` has a meaning of its own in YAML"),
    };
    let help = match c {
        '"' => "write `\\\"` for the quotes inside, put single quotes around it, or put it on its own lines after `|`",
        '\'' => "write `''` for the quote inside, put double quotes around it, or put it on its own lines after `|`",
        _ => OWN_LINES,
    };
    Diagnostic::error("KW0006", file, at, message).help(help)
}

/// The nearest place at or before a marker, at most two lines above, where a
/// value starts with `c`.
pub(super) fn special_before(lines: &Lines<'_>, marker: Marker, c: char) -> Option<Position> {
    let last = marker.line();
    (last.saturating_sub(2).max(1)..=last).rev().find_map(|number| {
        let most = if number == last { marker.col() } else { usize::MAX };
        values(lines.line(number))
            .into_iter()
            .rfind(|value| value.first == c && value.column <= most)
            .map(|value| position(number, value.column))
    })
}

/// What a parser's error means to an author.
pub(super) fn explain(file: &str, lines: &Lines<'_>, error: &ScanError) -> Diagnostic {
    let marker = *error.marker();
    if error.info().contains("recursion limit") {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return Diagnostic::error("KW0005", file, place(marker), message);
    }
    if let Some(at) = swallowed(lines, marker.line()) {
        return remark(file, at, true);
    }
    for number in marker.line().saturating_sub(1).max(1)..=marker.line() {
        let line = lines.line(number);
        let text = line.trim_start_matches([' ', '-']);
        if has_hard_space(text) {
            return hard_space(file, position(number, line.chars().count() - text.chars().count()));
        }
    }
    // The parser may notice only on the next line.
    let near = [marker.line(), marker.line().saturating_sub(1)];
    if let Some(problem) = near.into_iter().find_map(|number| out_of_block(file, lines, number)) {
        return problem;
    }
    let line = lines.line(marker.line());
    for value in values(line) {
        if value.column > marker.col() {
            break;
        }
        let at = position(marker.line(), value.column);
        match value.fault {
            Some(Fault::Special) => return starts_with(file, at, value.first),
            Some(Fault::Quote) if value.flow => {
                let message = "a quote inside `{ }` or `[ ]` ends this value too early";
                let help = match value.first {
                    '"' => "write `\\\"` for the quotes inside, or single quotes around it",
                    _ => OWN_LINES,
                };
                return Diagnostic::error("KW0007", file, at, message).help(help);
            }
            Some(Fault::Quote) => return starts_with(file, at, value.first),
            Some(Fault::Bracket(c)) => {
                let message = format!("inside `{{ }}` or `[ ]` a `{c}` ends a value");
                return Diagnostic::error("KW0007", file, at, message).help(OWN_LINES);
            }
            Some(Fault::Colon(column)) => {
                let at = position(marker.line(), column);
                let message = "a colon and a space inside a plain value start a new key in YAML";
                return Diagnostic::error("KW0008", file, at, message).help(OWN_LINES);
            }
            None => {}
        }
    }
    let (message, help) = plainly(error.info());
    let problem = Diagnostic::error("KW0002", file, place(marker), message);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// A line of a block of text that is indented by a tab, or less than the block.
fn out_of_block(file: &str, lines: &Lines<'_>, number: usize) -> Option<Diagnostic> {
    let line = lines.line(number);
    let text = line.trim();
    let own = line.len() - line.trim_start().len();
    let (header, indent) = block_above(lines, number)?;
    if line[..own].contains('\t') {
        let column = line[..own].find('\t').unwrap_or_default();
        let problem = Diagnostic::error("KW0002", file, position(number, column), "a tab is used for indentation");
        return Some(problem.help("indent with spaces only"));
    }
    let is_key = text.ends_with(':') || text.contains(": ") || text.starts_with(['-', '#']);
    if text.is_empty() || is_key || own >= indent {
        return None;
    }
    let message = format!("this line is indented less than the text that begins below line {header}");
    let help = format!("put {indent} spaces before it, as the lines above it have");
    Some(Diagnostic::error("KW0002", file, position(number, own), message).help(help))
}

/// The line with the `|` of the block of text that ends above a line, and by
/// how much the block is indented.
fn block_above(lines: &Lines<'_>, number: usize) -> Option<(usize, usize)> {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let mut least = usize::MAX;
    for above in (1..number).rev().take(500) {
        let line = lines.line(above);
        let text = line.trim_end();
        if text.is_empty() {
            continue;
        }
        let head = text.trim_end_matches(|c: char| "+-123456789".contains(c));
        if head.ends_with(": |") || head.ends_with(": >") {
            return (least != usize::MAX && least > indent(line)).then_some((above, least));
        }
        // The first line of the block says how far it is indented.
        least = indent(line);
        if least == 0 {
            return None;
        }
    }
    None
}

/// The parser's message in plain words, and advice.
fn plainly(info: &str) -> (String, Option<&'static str>) {
    let has = |part: &str| info.contains(part);
    let (message, help) = if has("tab") && !has("escape") {
        ("a tab is used for indentation", Some("indent with spaces only"))
    } else if has("quoted scalar") && (has("end of stream") || has("document indicator")) {
        ("a quote is opened here and never closed", None)
    } else if has("invalid indentation in quoted") {
        ("a quoted value starts here and its next line is not indented further", Some("is its closing quote missing?"))
    } else if has("escape") || has("hexadecimal") {
        (
            "an unknown escape after `\\` in double quotes",
            Some("use single quotes, or put the value on its own lines after `|`"),
        )
    } else if has("flow mapping") || has("flow sequence") || has("flow construct") {
        ("a `,` or a closing bracket is missing here", None)
    } else if has("misplaced bracket") {
        ("this bracket was never opened", None)
    } else if has("unprintable") {
        ("a control character, which text files do not hold", None)
    } else if has("block scalar") {
        (
            "this block of text is not laid out as YAML needs it",
            Some("write `|`, then indent every line of the text by the same spaces"),
        )
    } else if has("comment intercepting") {
        ("a value goes on after a comment", Some(OWN_LINES))
    } else if has("invalid trailing content") {
        ("text follows a closing quote", Some(OWN_LINES))
    } else if has("mapping values") || has("mapping keys") || has("block") || has("indentation") {
        ("this line does not fit the lines above it", Some("compare its indentation with theirs"))
    } else if has("simple key") || has("expected key") {
        ("a `:` is missing here", Some("a key, a colon, a space, then the value"))
    } else {
        return (format!("not valid YAML: {info}"), None);
    };
    (message.to_owned(), help)
}

fn position(line: usize, column: usize) -> Position {
    Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
}

/// A value on a line, as an author would see it.
struct Value {
    /// 0-based, in characters.
    column: usize,
    first: char,
    /// Inside braces or brackets.
    flow: bool,
    fault: Option<Fault>,
}

/// Why YAML does not read a value as it was meant.
enum Fault {
    /// Its first character has a meaning.
    Special,
    /// Text goes on after its closing quote.
    Quote,
    /// This bracket ends it.
    Bracket(char),
    /// A colon and a space at this column.
    Colon(usize),
}

/// The values that start on a line. Brackets that an earlier line opened are
/// not seen: this only words messages.
fn values(line: &str) -> Vec<Value> {
    let chars: Vec<char> = line.chars().collect();
    let mut found = Vec::new();
    let mut open = 0_usize;
    let mut is_value = false;
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let blank_next = chars.get(at + 1).is_none_or(|c| c.is_whitespace());
        match c {
            ' ' | '\t' => at += 1,
            '#' => break,
            '-' | '?' if blank_next && open == 0 && !is_value => {
                at += 1;
                // What stands after the dash may be a value or a key.
            }
            '{' | '[' => {
                if c == '{' && chars.get(at + 1) == Some(&'{') {
                    found.push(Value { column: at, first: '{', flow: open > 0, fault: Some(Fault::Special) });
                }
                open += 1;
                is_value = c == '[';
                at += 1;
            }
            '}' | ']' => {
                open = open.saturating_sub(1);
                at += 1;
            }
            ',' => {
                is_value = false;
                at += 1;
            }
            ':' => {
                is_value = true;
                at += 1;
            }
            _ => at = token(&chars, at, open > 0, &mut is_value, &mut found),
        }
    }
    found
}

/// Reads one key or value and returns where it ends.
fn token(chars: &[char], start: usize, flow: bool, is_value: &mut bool, found: &mut Vec<Value>) -> usize {
    let first = chars[start];
    let mut fault = "!@`%*&".contains(first).then_some(Fault::Special);
    let mut at = start;
    if first == '"' || first == '\'' {
        at += 1;
        while at < chars.len() && chars[at] != first {
            at += if first == '"' && chars[at] == '\\' { 2 } else { 1 };
        }
        at = (at + 1).min(chars.len());
        let rest = chars[at..].iter().find(|c| !c.is_whitespace());
        let ends = match rest {
            None | Some('#') => true,
            Some(':') => !*is_value,
            Some(',' | '}' | ']') => flow,
            Some(_) => false,
        };
        if ends {
            return push(found, start, first, flow, None, at);
        }
        fault = Some(Fault::Quote);
    }
    while at < chars.len() {
        let c = chars[at];
        let next = chars.get(at + 1);
        let colon = c == ':' && next.is_none_or(|c| c.is_whitespace() || (flow && ",}]".contains(*c)));
        if colon && !*is_value {
            // A key: its value comes next. A dash before it was no value's.
            return if fault.is_some() { push(found, start, first, flow, fault, at) } else { at };
        }
        if colon && fault.is_none() {
            fault = Some(Fault::Colon(at));
        }
        if c == '#' && at > start && chars[at - 1].is_whitespace() {
            at = chars.len();
            break;
        }
        if flow && ",}]".contains(c) {
            break;
        }
        if flow && "[{".contains(c) {
            if fault.is_none() {
                fault = Some(Fault::Bracket(c));
            }
            break;
        }
        at += 1;
    }
    *is_value = false;
    push(found, start, first, flow, fault, at)
}

fn push(found: &mut Vec<Value>, column: usize, first: char, flow: bool, fault: Option<Fault>, end: usize) -> usize {
    found.push(Value { column, first, flow, fault });
    end
}
