//! `wait`, `branch` and `end`: the kinds that say which step comes next.
//!
//! Their bodies are read with the form of a playbook, into
//! [`StepBody`](crate::playbook::StepBody), and `enrollment::advance` follows
//! them; this file has their names and what the reference says of them.

use std::sync::Arc;

use super::{Action, Compiler, StepKind};
use crate::playbook::reader::Shape;
use crate::playbook::yaml::Node;
use crate::playbook::{BodyForm, Step, StepForm, steps};

/// A kind that performs nothing.
pub(super) struct Steering {
    name: &'static str,
    body: BodyForm,
    summary: &'static str,
    shape: Shape,
}

/// The kind `wait`.
pub(super) const WAIT: Steering = Steering {
    name: "wait",
    body: BodyForm::Wait,
    summary: "Waits for a span of time, for a date, or until a condition holds.",
    shape: steps::WAIT,
};

/// The kind `branch`.
pub(super) const BRANCH: Steering = Steering {
    name: "branch",
    body: BodyForm::Branch,
    summary: "Takes the first of several ways whose condition holds.",
    shape: steps::BRANCH,
};

/// The kind `end`.
pub(super) const END: Steering =
    Steering { name: "end", body: BodyForm::End, summary: "Ends the enrollment with a reason.", shape: steps::END };

impl StepKind for Steering {
    fn form(&self) -> StepForm {
        StepForm { body: self.body, ..StepForm::new(self.name) }
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    /// There is nothing to perform.
    fn parse(&self, _: &Step, _: &Node, _: &mut Compiler) -> Option<Arc<dyn Action>> {
        None
    }
}
