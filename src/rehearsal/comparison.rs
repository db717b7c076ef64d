//! What was expected against what happened, in words.

use super::entry::Entry;
use super::happened::{Note, Occurrence};
use super::{Failure, wording};
use crate::diagnostic::Position;
use crate::playbook::case::{Expectation, Expected};

/// What a play brought about.
pub(super) struct Outcome<'a> {
    pub occurrences: &'a [Occurrence],
    pub notes: &'a [Note],
    /// What the playbook enrolls, in words.
    pub subject: &'static str,
    /// Why the subject stood outside, when it did at the end.
    pub outside: Option<&'a str>,
    pub entered: bool,
    /// How far it was played, in seconds.
    pub until: i64,
    /// Where the case stands.
    pub place: Position,
}

/// Everything in which the two differ; empty when they agree.
pub(super) fn compare(expected: &[Expectation], outcome: &Outcome) -> Vec<Failure> {
    let occurrences = outcome.occurrences;
    let mut partner = aligned(expected, occurrences);
    let mut taken: Vec<bool> = (0..occurrences.len()).map(|at| partner.contains(&Some(at))).collect();
    let mut failures = Vec::new();
    let mut explained = Vec::new();
    for (index, expectation) in expected.iter().enumerate() {
        if let Some(at) = partner[index] {
            details(expectation, &occurrences[at], &mut failures);
            continue;
        }
        // The same thing at another time, or in another place of the order.
        let other = |at: &usize| !taken[*at] && occurrences[*at].is(&expectation.expected);
        let same_time = (0..occurrences.len()).filter(other).find(|at| occurrences[*at].after == expectation.after);
        let found = same_time
            .or_else(|| (0..occurrences.len()).find(other))
            .or_else(|| another_end(expectation, occurrences, &taken));
        let message = match found {
            Some(at) => {
                taken[at] = true;
                partner[index] = Some(at);
                elsewhere(expectation, &occurrences[at])
            }
            None => missing(expectation, outcome, &mut explained),
        };
        failures.push(Failure { place: expectation.place, message });
    }
    for (at, occurrence) in occurrences.iter().enumerate() {
        if taken[at] || occurrence.is_end() {
            continue;
        }
        let next = expected.iter().find(|expectation| expectation.after >= occurrence.after);
        let help = if occurrence.is_undecided() { " (if it is meant, expect `undecided: true`)" } else { "" };
        let message = format!(
            "{} {}, which the case does not expect: {}{help}",
            wording::after(occurrence.after),
            occurrence.describe(),
            wording::beginning(occurrence.text())
        );
        failures.push(Failure { place: next.map_or(outcome.place, |next| next.place), message });
    }
    for (at, note) in outcome.notes.iter().enumerate() {
        if note.failed && !explained.contains(&at) {
            let message = format!("{} {}", wording::after(note.after), note.what);
            failures.push(Failure { place: outcome.place, message });
        }
    }
    failures
}

/// What was expected and what happened in one list: `-` stands before what was
/// expected and did not happen, `+` before what happened and was not expected.
/// Empty when the two agree.
pub(super) fn difference(expected: &[Expectation], occurrences: &[Occurrence]) -> Vec<String> {
    let occurrences = listed(expected, occurrences);
    let partner = aligned(expected, &occurrences);
    let (mut lines, mut next) = (Vec::new(), 0);
    let happened = |occurrence: &Occurrence| format!("+ {}", Entry::of_occurrence(occurrence));
    for (expectation, partner) in expected.iter().zip(partner) {
        let entry = Entry::of_expectation(expectation);
        let Some(at) = partner else {
            lines.push(format!("- {entry}"));
            continue;
        };
        lines.extend(occurrences[next..at].iter().map(happened));
        next = at + 1;
        let mended = Entry::mended(expectation, &occurrences[at]);
        match mended == entry {
            true => lines.push(format!("  {entry}")),
            false => lines.extend([format!("- {entry}"), format!("+ {mended}")]),
        }
    }
    lines.extend(occurrences[next..].iter().map(happened));
    if lines.iter().all(|line| line.starts_with("  ")) { Vec::new() } else { lines }
}

/// The entries that expect what happened, as many as were expected and what
/// belongs to the same instant as the last; details that were stated are put
/// right.
pub(super) fn mend(expected: &[Expectation], occurrences: &[Occurrence], until: i64) -> Vec<Entry> {
    let mut occurrences = listed(expected, occurrences);
    let last = occurrences.iter().take(expected.len()).next_back().map_or(until, |last| last.after.max(until));
    occurrences.retain(|occurrence| occurrence.after <= last);
    let partner = aligned(expected, &occurrences);
    let entry = |(at, occurrence): (usize, &Occurrence)| match partner.iter().position(|found| *found == Some(at)) {
        Some(index) => Entry::mended(&expected[index], occurrence),
        None => {
            match expected.iter().zip(&partner).find(|(one, found)| found.is_none() && occurrence.is(&one.expected)) {
                Some((moved, _)) => Entry::mended(moved, occurrence),
                None => Entry::of_occurrence(occurrence),
            }
        }
    };
    occurrences.iter().enumerate().map(entry).collect()
}

/// What a case has to list: ends only where it expects one.
fn listed(expected: &[Expectation], occurrences: &[Occurrence]) -> Vec<Occurrence> {
    let has_ends = expected.iter().any(|one| matches!(one.expected, Expected::Ended(_)));
    occurrences.iter().filter(|occurrence| has_ends || !occurrence.is_end()).cloned().collect()
}

/// For each expectation the occurrence that fulfils it, in the same order and at the same
/// time; as many as possible.
fn aligned(expected: &[Expectation], occurrences: &[Occurrence]) -> Vec<Option<usize>> {
    let same =
        |i: usize, j: usize| expected[i].after == occurrences[j].after && occurrences[j].is(&expected[i].expected);
    // Pairs that agree in every detail count for a little more.
    let worth = |i: usize, j: usize| {
        let mut wrong = Vec::new();
        details(&expected[i], &occurrences[j], &mut wrong);
        if wrong.is_empty() { 1_001_u64 } else { 1_000 }
    };
    let mut best = vec![vec![0_u64; occurrences.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..occurrences.len()).rev() {
            best[i][j] = best[i + 1][j].max(best[i][j + 1]);
            if same(i, j) {
                best[i][j] = best[i][j].max(best[i + 1][j + 1] + worth(i, j));
            }
        }
    }
    let mut partner = vec![None; expected.len()];
    let (mut i, mut j) = (0, 0);
    while i < expected.len() && j < occurrences.len() {
        if same(i, j) && best[i][j] == best[i + 1][j + 1] + worth(i, j) {
            partner[i] = Some(j);
            (i, j) = (i + 1, j + 1);
        } else if best[i][j] == best[i + 1][j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    partner
}

fn another_end(expectation: &Expectation, occurrences: &[Occurrence], taken: &[bool]) -> Option<usize> {
    let is_end = |at: &usize| !taken[*at] && occurrences[*at].is_end();
    match expectation.expected {
        Expected::Ended(_) => (0..occurrences.len()).find(is_end),
        _ => None,
    }
}

fn details(expectation: &Expectation, occurrence: &Occurrence, failures: &mut Vec<Failure>) {
    let mut wrong = |message| failures.push(Failure { place: expectation.place, message });
    let what = format!("{} {}", occurrence.name(), wording::after(occurrence.after));
    if let Some(to) = &expectation.to
        && !occurrence.went_to(to)
    {
        wrong(format!("{what} was expected to go to `{to}`; it went to {}", occurrence.addressee()));
    }
    if let Some(variant) = &expectation.variant
        && occurrence.variant() != Some(variant)
    {
        let found = occurrence.variant().map_or("it has no variants".to_owned(), |found| format!("it is `{found}`"));
        wrong(format!("{what} was expected in the variant `{variant}`; {found}"));
    }
    if let Some(subject) = &expectation.subject
        && occurrence.subject() != Some(subject)
    {
        let found = occurrence.subject().unwrap_or("nothing");
        wrong(format!("{what} was expected to have the subject “{subject}”; it is “{found}”"));
    }
    if let Some(text) = &expectation.contains
        && !occurrence.contains(text)
    {
        wrong(format!("{what} does not contain “{text}”; its text is “{}”", wording::beginning(occurrence.text())));
    }
}

/// `the mail `nudge` after 2d`.
fn wanted(expectation: &Expectation) -> String {
    let after = wording::after(expectation.after);
    match &expectation.expected {
        Expected::Step { id, form } => format!("the {} `{id}` {after}", form.noun),
        Expected::Ended(word) => format!("the end as `{word}` {after}"),
        Expected::Undecided => format!("that it cannot be decided {after}"),
    }
}

fn elsewhere(expectation: &Expectation, occurrence: &Occurrence) -> String {
    let wanted = wanted(expectation);
    if occurrence.after == expectation.after && occurrence.is(&expectation.expected) {
        format!("expected {wanted} in another order: entries stand in the order in which things happen")
    } else {
        format!("expected {wanted}, but {} {}", occurrence.describe(), wording::after(occurrence.after))
    }
}

/// It did not happen at all; says why if that is known.
fn missing(expectation: &Expectation, outcome: &Outcome, explained: &mut Vec<usize>) -> String {
    let wanted = wanted(expectation);
    let step = match &expectation.expected {
        Expected::Step { id, .. } => Some(id),
        Expected::Ended(_) | Expected::Undecided => None,
    };
    let of_step = |(_, note): &(usize, &Note)| step.is_some() && note.step.as_ref() == step;
    let nearest =
        outcome.notes.iter().enumerate().filter(of_step).min_by_key(|(_, note)| note.after.abs_diff(expectation.after));
    if let Some((at, note)) = nearest {
        explained.push(at);
        return format!("expected {wanted}, but {} {}", wording::after(note.after), note.what);
    }
    let mut message = format!("expected {wanted}, but it did not happen");
    let end =
        outcome.occurrences.iter().rfind(|occurrence| occurrence.is_end() && occurrence.after <= expectation.after);
    let undecided = outcome.notes.iter().find(|note| note.step.is_none());
    if !outcome.entered {
        if let Some(outside) = outcome.outside {
            message.push_str(&format!(". The {} did not enter: {outside}", outcome.subject));
        }
    } else if let Some(end) = end {
        message.push_str(&format!(": {} {}", end.describe(), wording::after(end.after)));
    } else if let Some(note) = undecided {
        message.push_str(&format!(": {} {}", wording::after(note.after), note.what));
    } else if step.is_none() {
        message.push_str(&format!(": it was still on its way {}", wording::after(outcome.until)));
    }
    message
}
