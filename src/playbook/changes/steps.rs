//! Steps that were added, removed, moved or changed. A step is known by its id,
//! so one whose id is new is a new step.

use super::leaves::{self, Leaf, leaves};
use super::words::ChangeWords;
use crate::playbook::{Source, Step, StepBody, Wait, WaitOn};

/// A step with where it stands: in which way of which branch.
struct Place<'a> {
    step: &'a Step,
    /// The branch and the number of its way; `None` at the top.
    inside: Option<(&'a str, usize)>,
}

/// What is said of steps that are not the same.
pub(super) fn compare(before: &[Step], after: &[Step]) -> Vec<ChangeWords> {
    let (before, after) = (places(before), places(after));
    let find = |places: &'_ [Place<'_>], id: &str| places.iter().position(|place| place.step.id == id);
    let mut lines = Vec::new();
    for place in &after {
        match find(&before, &place.step.id) {
            None => lines.push(added(place.step)),
            Some(earlier) => {
                let earlier = &before[earlier];
                if earlier.inside != place.inside {
                    lines.push(about(place.step).word("is moved, to").word(&words_of_place(place)));
                }
                lines.extend(changed(earlier.step, place.step));
            }
        }
    }
    for place in before.iter().filter(|place| find(&after, &place.step.id).is_none()) {
        lines.push(about(place.step).word("removed:").word(&place.step.kind));
    }
    let order = |places: &[Place<'_>], others: &[Place<'_>]| -> Vec<String> {
        let stays = |place: &&Place<'_>| {
            others.iter().any(|other| other.step.id == place.step.id && other.inside == place.inside)
        };
        places.iter().filter(stays).map(|place| place.step.id.clone()).collect()
    };
    let (old, new) = (order(&before, &after), order(&after, &before));
    if old != new {
        let words = ChangeWords::new().word("the order of the steps:").quote(&old.join(", ")).word("before,");
        lines.push(words.quote(&new.join(", ")).word("after"));
    }
    lines
}

fn places(steps: &[Step]) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    walk(steps, None, &mut found);
    found
}

fn walk<'a>(steps: &'a [Step], inside: Option<(&'a str, usize)>, into: &mut Vec<Place<'a>>) {
    for step in steps {
        into.push(Place { step, inside });
        if let StepBody::Branch(arms) = &step.body {
            for (at, arm) in arms.iter().enumerate() {
                walk(&arm.steps, Some((&step.id, at + 1)), into);
            }
        }
    }
}

fn words_of_place(place: &Place<'_>) -> String {
    match place.inside {
        Some((branch, way)) => format!("way {way} of {branch}"),
        None => "the main way".to_owned(),
    }
}

/// `step call`.
fn about(step: &Step) -> ChangeWords {
    ChangeWords::new().word("step").quote(&step.id)
}

fn added(step: &Step) -> ChangeWords {
    let words = about(step).word("added:").word(&step.kind);
    let says = says(step);
    let main = ["title", "subject", "text", "waits", "until", "date", "reason", "playbook"];
    match main.iter().find_map(|key| says.iter().find(|(path, _)| path == key)) {
        Some((_, text)) => words.quote(text),
        None => words,
    }
}

fn changed(before: &Step, after: &Step) -> Vec<ChangeWords> {
    if before.kind != after.kind {
        let words = about(after).word(&format!("is of another kind: {} before, {} after", before.kind, after.kind));
        return vec![words];
    }
    if let (Some(old), Some(new)) = (span(before), span(after))
        && old != new
    {
        return vec![about(after).word(&format!("waits {new} instead of {old}"))];
    }
    if let (Some(old), Some(new)) = (waits_for(before), waits_for(after))
        && old.0 != new.0
    {
        let words = about(after).word("waits for something else:").quote(&old.1).word("before,");
        return vec![words.quote(&new.1).word("after")];
    }
    let line = |one: leaves::LeafChange| {
        let path = if one.path.is_empty() { "says".to_owned() } else { one.path.clone() };
        one.after_words(about(after).key(&path))
    };
    leaves::compare(&says(before), &says(after)).into_iter().map(line).collect()
}

/// How long a step waits that waits for a span alone.
fn span(step: &Step) -> Option<String> {
    match &step.body {
        StepBody::Wait(Wait { on: WaitOn::For(span), at: None }) => Some(span.to_string()),
        _ => None,
    }
}

/// In which form a step waits, and for what.
fn waits_for(step: &Step) -> Option<(&'static str, String)> {
    let StepBody::Wait(wait) = &step.body else { return None };
    Some(match &wait.on {
        WaitOn::For(span) => ("span", span.to_string()),
        WaitOn::Date(source) => ("date", source.text.to_string()),
        WaitOn::Until { condition, .. } => ("until", condition.text.to_string()),
    })
}

/// The single values of a step.
fn says(step: &Step) -> Vec<Leaf> {
    let leaf = |path: &str, text: &str| (path.to_owned(), text.trim().to_owned());
    let mut said: Vec<Leaf> = step.condition.iter().map(|source| leaf("if", &source.text)).collect();
    match &step.body {
        StepBody::Action(node) => said.extend(leaves(node)),
        StepBody::End(reason) => said.push(leaf("reason", reason)),
        StepBody::Branch(arms) => {
            let condition =
                |source: &Option<Source>| source.as_ref().map_or("else".to_owned(), |one| one.text.to_string());
            said.extend(
                arms.iter().enumerate().map(|(at, arm)| leaf(&format!("way {}", at + 1), &condition(&arm.condition))),
            );
        }
        StepBody::Wait(wait) => {
            match &wait.on {
                WaitOn::For(span) => said.push(leaf("waits", &span.to_string())),
                WaitOn::Date(source) => said.push(leaf("date", &source.text)),
                WaitOn::Until { condition, at_most, on_met, on_timeout } => {
                    said.push(leaf("until", &condition.text));
                    said.push(leaf("at_most", &at_most.to_string()));
                    said.push(leaf("on_met", on_met.word()));
                    said.push(leaf("on_timeout", on_timeout.word()));
                }
            }
            said.extend(wait.at.iter().map(|at| leaf("at", &at.format("%H:%M").to_string())));
        }
    }
    said
}
