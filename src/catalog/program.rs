//! From the tree of steps that an author wrote to a program with positions.

use std::collections::BTreeMap;

use super::ready::{ReadyBody, ReadyStep, ReadyWait, ReadyWaitOn};
use crate::action::{self, Compiler};
use crate::playbook::{Goto, Step, StepBody, WaitOn};
use crate::rule::Wanted;

/// Turns the tree of steps into positions with explicit successors.
pub(super) struct Program {
    pub steps: Vec<ReadyStep>,
    /// Waits whose targets are ids, resolved when every position is known.
    pub gotos: Vec<(usize, Goto, Goto)>,
    /// Whether no step had to be left out.
    pub whole: bool,
}

const UNSET: usize = usize::MAX;

impl Program {
    /// Appends steps, each followed by the next position.
    pub fn sequence(&mut self, steps: &[Step], compiler: &mut Compiler) {
        for step in steps {
            self.step(step, compiler);
        }
    }

    fn step(&mut self, step: &Step, compiler: &mut Compiler) {
        let condition = step.condition.as_ref().and_then(|source| compiler.expression(source, Wanted::Verdict, false));
        let position = self.steps.len();
        let body = match &step.body {
            StepBody::End(reason) => ReadyBody::End(reason.clone()),
            StepBody::Wait(wait) => match self.wait(position, wait, compiler) {
                Some(wait) => ReadyBody::Wait(wait),
                None => return self.whole = false,
            },
            StepBody::Branch(arms) => return self.branch(step, arms, compiler),
            StepBody::Action(node) => {
                let Some(kind) = action::kind(&step.kind) else {
                    compiler.error("KW0113", step.place, format!("unknown step kind `{}`", step.kind), None);
                    return self.whole = false;
                };
                if let Some(example) = kind.example()
                    && node.as_mapping().is_none()
                {
                    let message = format!("the step `{}` needs keys, not {}", kind.name(), node.describe());
                    compiler.error("KW0103", node.place, message, Some(&format!("write `{example}`")));
                    return self.whole = false;
                }
                match kind.parse(step, node, compiler) {
                    Some(action) => ReadyBody::Action(action),
                    None => return self.whole = false,
                }
            }
        };
        self.steps.push(ReadyStep { id: step.id.clone(), condition, body, next: position + 1 });
    }

    fn wait(&mut self, position: usize, wait: &crate::playbook::Wait, compiler: &mut Compiler) -> Option<ReadyWait> {
        let on = match &wait.on {
            WaitOn::For(span) => ReadyWaitOn::For(*span),
            WaitOn::Date(source) => ReadyWaitOn::Date(Box::new(compiler.expression(source, Wanted::Time, false)?)),
            WaitOn::Until { condition, at_most, on_met, on_timeout } => {
                let condition = Box::new(compiler.expression(condition, Wanted::Verdict, true)?);
                self.gotos.push((position, on_met.clone(), on_timeout.clone()));
                ReadyWaitOn::Until { condition, at_most: *at_most, on_met: UNSET, on_timeout: UNSET }
            }
        };
        Some(ReadyWait { on, at: wait.at })
    }

    fn branch(&mut self, step: &Step, arms: &[crate::playbook::Arm], compiler: &mut Compiler) {
        let position = self.steps.len();
        self.steps.push(ReadyStep {
            id: step.id.clone(),
            condition: None,
            body: ReadyBody::Branch { arms: Vec::new(), otherwise: UNSET },
            next: position + 1,
        });
        let mut rules = Vec::new();
        let mut otherwise = None;
        let mut tails: Vec<std::ops::Range<usize>> = Vec::new();
        for arm in arms {
            let rule = arm.condition.as_ref().map(|source| compiler.expression(source, Wanted::Verdict, false));
            let start = self.steps.len();
            self.sequence(&arm.steps, compiler);
            tails.push(start..self.steps.len());
            let target = if self.steps.len() > start { start } else { UNSET };
            match rule {
                None => otherwise = Some(target),
                Some(Some(rule)) => rules.push((rule, target)),
                Some(None) => {}
            }
        }
        let after = self.steps.len();
        // An arm without steps goes on behind the branch at once.
        let settled = |target: usize| if target == UNSET { after } else { target };
        // What used to fall into the next arm goes on behind the branch.
        for tail in tails {
            for inner in self.steps[tail.clone()].iter_mut() {
                if inner.next == tail.end {
                    inner.next = after;
                }
                if let ReadyBody::Branch { arms, otherwise } = &mut inner.body {
                    for target in arms.iter_mut().map(|(_, target)| target).chain([otherwise]) {
                        if *target == tail.end {
                            *target = after;
                        }
                    }
                }
            }
        }
        self.steps[position].body = ReadyBody::Branch {
            arms: rules.into_iter().map(|(rule, target)| (rule, settled(target))).collect(),
            otherwise: otherwise.map_or(after, settled),
        };
    }

    pub fn finish(mut self) -> Vec<ReadyStep> {
        let positions: BTreeMap<String, usize> =
            self.steps.iter().enumerate().map(|(at, step)| (step.id.clone(), at)).collect();
        let end = self.steps.len();
        for (position, met, timeout) in std::mem::take(&mut self.gotos) {
            let Some(step) = self.steps.get_mut(position) else { continue };
            let next = step.next;
            let target = |goto: &Goto| match goto {
                Goto::Next => next,
                Goto::End => end,
                Goto::Step(id) => positions.get(id).copied().unwrap_or(end),
            };
            if let ReadyBody::Wait(ReadyWait { on: ReadyWaitOn::Until { on_met, on_timeout, .. }, .. }) = &mut step.body
            {
                (*on_met, *on_timeout) = (target(&met), target(&timeout));
            }
        }
        self.steps
    }
}
