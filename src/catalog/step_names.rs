//! What the steps of a playbook are named for: by functions such as
//! `done("call")`, and as the labels and scores that conditions read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::action::{self, KINDS};
use crate::playbook::document::Survey;
use crate::playbook::yaml::Node;
use crate::playbook::{Step, StepBody};
use crate::rule::{NamedSteps, Sandbox};

/// The steps that each function about steps can name, where they may ask these surveys.
pub(super) fn named_steps(steps: &[Step], surveys: &[Arc<Survey>]) -> NamedSteps {
    let mut names = NamedSteps::default();
    for kind in KINDS {
        kind.form().functions.iter().for_each(|function| names.declare(function, kind.name()));
    }
    for (step, body) in actions(steps) {
        let Some(kind) = action::kind(&step.kind) else { continue };
        for function in kind.form().functions {
            names.add(function, kind.named(&step.id, function, body, surveys));
        }
    }
    names
}

/// The labels that the steps set; `None` where a script does not say which.
pub(super) fn set_labels(steps: &[Step], sandbox: &Sandbox) -> Option<BTreeSet<String>> {
    let mut labels = BTreeSet::new();
    for (step, body) in actions(steps) {
        if let Some(kind) = action::kind(&step.kind) {
            labels.extend(kind.labels(body, sandbox)?);
        }
    }
    Some(labels)
}

/// The scores that answers to the steps' own questions are.
pub(super) fn own_scores(steps: &[Step]) -> impl Iterator<Item = &'static str> {
    actions(steps).filter_map(|(step, body)| action::kind(&step.kind)?.own_score(body))
}

/// The steps that a kind reads, with their bodies, in the order of the text.
fn actions(steps: &[Step]) -> impl Iterator<Item = (&Step, &Node)> {
    Step::walk(steps).into_iter().filter_map(|step| match &step.body {
        StepBody::Action(body) => Some((step, body)),
        _ => None,
    })
}
