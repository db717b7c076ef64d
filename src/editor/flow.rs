//! Where in a value a place is: in a text, with or without quotes, or inside of
//! braces and brackets.

use super::spot::{Cursor, PathPart, Spot, key};

/// A list or a mapping that is open at the place.
struct Bracket {
    is_mapping: bool,
    /// The keys before the one that stands there now.
    keys: Vec<String>,
    key: Option<String>,
    /// Where the entry, or the value behind its key, begins.
    start: usize,
    /// How many parentheses of an expression are open in it.
    parentheses: usize,
}

/// Says where `offset` is in the value that begins at `start`, to which `path`
/// leads. `is_value`: it stands behind a key.
pub(super) fn find(text: &str, start: usize, offset: usize, path: Vec<PathPart>, is_value: bool) -> Cursor {
    let value = |at: usize| Spot::Value { at: at.min(offset) };
    let before = text.get(start..offset.max(start)).unwrap_or("");
    match before.chars().next() {
        Some('{' | '[') => brackets(text, start, offset, path),
        Some(quote @ ('"' | '\'')) => match closing(before, quote) {
            Some(end) if before[end..].contains('#') => Cursor { path, spot: Spot::Comment },
            _ => Cursor { path, spot: value(start + 1) },
        },
        Some('#') if is_value => Cursor { path, spot: Spot::Comment },
        _ if before.contains(" #") => Cursor { path, spot: Spot::Comment },
        _ => Cursor { path, spot: value(start) },
    }
}

/// The place behind the quote that ends a text, which begins with its quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn brackets(text: &str, start: usize, offset: usize, mut path: Vec<PathPart>) -> Cursor {
    let mut open: Vec<Bracket> = Vec::new();
    let mut at = start;
    let mut comment = None;
    while let Some(c) = text[at..offset].chars().next() {
        let next = at + c.len_utf8();
        let top = open.last_mut();
        let is_call = top.as_ref().is_some_and(|top| top.parentheses > 0);
        let begins = top.as_ref().is_some_and(|top| text[top.start..at].trim().is_empty());
        at = match (c, top) {
            ('#', _) if text[..at].ends_with([' ', '\t', '\n']) => {
                let end = text[at..offset].find('\n').map(|end| at + end);
                comment = Some(end.is_none());
                end.unwrap_or(offset)
            }
            ('"' | '\'', Some(top)) if begins || is_call => {
                let Some(end) = closing(&text[at..offset], c) else {
                    // The place is inside of these quotes.
                    if begins {
                        top.start = next;
                    }
                    break;
                };
                at + end
            }
            ('{' | '[', _) if !is_call => {
                open.push(Bracket { is_mapping: c == '{', keys: Vec::new(), key: None, start: next, parentheses: 0 });
                next
            }
            ('}' | ']', _) if !is_call => {
                open.pop();
                next
            }
            ('(', Some(top)) => {
                top.parentheses += 1;
                next
            }
            (')', Some(top)) => {
                top.parentheses = top.parentheses.saturating_sub(1);
                next
            }
            (',', Some(top)) if !is_call => {
                top.keys.extend(top.key.take());
                top.start = next;
                next
            }
            (':', Some(top)) if top.is_mapping && top.key.is_none() => {
                let entry = text[top.start..next].trim_start();
                let follows = text[next..].chars().next().is_none_or(char::is_whitespace);
                if let Some((key, _)) = key(entry).filter(|_| follows || entry.starts_with(['"', '\''])) {
                    top.key = Some(entry[key].to_owned());
                    top.start = next;
                }
                next
            }
            _ => next,
        };
        if open.is_empty() {
            break;
        }
    }
    let Some(_) = open.last() else {
        return Cursor { path, spot: Spot::Value { at: offset } };
    };
    path.extend(open.iter().filter_map(|bracket| match (&bracket.key, bracket.is_mapping) {
        (Some(key), _) => Some(PathPart::Key(key.clone())),
        (None, true) => None,
        (None, false) => Some(PathPart::Item),
    }));
    if comment == Some(true) {
        return Cursor { path, spot: Spot::Comment };
    }
    let Some(top) = open.pop() else { return Cursor { path, spot: Spot::Comment } };
    let blank = text[top.start..offset].len() - text[top.start..offset].trim_start().len();
    let at = top.start + blank;
    let spot = match top.key {
        Some(_) => Spot::Value { at },
        None => Spot::Start { at, siblings: top.keys },
    };
    Cursor { path, spot }
}
