//! `set`: labels of our own, written down about the subject.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Action, Compiler, Reads, Situation, StepKind, label};
use crate::effect::EffectBody;
use crate::playbook::reader::{KeyNames, Shape};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Step, StepForm};
use crate::rule::template::{Escape, Template};
use crate::rule::{EvalError, Sandbox};

/// The kind `set`.
pub struct Kind;

/// The name of a label, and its value: a text, a number, true or false.
const LABELS: Shape = Shape::Map {
    keys: KeyNames::Pattern(r"^\S(.{0,98}\S)?$"),
    of: &Shape::Either(&[Shape::Template, Shape::Number, Shape::Boolean]),
    least: 1,
};

#[derive(Debug)]
struct Set {
    labels: Vec<(String, Words)>,
}

/// What a label is set to.
#[derive(Debug)]
enum Words {
    /// Nothing removes it.
    Fixed(Option<String>),
    Template(Template),
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("set")
    }

    fn summary(&self) -> &'static str {
        "Writes labels down about the account or contact, for `label(name)`."
    }

    fn shape(&self) -> Shape {
        LABELS
    }

    fn labels(&self, body: &Node, _sandbox: &Sandbox) -> Option<BTreeSet<String>> {
        Some(body.as_mapping().unwrap_or_default().iter().map(|entry| entry.key.clone()).collect())
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let help = "write `set: { risk: high }`";
        let entries = match body.as_mapping() {
            Some([]) => {
                compiler.error("KW0102", step.place, "`set` needs at least one label", Some(help));
                return None;
            }
            Some(entries) => entries,
            None => {
                let message = format!("`set` needs labels with their values, not {}", body.describe());
                compiler.error("KW0103", body.place, message, Some(help));
                return None;
            }
        };
        let mut labels = Vec::new();
        let mut fine = true;
        for entry in entries {
            if let Some(why) = label::name_problem(&entry.key) {
                compiler.error("KW0104", entry.key_place, why, None);
                fine = false;
            }
            match words(&entry.key, &entry.node, compiler) {
                Some(words) => labels.push((entry.key.clone(), words)),
                None => fine = false,
            }
        }
        fine.then(|| Arc::new(Set { labels }) as Arc<dyn Action>)
    }
}

fn words(label: &str, node: &Node, compiler: &mut Compiler) -> Option<Words> {
    match (label::constant(node), &node.value) {
        (Some(value), _) => Some(Words::Fixed(value)),
        (None, NodeValue::Text(source)) => compiler.template(source, Escape::Plain, false).map(Words::Template),
        (None, _) => {
            compiler.problems.push(label::value_problem(&compiler.file, label, node));
            None
        }
    }
}

impl Action for Set {
    fn reads(&self, reads: &mut Reads) {
        for (_, words) in &self.labels {
            if let Words::Template(template) = words {
                reads.template(template);
            }
        }
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let value = |words: &Words| match words {
            Words::Fixed(value) => Ok(value.clone()),
            Words::Template(template) => at.render_internal(template).map(Some),
        };
        self.labels.iter().map(|(name, words)| label::effect(name, value(words)?)).collect()
    }
}
