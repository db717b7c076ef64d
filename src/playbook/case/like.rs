//! Reading `tests:`, with `like:` followed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Case;
use super::forms::CASE;
use super::reader::CaseReader;
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::StepForm;
use crate::playbook::reader::{Fields, Form, advice, short};
use crate::playbook::steps::KnownStep;
use crate::playbook::yaml::{Entry, Node, NodeValue};

/// How many values all cases of a playbook may hold after `like` is followed.
const MAX_VALUES: usize = 100_000;
/// How many cases may be like one another in a row.
const MAX_LIKE: usize = 16;

/// A case as it stands in the file.
struct Raw<'n> {
    name: String,
    place: Position,
    /// The case it starts from, and where that is said.
    like: Option<(String, Position)>,
    entries: Vec<&'n Entry>,
}

/// Reads the cases of a playbook with these steps.
pub fn read(
    file: &Arc<str>,
    node: &Node,
    steps: &[KnownStep],
    forms: &[StepForm],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Case> {
    let reader = CaseReader { file, steps, forms };
    read_like(file, node, &CASE, problems, |name, place, entries, problems| reader.case(name, place, entries, problems))
}

/// Reads a list of cases with the keys of `form`, and hands each to `read` with the
/// keys that it has once `like` is followed.
pub(super) fn read_like<T>(
    file: &Arc<str>,
    node: &Node,
    form: &'static Form,
    problems: &mut Vec<Diagnostic>,
    mut read: impl FnMut(&str, Position, Vec<Entry>, &mut Vec<Diagnostic>) -> Option<T>,
) -> Vec<T> {
    let Some(items) = node.as_sequence() else {
        let message = format!("`tests` needs a list of cases, not {}", node.describe());
        problems.push(Diagnostic::error("KW0103", file, node.place, message));
        return Vec::new();
    };
    let mut raws: Vec<Raw<'_>> = Vec::new();
    for item in items {
        let Some(raw) = raw(file, item, form, problems) else {
            continue;
        };
        if let Some(first) = raws.iter().find(|other| other.name == raw.name) {
            let message = format!("two test cases are called `{}`", raw.name);
            let help = format!("the first one is on line {}", first.place.line);
            problems.push(Diagnostic::error("KW0501", file, raw.place, message).help(help));
            continue;
        }
        raws.push(raw);
    }
    let names = raws.iter().enumerate();
    let names: HashMap<&str, usize> = names.map(|(at, raw)| (raw.name.as_str(), at)).collect();
    let mut cases = Vec::new();
    let mut said = HashSet::new();
    let mut size = 0;
    for raw in &raws {
        // A base's mistakes show up again in the cases like it: say them once.
        let mut found = Vec::new();
        if let Some(entries) = merged(file, &raws, &names, raw, &mut found) {
            size += entries.iter().map(|entry| count(&entry.node)).sum::<usize>();
            if size > MAX_VALUES {
                let message = format!("the test cases hold more than {MAX_VALUES} values");
                let help = "those of the cases they are `like` count each time";
                problems.push(Diagnostic::error("KW0005", file, raw.place, message).help(help));
                return cases;
            }
            cases.extend(read(&raw.name, raw.place, entries, &mut found));
        }
        found.retain(|p| said.insert((p.line, p.column, p.message.clone())));
        problems.append(&mut found);
    }
    cases
}

/// How many values a node holds, itself included.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        NodeValue::Sequence(items) => items.iter().map(count).sum(),
        NodeValue::Mapping(entries) => entries.iter().map(|entry| count(&entry.node)).sum(),
        _ => 0,
    }
}

fn raw<'n>(file: &Arc<str>, item: &'n Node, form: &'static Form, problems: &mut Vec<Diagnostic>) -> Option<Raw<'n>> {
    let entries = item.as_mapping().unwrap_or_default();
    let mut fields = Fields::new(file, item, form, problems);
    let name = fields.required_text("name");
    let like = fields.text("like").map(|like| {
        let at = fields.value_place("like");
        (like.text.to_string(), at)
    });
    Some(Raw {
        name: name?.text.to_string(),
        place: fields.key_place("name").unwrap_or(item.place),
        like,
        entries: entries.iter().filter(|entry| entry.key != "name" && entry.key != "like").collect(),
    })
}

/// The keys of a case on top of those of the case it is like, one level deep.
fn merged(
    file: &Arc<str>,
    raws: &[Raw<'_>],
    names: &HashMap<&str, usize>,
    case: &Raw<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<Entry>> {
    let mut chain = vec![case];
    let mut current = case;
    while let Some((name, place)) = &current.like {
        let Some(base) = names.get(name.as_str()) else {
            let message = format!("there is no test case `{}`", short(name));
            let others = raws.iter().map(|raw| raw.name.as_str()).take(50);
            let others = others.filter(|other| *other != current.name);
            let help = advice(name, others);
            problems.push(Diagnostic::error("KW0502", file, *place, message).help(help));
            return None;
        };
        current = &raws[*base];
        if chain.iter().any(|other| other.name == current.name) {
            let message = "this test case is, in the end, like itself";
            problems.push(Diagnostic::error("KW0501", file, *place, message));
            return None;
        }
        if chain.len() > MAX_LIKE {
            let message = format!("more than {MAX_LIKE} test cases are like one another in a row");
            problems.push(Diagnostic::error("KW0501", file, *place, message));
            return None;
        }
        chain.push(current);
    }
    let mut entries: Vec<Entry> = Vec::new();
    for entry in chain.iter().rev().flat_map(|raw| raw.entries.iter()) {
        match entries.iter_mut().find(|base| base.key == entry.key) {
            None => entries.push((*entry).clone()),
            Some(base) => {
                let mut node = entry.node.clone();
                if let (NodeValue::Mapping(given), NodeValue::Mapping(old)) = (&mut node.value, &base.node.value) {
                    let kept = old.iter().filter(|o| !given.iter().any(|g| g.key == o.key));
                    let mut all: Vec<Entry> = kept.cloned().collect();
                    all.append(given);
                    *given = all;
                }
                *base = Entry { node, ..(*entry).clone() };
            }
        }
    }
    Some(entries)
}
