//! A figure of a report: what is shown before and after, and what it is worth.

use std::sync::Arc;

use super::goal;
use super::text_by_language::{self, TextByLanguage};
use crate::diagnostic::Position;
use crate::playbook::Source;
use crate::playbook::reader::form::STEP_ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape, expression, short};
use crate::playbook::yaml::{Node, NodeValue};

/// One figure of a report.
#[derive(Clone, Debug)]
pub struct Figure {
    pub id: String,
    pub place: Position,
    pub label: TextByLanguage,
    /// What is counted, behind the number; `None` of a bare number.
    pub unit: Option<TextByLanguage>,
    /// Asked as of the end of the period, and as of its beginning.
    pub value: Source,
    /// Whether less is better.
    pub falls: bool,
    pub worth: Option<Worth>,
}

/// What one unit of a figure is worth, in money.
#[derive(Clone, Debug)]
pub struct Worth {
    /// The customer's own rate.
    pub rate: Option<Source>,
    /// The rate of accounts that have none of their own.
    pub default: Option<f64>,
}

pub(super) static FIGURE: Form = Form::new(
    "a figure",
    &[&[
        Key::required("id", STEP_ID, "What the figure is called: letters, digits, `-` and `_`."),
        Key::required("label", Shape::Localized, "What it is, for the customer: a text, or one for each language."),
        Key::required(
            "value",
            Shape::Expression,
            "A number about one account, asked as of the end of the period and as of its beginning: `account.events(\"report_created\", 90)`. What is missing is shown as missing.",
        ),
        Key::new(
            "unit",
            Shape::Localized,
            "What is counted, such as `hours`: a text, or one for each language; `%` for percent.",
        ),
        Key::new(
            "better",
            Shape::Words(&["up", "down"]),
            "Whether more is better (`up`, the default) or less (`down`).",
        ),
        Key::new(
            "worth",
            Shape::Either(&[Shape::Expression, Shape::Number, Shape::Form(&WORTH)]),
            "What one unit is worth by the customer's own rate, such as `account.traits.hourly_rate`; a number is the rate of everybody. Without a rate no money is shown.",
        ),
    ]],
);

static WORTH: Form = Form::new(
    "a worth",
    &[&[
        Key::new("rate", Shape::Expression, "The customer's own rate, such as `account.traits.hourly_rate`."),
        Key::new(
            "default",
            Shape::Number,
            "The rate of accounts without one of their own; the report says that it is assumed.",
        ),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["rate"], &["default"]])]);

/// Reads a figure; `None` where it cannot be shown.
pub(super) fn read(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Figure> {
    let mut inner = Fields::new(file, node, &FIGURE, fields.problems());
    let id = inner.required_text("id").map(|id| id.text.to_string());
    if let Some(id) = &id {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 100 || !id.chars().all(fits) {
            let message = format!("`{}` cannot be the id of a figure", short(id));
            let at = inner.value_place("id");
            inner.error_with_help("KW0104", at, message, "use letters, digits, `-` and `_`");
        }
    }
    let label = text_by_language::required("label", &mut inner);
    let value = inner.required_expression("value");
    let unit = text_by_language::read("unit", &mut inner);
    let falls = inner.one_of("better", &[("up", false), ("down", true)]).unwrap_or(false);
    let worth = inner.take("worth").and_then(|node| worth(file, node, &mut inner));
    inner.finish();
    Some(Figure { id: id?, place: node.place, label: label?, unit, value: value?, falls, worth })
}

fn worth(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Worth> {
    let (rate, default) = match (&node.value, goal::number(node)) {
        (_, Some(number)) => (None, Some((number, node.place))),
        (NodeValue::Mapping(_), None) => {
            let mut inner = Fields::new(file, node, &WORTH, fields.problems());
            let rate = inner.expression("rate");
            let default = inner.take("default").and_then(|node| match goal::number(node) {
                Some(number) => Some((number, node.place)),
                None => {
                    inner.wrong_type("default", node, "a number");
                    None
                }
            });
            if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
                inner.error("KW0102", node.place, "a worth needs the key `rate` or `default`");
            }
            inner.finish();
            (rate, default)
        }
        (NodeValue::Bool(_) | NodeValue::Text(_), None)
            if node.as_text().is_none_or(|text| !text.trim().is_empty()) =>
        {
            (expression(file, node), None)
        }
        _ => {
            fields.wrong_type("worth", node, "an expression, a number, or `rate` and `default`");
            return None;
        }
    };
    if let Some((number, at)) = default
        && number <= 0.0
    {
        let help = "leave it out where nothing is known: no money is shown then";
        fields.error_with_help("KW0104", at, format!("a rate is above 0, and this is {number}"), help);
    }
    Some(Worth { rate, default: default.map(|(number, _)| number) })
}
