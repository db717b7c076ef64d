//! How many mistakes the cases of a playbook would notice: each comparison,
//! number, `&&` and `||` of its conditions is changed, one at a time, and the
//! cases are played against each changed playbook. A mistake that no case
//! notices could be made tomorrow, and the playbook would still be accepted.
//!
//! Mistakes by one (`>=` for `>`) are left out: they touch one day's accounts,
//! and a case for each edge would be more than an author should have to write.

use std::sync::Arc;

use super::objections;
use crate::catalog::{self, ReadyPlaybook};
use crate::config::Config;
use crate::diagnostic::Position;
use crate::facts::Schema;
use crate::playbook::source::{SourceFile, SourceSet};
use crate::playbook::{Playbook, Reentry, Source, Step};

/// A playbook with one mistake.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Where the mistake is.
    pub place: Position,
    pub from: String,
    pub to: String,
    /// The whole file with it.
    pub text: Arc<str>,
}

impl Mutant {
    /// The case that would notice it.
    pub fn advice(&self) -> String {
        let number = |text: &str| text.parse::<f64>().is_ok();
        match self.from.as_str() {
            "&&" | "||" => "add one in which only one side of it holds".to_owned(),
            from if number(from) && self.to.starts_with('0') => format!("add one with a value between 0 and {from}"),
            from if number(from) => format!("add one with a value between {from} and {}", self.to),
            _ => "add one in which it is the other way round".to_owned(),
        }
    }
}

/// Who notices a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// `check` refuses it.
    ByCheck,
    /// A case of the playbook fails.
    ByCase,
    /// Nobody.
    Not,
}

/// Who notices each mistake that can be made in a playbook's conditions, in the
/// order of their places. `others` are ids of playbooks it may name. Without
/// errors in the playbook itself; its cases should pass.
pub fn try_all(
    playbook: &ReadyPlaybook,
    sources: &SourceSet,
    others: &[String],
    config: &Config,
    schema: &Schema,
) -> Vec<(Mutant, Noticed)> {
    let judge = |mutant: Mutant| {
        let noticed = noticed(&mutant, &playbook.playbook, sources, others, config, schema);
        (mutant, noticed)
    };
    mutants(&playbook.playbook).into_iter().map(judge).collect()
}

/// Who notices one.
pub fn noticed(
    mutant: &Mutant,
    playbook: &Playbook,
    sources: &SourceSet,
    others: &[String],
    config: &Config,
    schema: &Schema,
) -> Noticed {
    let file = SourceFile { path: playbook.file.clone(), text: mutant.text.clone() };
    let sources = SourceSet { playbooks: vec![file], scripts: sources.scripts.clone(), ..SourceSet::default() };
    let (ready, problems) = catalog::load(&sources, others, config, schema);
    match ready.first() {
        Some(ready) if !problems.iter().any(|problem| problem.is_error()) => {
            match objections(ready, config, schema).is_empty() {
                true => Noticed::Not,
                false => Noticed::ByCase,
            }
        }
        _ => Noticed::ByCheck,
    }
}

/// Every mistake of one token in a playbook's conditions, in the order of their
/// places. Conditions that are folded or quoted over lines are left alone.
pub fn mutants(playbook: &Playbook) -> Vec<Mutant> {
    let mut conditions = vec![&playbook.when];
    conditions.extend([&playbook.goal, &playbook.exit, &playbook.suppress].into_iter().flatten());
    if let Reentry::Again { once_per: Some(once_per), .. } = &playbook.reentry {
        conditions.push(once_per);
    }
    conditions.extend(Step::walk(&playbook.steps).into_iter().flat_map(Step::conditions));
    let mut mutants: Vec<Mutant> =
        conditions.into_iter().flat_map(|condition| turn(condition, &playbook.text)).collect();
    mutants.sort_by_key(|mutant| mutant.place);
    mutants
}

/// The mistakes of one condition in the text of its file.
fn turn(condition: &Source, file: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (token, turned) in tokens(&condition.text) {
        let before = &condition.text[..token.start];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let (Ok(line), Ok(column)) = (u32::try_from(line + 1), u32::try_from(column + 1)) else { continue };
        let place = condition.origin.at(line, column);
        let from = &condition.text[token];
        let Some(start) = offset(file, place).filter(|start| file[*start..].starts_with(from)) else { continue };
        for to in turned {
            let text = format!("{}{to}{}", &file[..start], &file[start + from.len()..]);
            mutants.push(Mutant { place, from: from.to_owned(), to, text: text.into() });
        }
    }
    mutants
}

/// Where a place is in a text, in bytes.
fn offset(text: &str, place: Position) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let (inner, _) = text.get(start..)?.char_indices().nth(column)?;
    Some(start + inner)
}

/// What a token may be mistaken for; the longer tokens come first.
const TURNED: [(&str, &[&str]); 8] = [
    ("&&", &["||"]),
    ("||", &["&&"]),
    ("==", &["!="]),
    ("!=", &["=="]),
    ("<=", &[">"]),
    (">=", &["<"]),
    ("<", &[">="]),
    (">", &["<="]),
];

/// The tokens of an expression that can be turned, each with what it may be
/// mistaken for. Texts and comments are left alone.
fn tokens(text: &str) -> Vec<(std::ops::Range<usize>, Vec<String>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if let Some((token, turned)) = TURNED.iter().find(|(token, _)| rest.starts_with(token)) {
            found.push((at..at + token.len(), turned.iter().map(|to| (*to).to_owned()).collect()));
            token.len()
        } else if letter == '"' || letter == '`' {
            quoted(rest, letter)
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if letter.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            found.push((at..at + length, numbers(&rest[..length])));
            length
        } else if letter.is_alphabetic() || letter == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else {
            letter.len_utf8()
        };
        at += length;
    }
    found
}

/// The length of a quoted text, its quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A typo in a number: ten times as much, and nothing.
fn numbers(number: &str) -> Vec<String> {
    match (number.parse::<f64>(), number.contains('.')) {
        (Ok(0.0), _) => vec!["10".to_owned()],
        (Ok(known), true) => vec![format!("{:?}", known * 10.0), "0.0".to_owned()],
        _ => vec![format!("{number}0"), "0".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(text: &str) -> Vec<String> {
        let one = |(token, turned): (std::ops::Range<usize>, Vec<String>)| {
            turned.into_iter().map(move |to| (token.clone(), to)).collect::<Vec<_>>()
        };
        let whole = |(token, to): (std::ops::Range<usize>, String)| {
            format!("{}{to}{}", &text[..token.start], &text[token.end..])
        };
        tokens(text).into_iter().flat_map(one).map(whole).collect()
    }

    #[test]
    fn each_comparison_number_and_connective_is_turned_once() {
        assert_eq!(turned("a >= 30 && b"), ["a < 30 && b", "a >= 300 && b", "a >= 0 && b", "a >= 30 || b"]);
        assert_eq!(turned("a != none"), ["a == none"]);
        assert_eq!(turned("x < 0.5"), ["x >= 0.5", "x < 5.0", "x < 0.0"]);
        assert_eq!(turned("x > 0"), ["x <= 0", "x > 10"]);
    }

    #[test]
    fn texts_names_and_comments_are_left_alone() {
        assert!(turned(r#"account.events("a < 3 \" 4") in nps_30 // 5 > 4"#).is_empty());
        assert_eq!(turned("`5` == x2\n// 7\n"), ["`5` != x2\n// 7\n"]);
        assert!(turned("\"never closed 5 < 6").is_empty());
    }

    #[test]
    fn a_place_is_found_behind_wide_letters() {
        let text = "a: ä\nü < 5\n";
        assert_eq!(offset(text, Position { line: 2, column: 3 }), Some("a: ä\nü ".len()));
        assert_eq!(offset(text, Position { line: 9, column: 1 }), None);
        assert_eq!(offset(text, Position { line: 0, column: 1 }), None);
    }
}
