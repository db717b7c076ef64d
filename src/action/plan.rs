//! `plan`: the account gets a success plan.

use std::sync::Arc;

use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::effect::EffectBody;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Step, StepForm};
use crate::rule::EvalError;

/// The kind `plan`.
pub struct Kind;

const PLAN: Shape = Shape::Either(&[Shape::Text, Shape::Form(&PLAN_KEYS)]);

static PLAN_KEYS: Form = Form::new(
    "the step `plan`",
    &[&[Key::required("plan", Shape::Text, "The id of the success plan that the account gets.")]],
);

#[derive(Debug)]
struct GivePlan {
    plan: String,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("plan")
    }

    fn summary(&self) -> &'static str {
        "Gives the account a success plan: from now on its goals are measured, and their time counts. An account that has the plan keeps it as it is."
    }

    fn shape(&self) -> Shape {
        PLAN
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let source = match &body.value {
            NodeValue::Text(source) => source.clone(),
            _ => {
                let mut problems = Vec::new();
                let mut fields = Fields::new(&compiler.file, body, &PLAN_KEYS, &mut problems).at(step.place);
                let plan = fields.required_text("plan");
                let fine = fields.finish();
                compiler.problems.extend(problems);
                plan.filter(|_| fine)?
            }
        };
        let plan = source.text.trim();
        if let Some((message, help)) = compiler.neighbours.describe_unknown_plan(plan) {
            compiler.problems.push(source.error("KW0241", 1, 1, message).help(help));
            return None;
        }
        Some(Arc::new(GivePlan { plan: plan.to_owned() }))
    }
}

impl Action for GivePlan {
    fn reads(&self, _reads: &mut Reads) {}

    fn effects(&self, _at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        Ok(vec![EffectBody::Plan { plan: self.plan.clone() }])
    }
}
