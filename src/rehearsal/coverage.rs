//! What the cases of a playbook try: each clause of its conditions, each step,
//! and each way that a branch or a wait can go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::budget::CaseBudget;
use super::course;
use crate::catalog::ReadyPlaybook;
use crate::config::Config;
use crate::diagnostic::Position;
use crate::enrollment::{Passage, Way};
use crate::facts::Schema;
use crate::playbook::{Step, StepBody, WaitOn};
use crate::rule::{Context, Rule, Sandbox, Verdict};

/// What the cases of one playbook try.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    pub playbook: String,
    /// The file as it was named when it was read.
    pub file: Arc<str>,
    /// Everything that a case can try.
    pub parts: usize,
    /// What no case tries, in the order of the text.
    pub gaps: Vec<Gap>,
}

/// Something that no case tries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    pub place: Position,
    /// For people who do not program.
    pub message: String,
}

/// Plays the cases of a playbook and finds what none of them tries.
pub fn coverage(playbook: &ReadyPlaybook, config: &Config, schema: &Schema) -> Coverage {
    let budget = CaseBudget::of(config.limits.cases);
    let mut seen = SeenFacts::default();
    let mut passages = BTreeSet::new();
    for case in &playbook.playbook.tests {
        // One with mistakes in its fixtures fails, which is said elsewhere.
        if let Ok((mut course, _)) = course(playbook, case, config, schema, &budget, 0) {
            let context = |facts| Context { facts, progress: None, zone: playbook.zone };
            seen.at_slots.extend(std::mem::take(&mut course.looks).into_iter().map(context));
            seen.on_the_way.append(&mut course.end_looks);
            seen.after_the_end.append(&mut course.late_looks);
            passages.append(&mut course.passages);
        }
    }
    let mut tried = Tried { parts: 0, gaps: Vec::new(), passages };
    tried.conditions(playbook, &seen);
    Step::walk(&playbook.playbook.steps).into_iter().for_each(|step| tried.step(step));
    let Tried { parts, mut gaps, .. } = tried;
    gaps.sort();
    Coverage { playbook: playbook.playbook.id.clone(), file: playbook.playbook.file.clone(), parts, gaps }
}

/// What was seen when conditions were decided.
#[derive(Default)]
struct SeenFacts {
    /// When it was decided who enters.
    at_slots: Vec<Context>,
    /// When it was decided whether an enrollment ends.
    on_the_way: Vec<Context>,
    /// When it was decided whether the goal came true later.
    after_the_end: Vec<Context>,
}

struct Tried {
    parts: usize,
    gaps: Vec<Gap>,
    passages: BTreeSet<Passage>,
}

impl Tried {
    /// Counts a part; a gap where it was not tried.
    fn part(&mut self, is_tried: bool, place: Position, message: impl FnOnce() -> String) {
        self.parts += 1;
        if !is_tried {
            self.gaps.push(Gap { place, message: message() });
        }
    }

    /// Whether each clause of `when`, `suppress`, `goal` and `exit` was true and
    /// was false where it is looked at.
    fn conditions(&mut self, playbook: &ReadyPlaybook, seen: &SeenFacts) {
        let sandbox = &playbook.sandbox;
        let at_slots: Vec<&Context> = seen.at_slots.iter().collect();
        self.clauses("", &playbook.when, sandbox, &at_slots);
        // Whom `when` leaves out is asked nothing more.
        let candidates =
            at_slots.into_iter().filter(|context| playbook.when.verdict(sandbox, context) == Verdict::True);
        let ends: Vec<&Context> = candidates.chain(&seen.on_the_way).collect();
        // The first is its own; the configuration's belongs to no playbook.
        let own_suppress = playbook.suppress.first().filter(|_| playbook.playbook.suppress.is_some());
        if let Some(suppress) = own_suppress {
            self.clauses(" of `suppress`", suppress, sandbox, &ends);
        }
        if let Some(exit) = &playbook.exit {
            self.clauses(" of `exit`", exit, sandbox, &ends);
        }
        if let Some(goal) = &playbook.goal {
            let goals: Vec<&Context> = ends.into_iter().chain(&seen.after_the_end).collect();
            self.clauses(" of `goal`", goal, sandbox, &goals);
        }
    }

    /// Whether each clause of a condition was true and was false.
    fn clauses(&mut self, of: &str, condition: &Rule, sandbox: &Sandbox, contexts: &[&Context]) {
        for rule in condition.clauses() {
            let (mut was_true, mut was_false) = (false, false);
            for context in contexts {
                match rule.verdict(sandbox, context) {
                    Verdict::True => was_true = true,
                    Verdict::False => was_false = true,
                    Verdict::Undecided(_) => {}
                }
            }
            let (text, at) = (&rule.clause.text, rule.clause.at);
            self.part(was_true, at, || format!("`{text}`{of} was never true in any case"));
            self.part(was_false, at, || format!("`{text}`{of} was never false in any case"));
        }
    }

    fn step(&mut self, step: &Step) {
        let (id, place) = (&step.id, step.place);
        let passed = |passages: &BTreeSet<Passage>, way| passages.contains(&Passage { step: id.clone(), way });
        let mut way = |way, place, message: String| {
            let is_tried = passed(&self.passages, way);
            self.part(is_tried, place, || message);
        };
        way(Way::Begun, place, format!("no case comes to the step `{id}`"));
        if let Some(condition) = &step.condition {
            let place = condition.origin.at(1, 1);
            way(Way::LeftOut, place, format!("the `if` of the step `{id}` was never false in any case"));
        }
        match &step.body {
            StepBody::Branch(arms) => {
                for (index, arm) in arms.iter().enumerate() {
                    let place = arm.condition.as_ref().map_or(place, |condition| condition.origin.at(1, 1));
                    match &arm.condition {
                        Some(_) => way(Way::Arm(index), place, format!("no case takes this way of the branch `{id}`")),
                        None => way(Way::Otherwise, place, format!("no case takes the `else` of the branch `{id}`")),
                    }
                }
                if arms.iter().all(|arm| arm.condition.is_some()) {
                    way(Way::Otherwise, place, format!("in every case the branch `{id}` takes one of its ways"));
                }
            }
            StepBody::Wait(wait) if matches!(wait.on, WaitOn::Until { .. }) => {
                way(Way::Met, place, format!("the wait `{id}` never ends in time in any case"));
                way(Way::TimedOut, place, format!("the wait `{id}` never runs out in any case"));
            }
            _ => {}
        }
    }
}
