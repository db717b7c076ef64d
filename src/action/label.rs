//! Labels: their names, their values, and the effect that writes one down.

use crate::diagnostic::Diagnostic;
use crate::effect::{EffectBody, LabelDraft};
use crate::playbook::reader::short;
use crate::playbook::yaml::{Node, NodeValue};
use crate::rule::EvalError;

/// The longest name of a label, in characters.
const LONGEST_NAME: usize = 100;
/// The longest value of a label, in characters.
const LONGEST_VALUE: usize = 500;

/// A label's value that is neither a text nor another that stands for itself.
pub fn value_problem(file: &str, label: &str, node: &Node) -> Diagnostic {
    let message = format!("the label `{}` is a text, a number, true or false, not {}", short(label), node.describe());
    Diagnostic::error("KW0103", file, node.place, message).help("to remove a label, write `none`")
}

/// A value that stands for itself, `none` removing the label; `None` for a
/// text, and for what is no value of a label.
pub fn constant(node: &Node) -> Option<Option<String>> {
    match &node.value {
        NodeValue::Bool(value) => Some(Some(value.to_string())),
        NodeValue::Int(value) => Some(Some(value.to_string())),
        NodeValue::Float(number) => Some(Some(number.text.to_string())),
        NodeValue::Text(source) if source.text.trim() == "none" => Some(None),
        _ => None,
    }
}

/// Why a name cannot be a label's.
pub fn name_problem(name: &str) -> Option<String> {
    let fits = !name.trim().is_empty() && name.trim() == name && name.chars().count() <= LONGEST_NAME;
    (!fits || name.chars().any(char::is_control)).then(|| {
        format!("`{}` cannot be a label: its name is a text of up to {LONGEST_NAME} characters", short(name.trim()))
    })
}

/// The label as it is written down. A value without a character removes it.
pub(super) fn effect(name: &str, value: Option<String>) -> Result<EffectBody, EvalError> {
    let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    if value.as_ref().is_some_and(|value| value.chars().count() > LONGEST_VALUE) {
        return Err(EvalError::new(format!("the label `{name}` has more than {LONGEST_VALUE} characters")));
    }
    Ok(EffectBody::Label(LabelDraft { name: name.to_owned(), value }))
}
