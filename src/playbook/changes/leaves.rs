//! The single values inside a value of YAML, each with the keys that lead to it.

use super::words::ChangeWords;
use crate::playbook::yaml::{Node, NodeValue};

/// A list of no more than so many plain values is one value.
const SHORT_LIST: usize = 12;

/// A single value and where it stands: `hold_above.count`.
pub(super) type Leaf = (String, String);

/// A value that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeafChange {
    pub path: String,
    before: Option<String>,
    after: Option<String>,
}

/// The single values of a node.
pub(super) fn leaves(node: &Node) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(node, String::new(), &mut found);
    found
}

fn collect(node: &Node, path: String, into: &mut Vec<Leaf>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &node.value {
        NodeValue::Mapping(entries) if !entries.is_empty() => {
            entries.iter().for_each(|entry| collect(&entry.node, below(&entry.key), into));
        }
        NodeValue::Sequence(items) if items.len() > SHORT_LIST || items.iter().any(|item| scalar(item).is_none()) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, below(&(at + 1).to_string()), into));
        }
        _ => into.push((path, whole(node))),
    }
}

/// A value as one text.
pub(super) fn whole(node: &Node) -> String {
    if let Some(text) = scalar(node) {
        return text;
    }
    match &node.value {
        NodeValue::Sequence(items) => format!("[{}]", items.iter().map(whole).collect::<Vec<_>>().join(", ")),
        NodeValue::Mapping(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|entry| format!("{}: {}", entry.key, whole(&entry.node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        _ => String::new(),
    }
}

/// A plain value; `None` for a list and a mapping.
fn scalar(node: &Node) -> Option<String> {
    Some(match &node.value {
        NodeValue::Null => "nothing".to_owned(),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(number) => number.to_string(),
        NodeValue::Float(number) => number.text.to_string(),
        NodeValue::Text(source) => source.text.trim().to_owned(),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => return None,
    })
}

/// Whether two nodes hold the same, whatever their layout.
pub(super) fn is_same(one: &Node, other: &Node) -> bool {
    leaves(one) == leaves(other)
}

/// The values that are not the same: in the order of `after`, then those that are gone.
pub(super) fn compare(before: &[Leaf], after: &[Leaf]) -> Vec<LeafChange> {
    let of =
        |leaves: &[Leaf], path: &str| leaves.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone());
    let mut found = Vec::new();
    for (path, value) in after {
        let earlier = of(before, path);
        if earlier.as_ref() != Some(value) {
            found.push(LeafChange { path: path.clone(), before: earlier, after: Some(value.clone()) });
        }
    }
    let gone = before.iter().filter(|(path, _)| of(after, path).is_none());
    found.extend(gone.map(|(path, value)| LeafChange { path: path.clone(), before: Some(value.clone()), after: None }));
    found
}

impl LeafChange {
    /// `hold_above 25 → 50`.
    pub fn words(&self, name: &str) -> ChangeWords {
        self.after_words(ChangeWords::new().key(name))
    }

    /// The same behind words that say what it is.
    pub fn after_words(&self, words: ChangeWords) -> ChangeWords {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let (before, after) = around_the_difference(before, after);
                words.quote(&before).word("→").quote(&after)
            }
            (None, Some(after)) => words.word("is new:").quote(after),
            (Some(before), _) => words.word("is gone; it was").quote(before),
            (None, None) => words,
        }
    }
}

/// Of two texts of several lines the first lines that differ, else the texts; of
/// long lines what stands around the difference.
fn around_the_difference(before: &str, after: &str) -> (String, String) {
    const LONG: usize = 100;
    const AROUND: usize = 40;
    let (mut old, mut new) = (before.lines(), after.lines());
    let (before, after) = loop {
        match (old.next(), new.next()) {
            (Some(before), Some(after)) if before == after => {}
            (before, after) => break (before.unwrap_or_default(), after.unwrap_or_default()),
        }
    };
    let same = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
    let excerpt = |line: &str| {
        if line.chars().count() <= LONG {
            return line.to_owned();
        }
        let start = same.saturating_sub(AROUND);
        let begin = if start > 0 { "…" } else { "" };
        let rest: String = line.chars().skip(start).take(LONG).collect();
        let end = if line.chars().count() > start + LONG { "…" } else { "" };
        format!("{begin}{rest}{end}")
    };
    (excerpt(before), excerpt(after))
}
