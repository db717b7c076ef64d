//! `set`: labels of our own, written down about the subject.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::diagnostic::Diagnostic;
use crate::effect::{EffectBody, LabelDraft};
use crate::playbook::reader::short;
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Step, StepForm};
use crate::rule::template::{Escape, Template};
use crate::rule::{EvalError, Sandbox};

/// The kind `set`.
pub struct Kind;

/// The longest name of a label, in characters.
const LONGEST_NAME: usize = 100;
/// The longest value of a label, in characters.
const LONGEST_VALUE: usize = 500;

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
            if let Some(why) = misnamed(&entry.key) {
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
    match (fixed(node), &node.value) {
        (Some(value), _) => Some(Words::Fixed(value)),
        (None, NodeValue::Text(source)) => compiler.template(source, Escape::Plain, false).map(Words::Template),
        (None, _) => {
            compiler.problems.push(unfit(&compiler.file, label, node));
            None
        }
    }
}

/// A label's value that is neither a text nor another that stands for itself.
pub fn unfit(file: &str, label: &str, node: &Node) -> Diagnostic {
    let message = format!("the label `{}` is a text, a number, true or false, not {}", short(label), node.describe());
    Diagnostic::error("KW0103", file, node.place, message).help("to remove a label, write `none`")
}

/// A value that stands for itself, `none` removing the label; `None` for a
/// text, and for what is no value of a label.
pub fn fixed(node: &Node) -> Option<Option<String>> {
    match &node.value {
        NodeValue::Bool(value) => Some(Some(value.to_string())),
        NodeValue::Int(value) => Some(Some(value.to_string())),
        NodeValue::Float(value) => Some(Some(value.to_string())),
        NodeValue::Text(source) if source.text.trim() == "none" => Some(None),
        _ => None,
    }
}

/// Why a name cannot be a label's.
pub fn misnamed(name: &str) -> Option<String> {
    let fits = !name.trim().is_empty() && name.trim() == name && name.chars().count() <= LONGEST_NAME;
    (!fits || name.chars().any(char::is_control)).then(|| {
        format!("`{}` cannot be a label: its name is a text of up to {LONGEST_NAME} characters", short(name.trim()))
    })
}

/// The label as it is written down. A value without a character removes it.
pub(super) fn label(name: &str, value: Option<String>) -> Result<EffectBody, EvalError> {
    let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    if value.as_ref().is_some_and(|value| value.chars().count() > LONGEST_VALUE) {
        return Err(EvalError::new(format!("the label `{name}` has more than {LONGEST_VALUE} characters")));
    }
    Ok(EffectBody::Label(LabelDraft { name: name.to_owned(), value }))
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
        self.labels.iter().map(|(name, words)| label(name, value(words)?)).collect()
    }
}
