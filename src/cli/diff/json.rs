//! A comparison as a JSON document.

use serde_json::{Value as Json, json};

use super::words::classes;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::worker::runs::diff::{Crossing, DAYS, PlaybookDiff, Week};

pub(super) fn document(diffs: &[PlaybookDiff], slot: Instant) -> Json {
    json!({ "diff": diffs.iter().map(|diff| row(diff, slot)).collect::<Vec<_>>() })
}

fn row(diff: &PlaybookDiff, slot: Instant) -> Json {
    let week = |of: fn(&Week) -> f64| json!({ "before": diff.week.before.as_ref().map(of), "after": diff.week.after.as_ref().map(of) });
    let by_class = classes(diff).into_iter().map(|class| {
        let of = |week: &Option<Week>| week.as_ref().map(|week| week.messages.get(&class).copied().unwrap_or(0.0));
        (class.name().to_owned(), json!({ "before": of(&diff.week.before), "after": of(&diff.week.after) }))
    });
    let tests = &diff.changes.tests;
    json!({
        "playbook": diff.playbook,
        "was": diff.was,
        "change": diff.change.name(),
        "slot": slot,
        "changes": diff.changes.lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tests": { "added": tests.added, "removed": tests.removed, "changed": tests.changed },
        "enter": subjects(&diff.enter),
        "leave": subjects(&diff.leave),
        "values": by_subject(diff, |one| json!(one.values)),
        "kept_out_by": by_subject(diff, |one| json!(one.kept_out_by)),
        "names": diff.names,
        "audience": { "before": diff.audience.before, "after": diff.audience.after },
        "undecided": { "before": diff.undecided.before, "after": diff.undecided.after },
        "collisions": diff.collisions.iter().map(|(subject, others)| (subject.to_string(), json!(others)))
            .collect::<serde_json::Map<_, _>>(),
        "entries_per_week": week(|week| week.entries),
        "messages_per_week": week(Week::all_messages),
        "messages_per_week_by_class": by_class.collect::<serde_json::Map<_, _>>(),
        "tasks_per_week": week(|week| week.tasks),
        "week": format!("estimated: the slots of the last {DAYS} days played again with each text"),
        "workload": diff.workload.iter().map(|load| json!({
            "csm": load.csm, "name": load.name, "before": load.before, "after": load.after,
            "per_week": { "before": tasks_of(&diff.week.before, &load.csm), "after": tasks_of(&diff.week.after, &load.csm) },
        })).collect::<Vec<_>>(),
        "active": diff.active,
        "notes": diff.notes,
        "reason": diff.reason,
        "fails": diff.fails,
    })
}

fn subjects(crossings: &[Crossing]) -> Vec<String> {
    crossings.iter().map(|one| one.subject.to_string()).collect()
}

/// Of those who enter and those who leave, by subject.
fn by_subject(diff: &PlaybookDiff, of: impl Fn(&Crossing) -> Json) -> Json {
    let name = |subject: &SubjectId| subject.to_string();
    diff.enter
        .iter()
        .chain(&diff.leave)
        .map(|one| (name(&one.subject), of(one)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn tasks_of(week: &Option<Week>, csm: &str) -> Option<f64> {
    week.as_ref().map(|week| week.by_colleague.get(csm).copied().unwrap_or(0.0))
}
