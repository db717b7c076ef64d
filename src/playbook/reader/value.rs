//! Single values: spans of time, expressions, shares, addresses.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Duration, Layout, Origin, Source, duration};

/// An expression as a source: text, or a bare `true` or `false`.
pub fn expression(file: &Arc<str>, node: &Node) -> Option<Source> {
    match &node.value {
        NodeValue::Text(source) => Some(source.clone()),
        NodeValue::Bool(value) => Some(inline(file, node.place, &value.to_string())),
        _ => None,
    }
}

/// A source on one line at a place.
pub fn inline(file: &Arc<str>, start: Position, text: &str) -> Source {
    Source { text: text.into(), origin: Origin { file: file.clone(), start, layout: Layout::Inline } }
}

/// A span of time from a node, or what is wrong with it.
pub fn duration(file: &Arc<str>, key: &str, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Duration> {
    let parsed = node.as_text().and_then(Duration::parse);
    if parsed.is_none() {
        problems.push(match (&node.value, node.as_text()) {
            (_, Some(text)) => no_duration(file, key, Written { at: node.place, text }),
            (value, None) => {
                let message = format!("`{key}` needs a span of time, not {}", node.describe());
                let number = match value {
                    NodeValue::Int(number) => number.to_string(),
                    NodeValue::Float(number) => number.text.to_string(),
                    _ => String::new(),
                };
                Diagnostic::error("KW0103", file, node.place, message).help(duration_help(&number))
            }
        });
    }
    parsed
}

/// A text and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub at: Position,
    pub text: &'a str,
}

/// The error for a text that is no span of time.
pub fn no_duration(file: &str, key: &str, written: Written<'_>) -> Diagnostic {
    let Written { at, text } = written;
    let what = if Duration::is_too_long(text) { "too long" } else { "not a span of time" };
    let message = format!("`{key}` is {what}: `{}`", short(text));
    Diagnostic::error("KW0110", file, at, message).help(duration_help(text))
}

fn duration_help(text: &str) -> String {
    const UNITS: &str = "a number and a unit: `30m`, `12h`, `3d`, `2w`, `2 business days`";
    match duration::meant(text) {
        Some(right) => format!("write `{right}`; a span is {UNITS}"),
        None => format!("write {UNITS}"),
    }
}

/// What could have been meant, or else everything that is allowed; empty where
/// nothing is.
pub fn advice<'a>(word: &str, allowed: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, allowed.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if allowed.clone().next().is_none() => String::new(),
        None => format!("write {}", listed(allowed)),
    }
}

/// `a`, `b` or `c`.
pub fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.pop() {
        None => "none".to_owned(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

/// The beginning of a text, for messages.
pub fn short(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(60).collect();
    let start = start.replace(['\n', '\r'], " ");
    if chars.next().is_some() { format!("{start}…") } else { start }
}

/// Whether a value is the word `off`.
pub fn is_off(node: &Node) -> bool {
    node.as_text() == Some("off")
}

/// A share such as `2%` as 0..=1.
pub fn share(text: &str) -> Option<f64> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let percent: f64 = number.parse().ok()?;
    (plain && percent <= 100.0).then_some(percent / 100.0)
}

/// Whether it can be the name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        assert_eq!(share("2%"), Some(0.02));
        assert_eq!(share("0.5 %"), Some(0.005));
        for wrong in ["2", "%", "101%", "-1%", "inf%", "1e1%", "1.2.3%"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
    }
}
