//! A comparison for a person at a terminal.

use super::words::{SHOWN, colleagues, kept_out, load, messages, method, plain, tasks, tests};
use crate::worker::runs::diff::{Crossing, PlaybookDiff, TextChange};

pub(super) fn print(diffs: &[PlaybookDiff]) {
    let (same, changed): (Vec<&PlaybookDiff>, Vec<&PlaybookDiff>) =
        diffs.iter().partition(|diff| diff.change == TextChange::Same);
    changed.iter().for_each(|diff| print_one(diff));
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|diff| diff.playbook.as_str()).collect();
        say!("the same: {}", names.join(", "));
    }
    if !changed.is_empty() {
        say!("{}", method());
    }
}

fn print_one(diff: &PlaybookDiff) {
    say!("{}: {}", diff.playbook, diff.change.name());
    for line in &diff.changes.lines {
        say!("  {line}");
    }
    for (what, names) in tests(diff) {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        say!("  tests {what}: {}", names.join(", "));
    }
    if diff.changes.is_empty() && diff.change == TextChange::Changed && diff.reason.is_none() {
        say!("  only its layout or remarks are other ones");
    }
    if let Some(reason) = &diff.reason {
        say!("  {reason}");
    }
    for note in &diff.notes {
        say!("  {note}");
    }
    say!("  would enter {}, would leave {}", diff.enter.len(), diff.leave.len());
    crossings(diff, &diff.enter, '+', "before");
    crossings(diff, &diff.leave, '-', "now");
    say!("  messages a week: {}", messages(diff));
    say!("  tasks a week: {}", tasks(diff));
    for colleague in colleagues(diff) {
        let name = colleague.name.as_deref().map_or(String::new(), |name| format!(" {name}"));
        say!("    {}{name}: {}", colleague.csm, load(diff, colleague));
    }
}

fn crossings(diff: &PlaybookDiff, crossings: &[Crossing], sign: char, other: &str) {
    for one in crossings.iter().take(SHOWN) {
        let name = diff.names.get(&one.subject.account).map_or(String::new(), |name| format!(" {name}"));
        let values: Vec<String> = one.values.iter().map(|(fact, value)| format!("{fact} {}", plain(value))).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let kept_out = kept_out(one).map_or(String::new(), |why| format!(" ({other}: {why})"));
        say!("  {sign} {}{name}{values}{kept_out}", one.subject);
        if let Some(others) = diff.collisions.get(&one.subject) {
            say!("      also in {}", others.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
    }
    if crossings.len() > SHOWN {
        say!("  … and {} more", crossings.len() - SHOWN);
    }
}
