//! A playbook as a way of steps: who stands at each, who is past it, and who has
//! left there and why.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde::Serialize;

use super::language::{phrase, say, translated};
use super::page::{below, capitalize, href};
use super::stored_words::stored_words;
use crate::enrollment::State;
use crate::playbook::{Goto, Step, StepBody, Wait, WaitOn};
use crate::store::views::web::{StepCount, StepGroup, StepReason};

/// Reasons of each way out that are named.
const REASONS: usize = 3;

/// The states of those who have left before the last step, in this order.
const LEFT: [State; 5] = [State::Goal, State::Exited, State::Blocked, State::Cancelled, State::Failed];

/// A line of the way: a step, or the beginning of an arm of a branch.
#[derive(Serialize)]
pub struct JourneyLine {
    /// How deep it stands inside branches.
    depth: usize,
    /// Of an arm, when it is taken; then there is nothing else.
    arm: Option<String>,
    id: String,
    kind: String,
    /// What it says or waits for.
    words: Option<String>,
    /// When it is left out.
    only_if: Option<String>,
    standing: i64,
    standing_href: String,
    past: i64,
    /// Whether more may have passed it than are known to have.
    at_least: bool,
    past_href: String,
    left: i64,
    left_href: String,
    reasons: Vec<LeftView>,
}

/// Why some have left at a step.
#[derive(Serialize)]
struct LeftView {
    label: &'static str,
    count: i64,
    /// Each with how many, of those that were looked at.
    reasons: Vec<String>,
}

/// How many are in each state, in words.
#[derive(Serialize)]
pub struct StateCount {
    state: String,
    label: &'static str,
    count: i64,
    href: String,
}

/// What is known of those in a playbook.
pub(super) struct Journey<'a> {
    playbook: &'a str,
    steps: &'a [Step],
    counts: &'a [StepCount],
    /// Whether somebody may complete it before its last step.
    ends_early: bool,
    zone: Tz,
}

impl<'a> Journey<'a> {
    pub fn new(playbook: &'a str, steps: &'a [Step], counts: &'a [StepCount], zone: Tz) -> Journey<'a> {
        let ends_early = Step::walk(steps).into_iter().any(|step| match &step.body {
            StepBody::End(_) => true,
            StepBody::Wait(Wait { on: WaitOn::Until { on_met, on_timeout, .. }, .. }) => {
                [on_met, on_timeout].contains(&&Goto::End)
            }
            _ => false,
        });
        Journey { playbook, steps, counts, ends_early, zone }
    }

    /// The way, line by line.
    pub fn lines(&self, reasons: &[StepReason]) -> Vec<JourneyLine> {
        let mut lines = Vec::new();
        self.write(self.steps, 0, reasons, &mut lines);
        lines
    }

    fn write(&self, steps: &[Step], depth: usize, reasons: &[StepReason], lines: &mut Vec<JourneyLine>) {
        for step in steps {
            let count = |groups: Vec<StepGroup>| self.count(&groups);
            let link = |name: &str| href(&people_path(self.playbook), &[(name, &step.id)]);
            lines.push(JourneyLine {
                depth,
                arm: None,
                id: step.id.clone(),
                kind: capitalize(&translated(&step.kind.replace('_', " "))),
                words: words(step),
                only_if: step.condition.as_ref().map(|condition| condition.text.trim().to_owned()),
                standing: count(self.standing(&step.id)),
                standing_href: link("at"),
                past: count(self.past(&step.id)),
                at_least: depth > 0 || self.ends_early,
                past_href: link("past"),
                left: count(self.left(&step.id)),
                left_href: link("left"),
                reasons: self.left_views(&step.id, reasons),
            });
            let StepBody::Branch(arms) = &step.body else { continue };
            for arm in arms {
                let condition = arm.condition.as_ref().map(|condition| condition.text.trim());
                let condition = condition.map_or_else(|| say!("Else"), |text| say!("If {condition}", condition = text));
                lines.push(self.arm(condition, depth + 1));
                self.write(&arm.steps, depth + 2, reasons, lines);
            }
        }
    }

    fn arm(&self, condition: String, depth: usize) -> JourneyLine {
        JourneyLine {
            depth,
            arm: Some(condition),
            id: String::new(),
            kind: String::new(),
            words: None,
            only_if: None,
            standing: 0,
            standing_href: String::new(),
            past: 0,
            at_least: false,
            past_href: String::new(),
            left: 0,
            left_href: String::new(),
            reasons: Vec::new(),
        }
    }

    /// Those who stand at a step.
    pub fn standing(&self, step: &str) -> Vec<StepGroup> {
        self.groups(|state, place| state == State::Active.name() && place == step)
    }

    /// Those who have left at a step, before the last one.
    pub fn left(&self, step: &str) -> Vec<StepGroup> {
        self.groups(|state, place| is_left(state) && place == step)
    }

    /// Those who are known to be past a step: at later ones of the same list, with
    /// what is inside these, and of a step outside branches those who went through.
    pub fn past(&self, step: &str) -> Vec<StepGroup> {
        let Some((later, is_outside)) = later(self.steps, step, true) else { return Vec::new() };
        let all_completed = is_outside && !self.ends_early;
        self.groups(|state, place| match state == State::Completed.name() {
            true => all_completed || later.contains(place),
            false => (state == State::Active.name() || is_left(state)) && later.contains(place),
        })
    }

    /// Those in a state, wherever they stand.
    pub fn in_state(&self, state: &str) -> Vec<StepGroup> {
        self.groups(|known, _| known == state)
    }

    /// Everybody who is or was in it.
    pub fn everybody(&self) -> Vec<StepGroup> {
        self.groups(|_, _| true)
    }

    /// Those who have left, wherever.
    pub fn all_left(&self) -> Vec<StepGroup> {
        self.groups(|state, _| is_left(state))
    }

    /// How many are in each state.
    pub fn states(&self) -> Vec<StateCount> {
        let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
        for one in self.counts {
            *totals.entry(&one.state).or_default() += one.count;
        }
        let count = |(state, count): (&str, i64)| StateCount {
            label: state_label(state),
            href: href(&people_path(self.playbook), &[("state", state)]),
            state: state.to_owned(),
            count,
        };
        totals.into_iter().map(count).collect()
    }

    /// How many are on the way, or have left, at steps that the text does not have.
    pub fn elsewhere(&self) -> i64 {
        let known: BTreeSet<&str> = Step::walk(self.steps).into_iter().map(|step| step.id.as_str()).collect();
        let is_elsewhere = |state: &str, place: &str| {
            (state == State::Active.name() || is_left(state)) && !place.is_empty() && !known.contains(place)
        };
        self.count(&self.groups(is_elsewhere))
    }

    fn groups(&self, is_meant: impl Fn(&str, &str) -> bool) -> Vec<StepGroup> {
        let meant = self.counts.iter().filter(|one| is_meant(&one.state, &one.place));
        meant.map(|one| StepGroup { state: one.state.clone(), place: one.place.clone() }).collect()
    }

    /// How many these groups have.
    pub fn count(&self, groups: &[StepGroup]) -> i64 {
        let is_in = |one: &&StepCount| groups.iter().any(|group| group.state == one.state && group.place == one.place);
        self.counts.iter().filter(is_in).map(|one| one.count).sum()
    }

    fn left_views(&self, step: &str, reasons: &[StepReason]) -> Vec<LeftView> {
        let view = |state: State| {
            let here: Vec<&StepCount> =
                self.counts.iter().filter(|one| one.state == state.name() && one.place == step).collect();
            let count: i64 = here.iter().map(|one| one.count).sum();
            let why = reasons.iter().filter(|one| one.state == state.name() && one.place == step);
            let why = why.filter_map(|one| Some((one.reason.as_deref()?, one.count)));
            let why = why.filter(|(reason, _)| *reason != state.name());
            (count > 0).then(|| LeftView {
                label: state_label(state.name()),
                count,
                reasons: why
                    .take(REASONS)
                    .map(|(reason, count)| say!("{reason} ({n})", reason = stored_words(reason, self.zone), n = count))
                    .collect(),
            })
        };
        LEFT.into_iter().filter_map(view).collect()
    }
}

/// The page of those in a playbook.
pub(super) fn people_path(playbook: &str) -> String {
    format!("{}/accounts", below("/playbooks", playbook))
}

fn is_left(state: &str) -> bool {
    LEFT.iter().any(|left| left.name() == state)
}

/// What a state of an enrollment is called, a phrase.
pub(super) fn state_label(state: &str) -> &'static str {
    if state == State::GHOST {
        return phrase!("Held out");
    }
    match State::ALL.into_iter().find(|known| known.name() == state) {
        Some(State::Active) => phrase!("On the way"),
        Some(State::Completed) => phrase!("Went through"),
        Some(State::Goal) => phrase!("Reached the goal"),
        Some(State::Exited) => phrase!("Left by the exit"),
        Some(State::Blocked) => phrase!("Suppressed"),
        Some(State::Held) => phrase!("Wait for approval"),
        Some(State::Cancelled) => phrase!("Ended by a person"),
        Some(State::Failed) => phrase!("Cannot go on"),
        None => phrase!("In another state"),
    }
}

/// The steps behind one in its list, with all inside them, and whether that list
/// is outside of branches; `None` where there is no such step.
fn later<'s>(steps: &'s [Step], id: &str, is_outside: bool) -> Option<(BTreeSet<&'s str>, bool)> {
    for (at, step) in steps.iter().enumerate() {
        if step.id == id {
            let behind = Step::walk(&steps[at + 1..]).into_iter().map(|step| step.id.as_str());
            return Some((behind.collect(), is_outside));
        }
        if let StepBody::Branch(arms) = &step.body
            && let Some(found) = arms.iter().find_map(|arm| later(&arm.steps, id, false))
        {
            return Some(found);
        }
    }
    None
}

/// What a step says or waits for, in a few words.
fn words(step: &Step) -> Option<String> {
    match &step.body {
        StepBody::Branch(_) => None,
        StepBody::End(reason) => Some(reason.clone()),
        StepBody::Wait(Wait { on, at }) => {
            let words = match on {
                WaitOn::For(span) => span.to_string(),
                WaitOn::Date(date) => say!("until {date}", date = date.text.trim()),
                WaitOn::Until { condition, at_most, .. } => {
                    say!("until {condition}, {span} at most", condition = condition.text.trim(), span = at_most)
                }
            };
            Some(match at {
                Some(at) => say!("{wait}, at {time}", wait = words, time = at.format("%H:%M")),
                None => words,
            })
        }
        StepBody::Action(node) => {
            const TITLES: [&str; 5] = ["title", "subject", "report", "playbook", "text"];
            let entries = node.as_mapping().unwrap_or_default();
            let title = TITLES
                .iter()
                .find_map(|key| entries.iter().find(|entry| entry.key == *key).and_then(|entry| entry.node.as_text()));
            title.or_else(|| node.as_text()).and_then(|text| text.lines().next()).map(str::to_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::playbook::source::SourceFile;

    const TEXT: &str = "playbook: p\nabout: x\nalerts_to: o@example.com\nschedule: \"0 9 * * *\"\nwhen: account.mrr > 0\n\
        steps:\n  - task: { id: call, title: Call }\n  - branch:\n    - if: account.mrr > 9\n      steps:\n\
        \x20       - wait: { id: think, for: 2d }\n        - task: { id: visit, title: Visit }\n    - else:\n\
        \x20       steps:\n        - task: { id: write, title: Write }\n  - task: { id: ask, title: Ask }\n";

    fn count(state: &str, place: &str, count: i64) -> StepCount {
        StepCount { state: state.to_owned(), place: place.to_owned(), count }
    }

    #[test]
    fn who_is_past_a_step_is_known_by_where_they_stand() {
        let file = SourceFile { path: "p.yaml".into(), text: TEXT.into() };
        let mut problems = Vec::new();
        let playbook = catalog::parse(&file, &mut problems).unwrap_or_else(|| panic!("{problems:?}"));
        let counts = [
            count("active", "call", 1),
            count("active", "think", 10),
            count("goal", "visit", 100),
            count("exited", "write", 1_000),
            count("active", "ask", 10_000),
            count("completed", "", 100_000),
            count("completed", "think", 1_000_000),
            count("ghost", "ask", 5_000_000),
        ];
        let journey = Journey::new("p", &playbook.steps, &counts, Tz::UTC);
        let of = |groups: Vec<StepGroup>| journey.count(&groups);
        let past: Vec<i64> =
            ["call", "think", "visit", "write", "ask"].into_iter().map(|step| of(journey.past(step))).collect();
        assert_eq!(past, [1_111_110, 100, 0, 0, 1_100_000]);
        assert_eq!((of(journey.standing("think")), of(journey.left("visit"))), (10, 100));
        assert_eq!((of(journey.all_left()), journey.elsewhere()), (1_100, 0));
        let lines = journey.lines(&[]);
        let shown: Vec<(usize, &str)> =
            lines.iter().map(|line| (line.depth, line.arm.as_deref().unwrap_or(&line.id))).collect();
        let wanted = [
            (0, "call"),
            (0, "branch-1"),
            (1, "If account.mrr > 9"),
            (2, "think"),
            (2, "visit"),
            (1, "Else"),
            (2, "write"),
            (0, "ask"),
        ];
        assert_eq!(shown, wanted);
    }
}
