//! Writing `expect:` anew from what happened, in the text of a playbook's file.
//! Everything outside of these lists stays as it is.

use std::ops::Range;

use super::budget::CaseBudget;
use super::entry::Entry;
use super::{Failure, comparison, expected, play_beyond};
use crate::catalog::ReadyPlaybook;
use crate::config::Config;
use crate::facts::Schema;
use crate::playbook::case::Case;
use crate::playbook::yaml::{self, Node, NodeValue};

/// The most characters of an `expect:` on one line.
const WIDEST: usize = 120;

/// What would be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The whole text of the file.
    pub text: String,
    /// The cases with a new `expect:`.
    pub cases: Vec<String>,
    /// Those that stay as they are, each with the reason.
    pub left: Vec<(String, String)>,
}

/// Writes the `expect:` of a playbook's named cases anew. A detail that a case
/// states, as `contains`, is put right and not left out.
pub fn update(playbook: &ReadyPlaybook, config: &Config, schema: &Schema, names: &[&str]) -> Update {
    let budget = CaseBudget::of(config.limits.cases);
    let mut update = Update { text: playbook.playbook.text.to_string(), ..Update::default() };
    // From the last to the first, so that the places of those before stay true.
    for case in playbook.playbook.tests.iter().rev().filter(|case| names.contains(&case.name.as_str())) {
        let entries = match play_beyond(playbook, case, config, schema, &budget) {
            Ok((occurrences, until)) => comparison::mend(&expected(case, schema), &occurrences, until),
            Err(failures) => {
                let reason = failures.into_iter().next().map(|Failure { message, .. }| message);
                update.left.push((case.name.clone(), reason.unwrap_or_default()));
                continue;
            }
        };
        match write(&update.text, case, &entries) {
            Some(text) => {
                update.text = text;
                update.cases.push(case.name.clone());
            }
            None => {
                let reason = "it has no `expect:` of its own: write `expect: []` into it".to_owned();
                update.left.push((case.name.clone(), reason));
            }
        }
    }
    update.cases.reverse();
    update.left.reverse();
    update
}

/// The text with other entries in a case; `None` where it has none of its own.
fn write(text: &str, case: &Case, entries: &[Entry]) -> Option<String> {
    let root = yaml::read(&"".into(), text, &mut Vec::new())?;
    let tests = root.as_mapping()?.iter().find(|entry| entry.key == "tests")?;
    let named = |node: &&Node| {
        let name = node.as_mapping().and_then(|entries| entries.iter().find(|entry| entry.key == "name"));
        name.is_some_and(|entry| entry.node.as_text() == Some(&case.name))
    };
    let node = tests.node.as_sequence()?.iter().find(named)?;
    let expect = node.as_mapping()?.iter().find(|entry| entry.key == "expect")?;
    let is_list = matches!(expect.node.value, NodeValue::Sequence(_) | NodeValue::Null);
    let key = offset(text, expect.key_place.line, expect.key_place.column)?;
    let colon = key + text[key..].find(':')? + 1;
    let value = value(text, colon, expect.key_place.column as usize - 1).filter(|_| is_list)?;
    let in_braces = text[offset(text, node.place.line, node.place.column)?..].starts_with('{');
    let written: Vec<String> = entries.iter().map(Entry::to_string).collect();
    let line = match written.is_empty() {
        true => "[]".to_owned(),
        false => format!("[ {} ]", written.join(", ")),
    };
    let fits = written.len() <= 1 && line.chars().count() <= WIDEST;
    let new = match in_braces || fits {
        true => format!(" {line}"),
        false => {
            let indent = " ".repeat(expect.key_place.column as usize + 1);
            written.iter().map(|entry| format!("\n{indent}- {entry}")).collect()
        }
    };
    Some(format!("{}{new}{}", &text[..value.start], &text[value.end..]))
}

/// The bytes of a list behind its key's colon. `indent` is that of the key.
fn value(text: &str, colon: usize, indent: usize) -> Option<Range<usize>> {
    let rest = &text[colon..];
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    if rest[spaces..].starts_with('[') {
        return Some(colon..colon + spaces + brackets(&rest[spaces..])?);
    }
    let (first, mut end) = (rest.find('\n').map_or(rest.len(), |at| at + 1), None);
    let mut at = colon + first;
    for line in rest[first..].split_inclusive('\n') {
        let bare = line.trim();
        let depth = line.len() - line.trim_start_matches(' ').len();
        let is_inside = depth > indent || depth == indent && (bare.starts_with("- ") || bare == "-");
        if !bare.is_empty() && !is_inside {
            break;
        }
        if !bare.is_empty() && !bare.starts_with('#') {
            end = Some(at + line.trim_end().len());
        }
        at += line.len();
    }
    Some(colon..end.unwrap_or(colon + rest[..first].trim_end().len()))
}

/// The length of a list in brackets.
fn brackets(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => drop(chars.next()),
            // Two of them are one of the text.
            (Some('\''), '\'') if chars.peek().is_some_and(|(_, c)| *c == '\'') => drop(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            // A quote begins a value only where one can begin.
            (None, '"' | '\'') if " [{,:".contains(before) => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (None, '#') if before == ' ' || before == '\n' => {
                chars.find(|(_, c)| *c == '\n')?;
            }
            (None, _) => {}
        }
        before = c;
    }
    None
}

/// The byte of a place.
fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    let rest = text.get(start..)?;
    let column = column as usize - 1;
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(column).map(|at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_key_is_found_in_every_form() {
        for (text, found) in [
            ("a: [ { b: \"]\" }, 'it''s]' ] # c\nd: 1\n", " [ { b: \"]\" }, 'it''s]' ]"),
            ("a: []\n", " []"),
            ("a:\n  - { b: 1 }\n\n  # c\n  - { d: 2 } # e\n\n# f\ng: 1\n", "\n  - { b: 1 }\n\n  # c\n  - { d: 2 } # e"),
            ("a:\n- b: 1\n  c: 2\nd: 1\n", "\n- b: 1\n  c: 2"),
            ("a:  # c\n  - b\n", "  # c\n  - b"),
            ("a:\nd: 1\n", ""),
            ("a: [\n  { b: 1 }, # ]\n]\n", " [\n  { b: 1 }, # ]\n]"),
        ] {
            assert_eq!(value(text, 2, 0).map(|range| &text[range]), Some(found), "{text}");
        }
    }
}
