//! A comparison as a comment on a pull request: one table, and what each playbook
//! says and whom it touches folded below.
//!
//! Customers' names, values and texts of authors stand in code spans alone: there
//! nothing is markup, nobody is mentioned and no link is made.

use crate::clock::Instant;
use crate::playbook::changes::{ChangeWords, SentencePart};
use crate::printable::printable;
use crate::worker::runs::diff::{Crossing, PlaybookDiff, TextChange};

use super::words::{SHOWN, colleagues, kept_out, load, messages, method, plain, tasks, tests};

/// A comment of GitHub may have 65,536 characters: what does not fit is left out.
const LONGEST: usize = 60_000;

pub(super) fn render(diffs: &[PlaybookDiff], against: &str, slot: Instant) -> String {
    let changed: Vec<&PlaybookDiff> = diffs.iter().filter(|diff| diff.change != TextChange::Same).collect();
    let same = diffs.len() - changed.len();
    let (enter, leave): (usize, usize) =
        changed.iter().fold((0, 0), |(enter, leave), diff| (enter + diff.enter.len(), leave + diff.leave.len()));
    let at = slot.format("%Y-%m-%d %H:%M UTC");
    let mut text = "### Keepwell: whom this change touches\n\n".to_owned();
    if changed.is_empty() {
        text.push_str(&format!("No playbook is different from {}.\n", code(against)));
        return text;
    }
    text.push_str(&format!("**{enter} would enter, {leave} would leave**, at {at}, beside {}.\n\n", code(against)));
    text.push_str("| playbook | change | enter | leave | messages a week | tasks a week |\n");
    text.push_str("|---|---|---:|---:|---|---|\n");
    for diff in &changed {
        // A bar ends a cell also inside of a code span.
        let (playbook, change) = (code(&diff.playbook).replace('|', "\\|"), diff.change.name());
        let (enter, leave) = match diff.reason {
            Some(_) => ("?".to_owned(), "?".to_owned()),
            None => (diff.enter.len().to_string(), diff.leave.len().to_string()),
        };
        let row = [playbook.as_str(), change, &enter, &leave, &messages(diff), &tasks(diff)].join(" | ");
        text.push_str(&format!("| {row} |\n"));
    }
    if same > 0 {
        let playbooks = if same == 1 { "playbook is" } else { "playbooks are" };
        text.push_str(&format!("\n{same} other {playbooks} the same.\n"));
    }
    let mut left_out = 0;
    for diff in changed {
        let details = details(diff);
        match text.len() + details.len() > LONGEST {
            true => left_out += 1,
            false => text.push_str(&details),
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\nThe details of {left_out} playbooks are left out: `keepwell diff` prints them.\n"));
    }
    text.push_str(&format!("\n<sub>{}</sub>\n", method()));
    text
}

/// What is folded.
fn details(diff: &PlaybookDiff) -> String {
    let mut items: Vec<String> = diff.changes.lines.iter().map(line).collect();
    for (what, names) in tests(diff) {
        items.push(format!("tests {what}: {}", names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")));
    }
    if diff.changes.is_empty() && diff.change == TextChange::Changed && diff.reason.is_none() {
        items.push("only its layout or remarks are other ones".to_owned());
    }
    items.extend(diff.reason.iter().map(|reason| code(reason)));
    items.extend(diff.notes.iter().cloned());
    for colleague in colleagues(diff) {
        let name = colleague.name.as_deref().map_or(String::new(), |name| format!(" {}", code(name)));
        items.push(format!("tasks of {}{name}: {}", code(&colleague.csm), load(diff, colleague)));
    }
    if items.is_empty() && !diff.moves_somebody() {
        return String::new();
    }
    let mut text = format!("\n<details><summary><code>{}</code></summary>\n\n", html(&diff.playbook));
    items.iter().for_each(|item| text.push_str(&format!("- {item}\n")));
    crossings(diff, &diff.enter, "enter", "before", &mut text);
    crossings(diff, &diff.leave, "leave", "now", &mut text);
    text.push_str("\n</details>\n");
    text
}

fn line(words: &ChangeWords) -> String {
    let piece = |piece: &SentencePart| match piece {
        SentencePart::Word(word) => word.clone(),
        SentencePart::Quote(text) => code(text),
    };
    words.pieces().iter().map(piece).collect::<Vec<_>>().join(" ")
}

fn crossings(diff: &PlaybookDiff, crossings: &[Crossing], what: &str, other: &str, into: &mut String) {
    if crossings.is_empty() {
        return;
    }
    into.push_str(&format!("\nWould {what}:\n\n"));
    for one in crossings.iter().take(SHOWN) {
        let name = diff.names.get(&one.subject.account).map_or(String::new(), |name| format!(" {}", code(name)));
        let values: Vec<String> =
            one.values.iter().map(|(fact, value)| code(&format!("{fact} {}", plain(value)))).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let kept_out = kept_out(one).map_or(String::new(), |why| format!(" ({other}: {why})"));
        let others = diff.collisions.get(&one.subject).map_or(String::new(), |others| {
            format!("; also in {}", others.iter().map(|other| code(other)).collect::<Vec<_>>().join(", "))
        });
        into.push_str(&format!("- {}{name}{values}{kept_out}{others}\n", code(&one.subject.to_string())));
    }
    if crossings.len() > SHOWN {
        into.push_str(&format!("- … and {} more\n", crossings.len() - SHOWN));
    }
}

/// A text in a code span: its fence is longer than any run of backticks in it, and
/// what steers is shown as its number. It stands on one line.
fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = printable(&line);
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match longest > 0 || line.is_empty() {
        true => format!("{fence} {line} {fence}"),
        false => format!("{fence}{line}{fence}"),
    }
}

/// A text inside of HTML, on one line.
fn html(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inside_ends_a_code_span() {
        for (text, written) in [
            ("Acme", "`Acme`"),
            ("a`b", "`` a`b ``"),
            ("```", "```` ``` ````"),
            ("<script> @all\n\n# x", "`<script> @all # x`"),
            ("a|b", "`a|b`"),
            ("a\u{202e}b", "`a\\u{202e}b`"),
            ("", "`  `"),
        ] {
            assert_eq!(code(text), written);
        }
    }
}
