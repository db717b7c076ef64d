//! `enroll`: the same subject enters another playbook.

use std::sync::Arc;

use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::diagnostic::nearest;
use crate::effect::EffectBody;
use crate::playbook::reader::{Fields, Form, Key, NameOf, Shape};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Source, Step, StepForm};
use crate::rule::EvalError;

/// The kind `enroll`.
pub struct Kind;

const ENROLL: Shape = Shape::Either(&[Shape::Name(NameOf::Playbook), Shape::Form(&ENROLL_KEYS)]);

static ENROLL_KEYS: Form = Form::new(
    "the step `enroll`",
    &[&[Key::required("playbook", Shape::Name(NameOf::Playbook), "The id of the playbook that is entered.")]],
);

#[derive(Debug)]
struct Enroll {
    playbook: String,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("enroll")
    }

    fn summary(&self) -> &'static str {
        "Enrolls the same subject in another playbook, whose `when` need not be true."
    }

    fn shape(&self) -> Shape {
        ENROLL
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let source = match &body.value {
            NodeValue::Text(source) => source.clone(),
            _ => {
                let mut problems = Vec::new();
                let mut fields = Fields::new(&compiler.file, body, &ENROLL_KEYS, &mut problems).at(step.place);
                let playbook = fields.required_text("playbook");
                let fine = fields.finish();
                compiler.problems.extend(problems);
                playbook.filter(|_| fine)?
            }
        };
        let problem = wrong(&source, compiler);
        if let Some(problem) = problem {
            compiler.problems.push(problem);
            return None;
        }
        Some(Arc::new(Enroll { playbook: source.text.trim().to_owned() }))
    }
}

/// What is wrong with the playbook that is named.
fn wrong(source: &Source, compiler: &Compiler) -> Option<crate::diagnostic::Diagnostic> {
    let id = source.text.trim();
    if id == compiler.own {
        let problem = source.error("KW0108", 1, 1, "a playbook cannot enroll in itself");
        return Some(problem.help("it is in it already; `reentry` says when it may come again"));
    }
    if !compiler.neighbours.lacks(id) {
        return None;
    }
    let mut problem = source.error("KW0108", 1, 1, format!("there is no playbook \"{id}\""));
    let near = nearest(id, compiler.neighbours.ids());
    problem.help = near.map(|near| format!("did you mean \"{near}\"?"));
    Some(problem)
}

impl Action for Enroll {
    fn reads(&self, _reads: &mut Reads) {}

    fn enrolls(&self) -> Option<&str> {
        Some(&self.playbook)
    }

    fn effects(&self, _at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        Ok(vec![EffectBody::Referral { playbook: self.playbook.clone() }])
    }
}
