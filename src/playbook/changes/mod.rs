//! What a changed text says otherwise than the one before, in words: keys, steps
//! and test cases. Pure, and of the texts alone: what follows from them for
//! customers is found elsewhere.
//!
//! - `leaves` turns a value into the single values inside it.
//! - `line_diff` compares two texts line by line.
//! - `steps` compares steps, which it knows by their ids.
//! - `words` is a sentence with quoted texts.

use std::collections::{BTreeMap, BTreeSet};

use super::Playbook;
use super::scale::SURVEY_WORD;
use super::yaml::{self, Entry, Node};

mod leaves;
pub mod line_diff;
mod steps;
mod words;

pub use words::{ChangeWords, SentencePart};

use leaves::{is_same, leaves, whole};

/// Keys that hold expressions, with what they are called.
const EXPRESSIONS: [(&str, &str); 4] =
    [("when", "the condition"), ("goal", "the goal"), ("exit", "the exit"), ("suppress", "what suppresses it")];

/// Keys that are compared in a way of their own.
const COMPARED_APART: [&str; 5] = ["playbook", SURVEY_WORD, "was", "steps", "tests"];

/// How a text differs from the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaybookChanges {
    /// In the order of the keys; those of steps in the order of the steps.
    pub lines: Vec<ChangeWords>,
    pub tests: TestChanges,
}

/// Names of test cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestChanges {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl PlaybookChanges {
    /// Whether nothing is said otherwise.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.tests == TestChanges::default()
    }
}

/// What `after` says otherwise than `before`.
pub fn changes(before: &Playbook, after: &Playbook) -> PlaybookChanges {
    let mut lines = Vec::new();
    if before.id != after.id {
        lines.push(ChangeWords::new().word("renamed from").quote(&before.id).word("to").quote(&after.id));
    }
    let (old, new) = (root(before), root(after));
    let (old, new) = (by_key(&old), by_key(&new));
    for (key, name) in EXPRESSIONS {
        lines.extend(expression(name, old.get(key).copied(), new.get(key).copied()));
    }
    let expressions: BTreeSet<&str> = EXPRESSIONS.iter().map(|(key, _)| *key).collect();
    let is_plain = |key: &&&str| !COMPARED_APART.contains(*key) && !expressions.contains(**key);
    let keys: BTreeSet<&str> = old.keys().chain(new.keys()).filter(is_plain).copied().collect();
    for key in keys {
        lines.extend(values(key, old.get(key).copied(), new.get(key).copied()));
    }
    lines.extend(steps::compare(&before.steps, &after.steps));
    PlaybookChanges { lines, tests: tests(old.get("tests").copied(), new.get("tests").copied()) }
}

/// What is said of texts beside a playbook that it uses, by their names: of each `noun`.
pub fn script_changes(
    noun: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<ChangeWords> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let line = |name: &String| {
        let what = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(_), Some(_)) => "has changed",
            (None, _) => "is used now",
            (_, None) => "is not used any more",
        };
        Some(ChangeWords::new().word(&format!("the {noun}")).quote(name).word(what))
    };
    names.into_iter().filter_map(line).collect()
}

/// A file that could be parsed is a mapping.
fn root(playbook: &Playbook) -> Vec<Entry> {
    let root = yaml::read(&playbook.file, &playbook.text, &mut Vec::new());
    root.and_then(|root| root.as_mapping().map(<[Entry]>::to_vec)).unwrap_or_default()
}

fn by_key(entries: &[Entry]) -> BTreeMap<&str, &Node> {
    entries.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect()
}

/// What is said of an expression that is not the same.
fn expression(name: &str, before: Option<&Node>, after: Option<&Node>) -> Option<ChangeWords> {
    let words = ChangeWords::new();
    match (before.map(whole), after.map(whole)) {
        (Some(before), Some(after)) if before == after => None,
        (Some(before), Some(after)) => {
            let (before, after) = lines_apart(before, after);
            let words = words.word(&format!("{name}:")).quote(&before).word("before,");
            Some(words.quote(&after).word("after"))
        }
        (None, Some(after)) => Some(words.word(&format!("{name} is new:")).quote(&after)),
        (Some(before), None) => Some(words.word(&format!("{name} is gone; it was")).quote(&before)),
        (None, None) => None,
    }
}

/// Of two long texts the lines that only one of them has; short ones as they are.
fn lines_apart(before: String, after: String) -> (String, String) {
    const LONG: usize = 120;
    if before.chars().count().max(after.chars().count()) <= LONG {
        return (before, after);
    }
    let only = |text: &str, other: &str| -> String {
        let is_new = |line: &&str| !other.lines().any(|known| known.trim() == *line);
        text.lines().map(str::trim).filter(is_new).collect::<Vec<_>>().join(" ")
    };
    match (only(&before, &after), only(&after, &before)) {
        (old, new) if old.is_empty() || new.is_empty() => (before, after),
        apart => apart,
    }
}

/// What is said of the values of a key. Guardrails are known by their own names.
fn values(key: &str, before: Option<&Node>, after: Option<&Node>) -> Vec<ChangeWords> {
    let read = |node: Option<&Node>| node.map(leaves).unwrap_or_default();
    let name = |path: &str| match (key, path) {
        (_, "") => key.to_owned(),
        ("guardrails", path) => path.to_owned(),
        (key, path) => format!("{key}.{path}"),
    };
    leaves::compare(&read(before), &read(after)).into_iter().map(|one| one.words(&name(&one.path))).collect()
}

/// Cases by their names; those without one by their places in the list.
fn tests(before: Option<&Node>, after: Option<&Node>) -> TestChanges {
    let (before, after) = (cases(before), cases(after));
    let mut found = TestChanges::default();
    for (name, case) in &after {
        match before.get(name) {
            None => found.added.push(name.clone()),
            Some(other) if !is_same(other, case) => found.changed.push(name.clone()),
            Some(_) => {}
        }
    }
    found.removed = before.into_keys().filter(|name| !after.contains_key(name)).collect();
    found
}

fn cases(tests: Option<&Node>) -> BTreeMap<String, &Node> {
    let cases = tests.and_then(Node::as_sequence).unwrap_or_default();
    let name = |(place, case): (usize, &Node)| {
        let entries = case.as_mapping().unwrap_or_default();
        let name = entries.iter().find(|entry| entry.key == "name").and_then(|entry| entry.node.as_text());
        name.map_or_else(|| format!("case {}", place + 1), str::to_owned)
    };
    cases.iter().enumerate().map(|(place, case)| (name((place, case)), case)).collect()
}
