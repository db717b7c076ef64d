//! The attention budget as authors and operators write it: how many mails and
//! other touches a contact and an account may get within rolling windows.

use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;

use super::Duration;
use super::reader::form::OFF;
use super::reader::{Fields, Form, Key, Shape, is_off, short};
use super::yaml::{Node, NodeValue};
use crate::diagnostic::Diagnostic;

const LIMIT: Shape = Shape::text_like(r"^\s*\+?[0-9]+\s* per \s*[0-9]+\s*[smhdw]\s*$", "a limit such as `3 per 7d`");
const LIMITS: Shape = Shape::Either(&[OFF, LIMIT, Shape::list(&LIMIT, 0)]);

/// The keys of a budget, in the configuration and in a case.
pub static BUDGET: Form = Form::new(
    "budget",
    &[&[
        Key::new(
            "contact",
            LIMITS,
            "How many mails and other touches a contact gets, such as `[1 per 1d, 3 per 7d]`, or `off`.",
        ),
        Key::new(
            "account",
            LIMITS,
            "How many mails and other touches all contacts of an account get together, such as `[6 per 7d]`, or `off`.",
        ),
    ]],
);

const HELP: &str = "write `[1 per 1d, 3 per 7d]` or `off`";

/// At most `most` touches within any `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub most: usize,
    pub window: TimeDelta,
    /// As it was written: `3 per 7d`.
    text: String,
}

impl Limit {
    /// Reads `3 per 7d`.
    pub fn parse(text: &str) -> Option<Limit> {
        let (most, window) = text.split_once(" per ")?;
        let most: usize = most.trim().parse().ok().filter(|most| (1..=1_000).contains(most))?;
        let Duration::Seconds(seconds) = Duration::parse(window.trim())? else { return None };
        let window = TimeDelta::try_seconds(seconds).filter(|window| *window > TimeDelta::zero())?;
        Some(Limit { most, window, text: format!("{most} per {}", window_text(text)) })
    }
}

fn window_text(text: &str) -> &str {
    text.split_once(" per ").map_or(text, |(_, window)| window.trim())
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// What all playbooks together may ask of somebody; an empty list is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub contact: Vec<Limit>,
    pub account: Vec<Limit>,
}

impl Budget {
    /// No limit at all.
    pub const OFF: Budget = Budget { contact: Vec::new(), account: Vec::new() };

    /// Whether nothing is limited.
    pub fn is_off(&self) -> bool {
        self.contact.is_empty() && self.account.is_empty()
    }

    /// The longest window of any limit; `None` without limits.
    pub fn longest(&self) -> Option<TimeDelta> {
        self.contact.iter().chain(&self.account).map(|limit| limit.window).max()
    }

    /// Reads `budget:` on top of `unless_given`: a key that is not there keeps
    /// what that says.
    pub fn read(file: &Arc<str>, node: &Node, unless_given: Budget, problems: &mut Vec<Diagnostic>) -> Budget {
        if is_off(node) {
            return Budget::OFF;
        }
        let mut budget = unless_given;
        let mut fields = Fields::new(file, node, &BUDGET, problems);
        if let Some(node) = fields.take("contact") {
            budget.contact = limits("contact", node, &mut fields);
        }
        if let Some(node) = fields.take("account") {
            budget.account = limits("account", node, &mut fields);
        }
        fields.finish();
        budget
    }
}

impl Default for Budget {
    /// A mail a day and three a week for a contact, six a week for an account.
    fn default() -> Budget {
        let limits = |texts: &[&str]| texts.iter().filter_map(|text| Limit::parse(text)).collect();
        Budget { contact: limits(&["1 per 1d", "3 per 7d"]), account: limits(&["6 per 7d"]) }
    }
}

/// `off`, one limit or a list of them.
fn limits(key: &str, node: &Node, fields: &mut Fields<'_, '_>) -> Vec<Limit> {
    if is_off(node) {
        return Vec::new();
    }
    let single = [node.clone()];
    let items = match &node.value {
        NodeValue::Sequence(items) => items.as_slice(),
        _ => &single,
    };
    let mut limits = Vec::new();
    for item in items {
        match item.as_text().map(|text| (text, Limit::parse(text))) {
            Some((_, Some(limit))) => limits.push(limit),
            Some((text, None)) => {
                let message = format!("`{}` is not a limit", short(text));
                fields.error_with_help("KW0104", item.place, message, HELP);
            }
            None => {
                let message = format!("`{key}` needs limits, not {}", item.describe());
                fields.error_with_help("KW0103", item.place, message, HELP);
            }
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_a_count_and_a_span() {
        let limit = Limit::parse("3 per 7d").expect("a limit");
        assert_eq!((limit.most, limit.window), (3, TimeDelta::days(7)));
        assert_eq!(limit.to_string(), "3 per 7d");
        for wrong in ["3", "3 a week", "0 per 7d", "-1 per 7d", "3 per 2 business days", "3 per 0d", "x per 7d"] {
            assert_eq!(Limit::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_default_is_the_documented_one() {
        let budget = Budget::default();
        assert_eq!(budget.contact.iter().map(Limit::to_string).collect::<Vec<_>>(), ["1 per 1d", "3 per 7d"]);
        assert_eq!(budget.account.iter().map(Limit::to_string).collect::<Vec<_>>(), ["6 per 7d"]);
        assert_eq!(budget.longest(), Some(TimeDelta::days(7)));
    }
}
