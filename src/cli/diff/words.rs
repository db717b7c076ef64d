//! Words that more than one form of the answer uses.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::message::class::Class;
use crate::worker::runs::diff::{BeforeAfter, Crossing, DAYS, PlaybookDiff, Week};
use crate::worker::runs::plan::Workload;

/// How many of a kind are named.
pub(super) const SHOWN: usize = 20;

/// The classes of messages that either text brings.
pub(super) fn classes(diff: &PlaybookDiff) -> BTreeSet<Class> {
    let weeks = diff.week.before.iter().chain(&diff.week.after);
    weeks.flat_map(|week| week.messages.keys().copied()).collect()
}

/// How a week is known.
pub(super) fn method() -> String {
    format!(
        "A week is an estimate: the slots of the last {DAYS} days (of a rarer schedule the latest one), played again with \
         each text on today's columns, and what those who entered would get on their whole way."
    )
}

/// `2 → 4`, or `2` where it stays; `?` where it cannot be said.
pub(super) fn amounts(week: &BeforeAfter<Option<Week>>, of: impl Fn(&Week) -> f64) -> String {
    let amount = |week: &Option<Week>| week.as_ref().map_or("?".to_owned(), |week| number(of(week)));
    let (before, after) = (amount(&week.before), amount(&week.after));
    if before == after { after } else { format!("{before} → {after}") }
}

/// A number with one digit behind the point where it needs one.
fn number(amount: f64) -> String {
    let rounded = (amount * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}

/// `lifecycle 2 → 4, internal 1`; `0` where nothing is sent.
pub(super) fn messages(diff: &PlaybookDiff) -> String {
    let of = |class: Class| amounts(&diff.week, |week| week.messages.get(&class).copied().unwrap_or(0.0));
    let classes: Vec<String> = classes(diff).into_iter().map(|class| format!("{class} {}", of(class))).collect();
    if classes.is_empty() { amounts(&diff.week, Week::all_messages) } else { classes.join(", ") }
}

pub(super) fn tasks(diff: &PlaybookDiff) -> String {
    amounts(&diff.week, |week| week.tasks)
}

/// The colleagues for whom something is different.
pub(super) fn colleagues(diff: &PlaybookDiff) -> impl Iterator<Item = &Workload> {
    let a_week = |week: &Option<Week>, csm: &str| week.as_ref().and_then(|week| week.by_colleague.get(csm).copied());
    diff.workload.iter().filter(move |load| {
        load.before != load.after || a_week(&diff.week.before, &load.csm) != a_week(&diff.week.after, &load.csm)
    })
}

/// `3 → 5 with those who enter now, 2 → 4 a week`.
pub(super) fn load(diff: &PlaybookDiff, load: &Workload) -> String {
    let weekly = amounts(&diff.week, |week| week.by_colleague.get(&load.csm).copied().unwrap_or(0.0));
    let open =
        if load.before == load.after { load.after.to_string() } else { format!("{} → {}", load.before, load.after) };
    format!("{open} with those who enter now, {weekly} a week")
}

/// A value as people write it: a text without its quotes.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "missing".to_owned(),
        other => other.to_string(),
    }
}

/// Why somebody does not enter by the other text.
pub(super) fn kept_out(one: &Crossing) -> Option<String> {
    match one.kept_out_by? {
        "condition" => Some("the condition does not hold".to_owned()),
        skip => Some(format!("skipped, {skip}")),
    }
}

/// What is said of test cases: `added`, `removed`, `changed` with their names.
pub(super) fn tests(diff: &PlaybookDiff) -> Vec<(&'static str, &[String])> {
    let tests = &diff.changes.tests;
    let all = [("added", &tests.added), ("removed", &tests.removed), ("changed", &tests.changed)];
    all.into_iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| (what, names.as_slice())).collect()
}
