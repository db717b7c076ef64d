//! A plan for a person, at a terminal or in an editor.

use chrono::Duration;

use crate::facts::SubjectId;
use crate::message::state::State;
use crate::worker::runs::first_mails::Fate;
use crate::worker::runs::plan::{Plan, PlannedEffect, count_by_step};

/// How many subjects are shown of a kind.
const SHOWN: usize = 20;

/// Prints a plan.
pub(super) fn print(plan: &Plan) {
    lines(plan).iter().for_each(|line| say!("{line}"));
}

/// The plan in words, line by line.
pub fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    write(plan, &mut lines);
    lines
}

fn write(plan: &Plan, lines: &mut Vec<String>) {
    match plan.was.is_empty() {
        true => lines.push(plan.playbook.clone()),
        false => {
            lines.push(format!("{} (renamed: carries on the history of {})", plan.playbook, plan.was.join(" and ")))
        }
    }
    for clause in &plan.clauses {
        lines.push(format!("  {clause}"));
    }
    if plan.is_rolled_back {
        lines.push(
            "  not in force: it was rolled back, until its file changes or `keepwell apply` publishes it".to_owned(),
        );
    }
    if let Some(reason) = &plan.reason {
        lines.push(format!("  {reason}"));
        enrolled(plan, lines);
        return;
    }
    let held_out = match plan.ghosts.len() {
        0 => String::new(),
        ghosts => format!(", {ghosts} of them held out"),
    };
    lines.push(format!("  candidates {}, would enter {}{held_out}", plan.candidates, plan.enter.len()));
    if !plan.skipped.is_empty() {
        let skipped: Vec<String> = plan.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        lines.push(format!("  skipped: {}", skipped.join(", ")));
    }
    for (subject, why) in plan.undecided.iter().take(10) {
        lines.push(format!("  undecided: {subject}: {why}"));
    }
    if let Some(hold) = &plan.hold {
        lines.push(format!("  would be held: {hold}"));
    }
    mails(plan, lines);
    entering(plan, lines);
    way(plan, lines);
    enrolled(plan, lines);
    workload(plan, lines);
}

/// `a1 Acme`: the subject, and the name of its account where it has one.
fn named(plan: &Plan, subject: &SubjectId) -> String {
    match plan.names.get(&subject.account) {
        Some(name) => format!("{subject} {name}"),
        None => subject.to_string(),
    }
}

fn entering(plan: &Plan, lines: &mut Vec<String>) {
    for subject in plan.enter.iter().take(SHOWN) {
        let held_out = if plan.ghosts.contains(subject) { " (held out)" } else { "" };
        let values: Vec<String> = plan
            .values
            .get(subject)
            .into_iter()
            .flatten()
            .map(|(fact, value)| format!("{fact} {}", plain(value)))
            .collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        lines.push(format!("  + {}{held_out}{values}", named(plan, subject)));
        if let Some(others) = plan.collisions.get(subject) {
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            lines.push(format!("      also in {}", others.join(", ")));
        }
        for effect in plan.effects.iter().filter(|effect| effect.subject == *subject && effect.text.is_some()) {
            text(effect, lines);
        }
    }
    more(plan.enter.len(), lines);
    let hidden = plan.enter.iter().skip(SHOWN).filter(|subject| plan.collisions.contains_key(subject)).count();
    if hidden > 0 {
        lines.push(format!("    {hidden} of them are also in other playbooks"));
    }
}

fn more(count: usize, lines: &mut Vec<String>) {
    if count > SHOWN {
        lines.push(format!("  … and {} more", count - SHOWN));
    }
}

/// A value as people write it: a text without its quotes, a number with two
/// decimals at most.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "missing".to_owned(),
        serde_json::Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.abs() >= 0.01 => ((float * 100.0).round() / 100.0).to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// What one effect would say.
fn text(effect: &PlannedEffect, lines: &mut Vec<String>) {
    let Some(text) = &effect.text else { return };
    let to = effect.to.as_deref().map_or(String::new(), |to| format!(" to {to}"));
    let variant = effect.variant.as_deref().map_or(String::new(), |name| format!(", variant `{name}`"));
    let what = format!("{} {} `{}`{variant}{to}", offset(effect.after), effect.kind, effect.step);
    lines.push(format!("      {what}: {}", text.subject));
    for line in text.body.lines() {
        lines.push(format!("        | {line}"));
    }
}

/// The whole way of those who would enter: how many get what, and when.
fn way(plan: &Plan, lines: &mut Vec<String>) {
    let counts = count_by_step(&plan.effects);
    if counts.is_empty() {
        return;
    }
    lines.push("  the whole way, as things stand:".to_owned());
    for ((after, step, kind), count) in counts {
        lines.push(format!("    {:<12} {kind} `{step}` {count}", offset(after)));
    }
}

/// `at once`, `after 3d`, `after 3d 2h`: to the minute.
fn offset(after: Duration) -> String {
    let parts = [(after.num_days(), "d"), (after.num_hours() % 24, "h"), (after.num_minutes() % 60, "m")];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { "at once".to_owned() } else { format!("after {}", parts.join(" ")) }
}

/// Those who are on their way already.
fn enrolled(plan: &Plan, lines: &mut Vec<String>) {
    if plan.continues.is_empty() && plan.leaves.is_empty() {
        return;
    }
    lines.push(format!("  on their way: {} would go on, {} would leave", plan.continues.len(), plan.leaves.len()));
    lines.extend(plan.continues.iter().take(SHOWN).map(|subject| format!("  = {}", named(plan, subject))));
    more(plan.continues.len(), lines);
    for leaver in plan.leaves.iter().take(SHOWN) {
        let reason = leaver.reason.as_deref().filter(|reason| *reason != leaver.state.name());
        let reason = reason.map_or(String::new(), |reason| format!(", {reason}"));
        lines.push(format!("  - {}: {}{reason}", named(plan, &leaver.subject), leaver.state.name()));
    }
    more(plan.leaves.len(), lines);
}

fn workload(plan: &Plan, lines: &mut Vec<String>) {
    if plan.workload.is_empty() {
        return;
    }
    lines.push("  open tasks before and after:".to_owned());
    for load in &plan.workload {
        let name = load.name.as_deref().map_or(String::new(), |name| format!(" {name}"));
        lines.push(format!("    {}{name}: {} → {}", load.csm, load.before, load.after));
    }
}

/// What would become of the first mails of those who would enter.
fn mails(plan: &Plan, lines: &mut Vec<String>) {
    if plan.mails.is_empty() && plan.unwritten.is_empty() {
        return;
    }
    let leave = plan.mails_that(|fate| *fate == Fate::Leaves);
    let suppressed = plan.mails_that(|fate| matches!(fate, Fate::Never { state: State::Suppressed, .. }));
    let waiting = plan.mails_that(|fate| matches!(fate, Fate::Waits { .. }));
    let suppressed = if suppressed > 0 { format!(", suppressed {suppressed}") } else { String::new() };
    let unwritten: String = plan.unwritten.iter().map(|(reason, count)| format!(", {reason} {count}")).collect();
    lines.push(format!("  first mails: {leave} would leave, {waiting} would wait{suppressed}{unwritten}"));
    let mut by: Vec<(&str, usize)> = plan.put_off().into_iter().collect();
    by.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
    const REASONS: usize = 5;
    let lost = plan.lost_mails();
    for ((state, reason), count) in lost.iter().take(REASONS) {
        lines.push(format!("    {count} would not leave, {state}: {reason}"));
    }
    let more: usize = lost.values().skip(REASONS).sum();
    if more > 0 {
        lines.push(format!("    {more} more would not leave, for other reasons"));
    }
    let in_vain = plan.mails.iter().filter(|mail| mail.waits_in_vain()).count();
    if in_vain > 0 {
        lines.push(format!("    {in_vain} would wait in vain: they expire before"));
    }
    if !by.is_empty() {
        let reasons: Vec<String> = by.iter().take(REASONS).map(|(what, count)| format!("{what} {count}")).collect();
        let more = by.len().saturating_sub(REASONS);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        lines.push(format!("    they wait because of: {}{more}", reasons.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_short() {
        let words = |value| plain(&value);
        assert_eq!(words(json!(2200.0)), "2200");
        assert_eq!(words(json!(-77.358_490_566_037_73)), "-77.36");
        assert_eq!(words(json!(0.004)), "0.004");
        assert_eq!(words(json!(65)), "65");
        assert_eq!(words(json!("A")), "A");
        assert_eq!(words(json!(null)), "missing");
    }
}
