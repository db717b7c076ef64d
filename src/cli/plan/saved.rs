//! A plan in a file: what `plan --out` writes and `apply` reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Instant;

/// The form of the file.
const FORM: u32 = 1;

/// How many differences are said of a kind.
const SHOWN: usize = 5;

/// What of a playbook's plan must be the same when it is applied, with the words
/// for it.
const BINDING: [(&str, &str); 8] = [
    ("reason", "whether it would run"),
    ("hold", "whether it would be held"),
    ("enter", "who would enter"),
    ("ghosts", "who would be held out"),
    ("leaves", "who would leave"),
    ("values", "the values that decided"),
    ("effects", "what would come of it"),
    ("mails", "what would become of the first mails"),
];

/// A plan, what it was made of, and for which slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedPlan {
    form: u32,
    pub slot: Instant,
    /// Only of this playbook; of all where absent.
    pub playbook: Option<String>,
    /// Whether it has what every message and task would say.
    #[serde(default)]
    pub has_texts: bool,
    /// The revision of each playbook, by id.
    pub revisions: BTreeMap<String, String>,
    /// As `plan --format json` prints them.
    pub plan: Vec<Value>,
}

impl SavedPlan {
    pub fn new(
        slot: Instant,
        playbook: Option<String>,
        has_texts: bool,
        revisions: BTreeMap<String, String>,
        plan: Vec<Value>,
    ) -> SavedPlan {
        SavedPlan { form: FORM, slot, playbook, has_texts, revisions, plan }
    }

    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))
    }

    pub fn read(file: &Path) -> anyhow::Result<SavedPlan> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let no_plan = || format!("{} is no plan; `keepwell plan --out FILE` writes one", file.display());
        let saved: SavedPlan = serde_json::from_str(&text).with_context(no_plan)?;
        anyhow::ensure!(saved.form == FORM, "{} was written by another version of Keepwell", file.display());
        Ok(saved)
    }

    /// The playbooks of it that would run.
    pub fn running(&self) -> Vec<&str> {
        self.plan.iter().filter(|plan| plan["reason"].is_null()).filter_map(|plan| plan["playbook"].as_str()).collect()
    }

    /// The playbooks whose run would be held: the plan names these approvals.
    pub fn held(&self) -> BTreeSet<&str> {
        let held = self.plan.iter().filter(|plan| plan["reason"].is_null() && !plan["hold"].is_null());
        held.filter_map(|plan| plan["playbook"].as_str()).collect()
    }

    /// How many would enter a playbook, those who are held until an approval included.
    pub fn entering(&self, playbook: &str) -> usize {
        let plan = self.plan.iter().find(|plan| plan["playbook"] == playbook);
        plan.and_then(|plan| plan["enter"].as_array()).map_or(0, Vec::len)
    }

    /// Of these subjects those whom the plan does not let enter a playbook.
    pub fn unplanned(&self, playbook: &str, subjects: impl Iterator<Item = String>) -> Vec<String> {
        let plan = self.plan.iter().find(|plan| plan["playbook"] == playbook);
        let planned = plan.and_then(|plan| plan["enter"].as_array()).map_or(&[][..], Vec::as_slice);
        subjects.filter(|subject| !planned.iter().any(|one| one == subject.as_str())).collect()
    }

    /// In words, what is not as it was when the plan was made; empty when nothing
    /// that it says has moved.
    pub fn differences(&self, now: &SavedPlan) -> Vec<String> {
        let mut found = Vec::new();
        for (id, revision) in &self.revisions {
            match now.revisions.get(id) {
                None => found.push(format!("the playbook `{id}` is gone")),
                Some(other) if other != revision => found.push(format!("the playbook `{id}` has changed")),
                Some(_) => {}
            }
        }
        found.extend(
            now.revisions
                .keys()
                .filter(|id| !self.revisions.contains_key(*id))
                .map(|id| format!("the playbook `{id}` is new")),
        );
        if !found.is_empty() {
            return found;
        }
        for (before, after) in self.plan.iter().zip(&now.plan) {
            let playbook = before["playbook"].as_str().unwrap_or_default();
            for (key, words) in BINDING {
                if before[key] != after[key] {
                    found.push(format!("{playbook}: {words}{}", difference(&before[key], &after[key])));
                }
            }
        }
        found
    }
}

/// `: a7 more, a2 not any more`, as far as it can be said.
fn difference(before: &Value, after: &Value) -> String {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            let names = |values: &[Value], others: &[Value]| -> Vec<String> {
                values.iter().filter(|value| !others.contains(value)).map(name).collect()
            };
            parts(names(after, before), names(before, after))
        }
        (Value::Object(before), Value::Object(after)) => {
            let names = |values: &Map<String, Value>, others: &Map<String, Value>| -> Vec<String> {
                values
                    .iter()
                    .filter(|(key, value)| others.get(*key) != Some(value))
                    .map(|(key, _)| key.clone())
                    .collect()
            };
            let changed: BTreeSet<String> = names(after, before).into_iter().chain(names(before, after)).collect();
            format!(": {}", listed(changed.into_iter().collect()))
        }
        (before, after) => format!(": {} before, {} now", name(before), name(after)),
    }
}

fn parts(more: Vec<String>, fewer: Vec<String>) -> String {
    // The same thing before and after is another one only in what it says.
    let (other, more): (Vec<String>, Vec<String>) = more.into_iter().partition(|name| fewer.contains(name));
    let fewer = fewer.into_iter().filter(|name| !other.contains(name)).collect();
    let said: Vec<String> = [(more, "now"), (fewer, "not any more"), (other, "in another way")]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, word)| format!("{} {word}", listed(names)))
        .collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) }
}

fn listed(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn name(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".to_owned(),
        // An effect.
        Value::Object(fields) if fields.contains_key("subject") => {
            let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{} {} `{}`", field("subject"), field("kind"), field("step"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn saved(revision: &str, enter: &[&str]) -> SavedPlan {
        let revisions = BTreeMap::from([("p".to_owned(), revision.to_owned())]);
        let plan = json!({ "playbook": "p", "reason": null, "hold": null, "enter": enter });
        SavedPlan::new(Instant::default(), None, false, revisions, vec![plan])
    }

    #[test]
    fn what_moved_is_said_in_words() {
        let before = saved("1", &["a1", "a2"]);
        assert!(before.differences(&saved("1", &["a1", "a2"])).is_empty());
        assert_eq!(before.differences(&saved("2", &["a1"])), ["the playbook `p` has changed"]);
        assert_eq!(before.differences(&saved("1", &["a1", "a3"])), ["p: who would enter: a3 now; a2 not any more"]);
    }

    #[test]
    fn whom_a_plan_does_not_name_is_found() {
        let subjects = || ["a1", "a7"].map(str::to_owned).into_iter();
        assert_eq!(saved("1", &["a1", "a2"]).unplanned("p", subjects()), ["a7"]);
        assert_eq!(saved("1", &["a1"]).unplanned("other", subjects()), ["a1", "a7"]);
    }

    #[test]
    fn any_binding_part_that_moved_is_a_difference() {
        let before = saved("1", &["a1"]);
        for (key, _) in BINDING {
            let mut after = before.clone();
            after.plan[0][key] = json!("other");
            assert_eq!(before.differences(&after).len(), 1, "{key}");
        }
    }
}
