//! What lifecycles and tiers have in common: the ids of stages and tiers, and what
//! their cases expect.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::case::Expects;
use crate::playbook::reader::{Fields, Form, Shape, advice, short};
use crate::playbook::yaml::{Node, NodeValue};

/// The id of a stage or a tier: as the customer store may write it, too.
pub(super) const STANDING_ID: Shape = Shape::Pattern {
    pattern: r"^[\p{L}\p{N}_-]([\p{L}\p{N} ._-]{0,98}[\p{L}\p{N}_-])?$",
    but: &["none"],
    wanted: "letters, digits, spaces, `.`, `-` and `_`; `none` is taken",
};

/// How a case says that the account stays where it is.
pub(super) const STAYS: &str = "stays";

/// What a case expects of a lifecycle or of tiers.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingExpectation {
    pub place: Position,
    /// Where the account stands then.
    pub id: Option<Expects<String>>,
    /// The word of the clause that moved it there; no word where it stays.
    pub by: Option<Expects<String>>,
    /// Whether it cannot be decided; `None` where nothing is said.
    pub is_undecided: Option<bool>,
}

/// Reads the id of a stage or a tier.
pub(super) fn standing_id(what: &str, fields: &mut Fields<'_, '_>) -> Option<String> {
    let id = fields.required_text("id")?.text.to_string();
    let is_edge = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let fits = id.chars().all(|c| is_edge(c) || c == ' ' || c == '.')
        && id.starts_with(is_edge)
        && id.ends_with(is_edge)
        && id.chars().count() <= 100
        && id != "none";
    if fits {
        return Some(id);
    }
    let message = format!("`{}` cannot be the id of a {what}", short(&id));
    let at = fields.value_place("id");
    fields.error_with_help("KW0104", at, message, "use letters, digits, spaces, `.`, `-` and `_`; `none` is taken");
    None
}

/// Reports ids that two stages or tiers have.
pub(super) fn check_ids<'i>(what: &str, ids: impl Iterator<Item = (&'i str, Position)>, fields: &mut Fields<'_, '_>) {
    let mut known = HashSet::new();
    for (id, place) in ids {
        if !known.insert(id) {
            fields.error("KW0105", place, format!("two {what}s are called `{id}`"));
        }
    }
}

/// Reads what a case expects of a stage or a tier, with the keys of `form` and the
/// `words` for its clauses.
pub(super) fn expectation(
    file: &Arc<str>,
    node: &Node,
    (what, form, words): (&'static str, &'static Form, &'static [&'static str]),
    ids: &[String],
    problems: &mut Vec<Diagnostic>,
) -> Option<StandingExpectation> {
    let mut fields = Fields::new(file, node, form, problems);
    let id = fields.take(what).and_then(|node| match (&node.value, node.as_text()) {
        (NodeValue::Null, _) | (_, Some("none")) => Some(Expects { place: node.place, value: None }),
        (_, Some(text)) => {
            if !ids.iter().any(|id| id == text) {
                let message = format!("there is no {what} `{}` here", short(text));
                let help = advice(text, ids.iter().map(String::as_str));
                fields.error_with_help("KW0104", node.place, message, help);
            }
            Some(Expects { place: node.place, value: Some(text.to_owned()) })
        }
        _ => {
            fields.wrong_type(what, node, &format!("the id of a {what}, or `none`"));
            None
        }
    });
    let at = fields.value_place("by");
    let choices: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
    let by = fields.one_of("by", &choices);
    let by = by.map(|word| Expects { place: at, value: Some(word.to_owned()).filter(|word| word != STAYS) });
    let is_undecided = fields.boolean("undecided");
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error("KW0501", node.place, format!("a case expects something: a `{what}`, `by` or `undecided`"));
    }
    fields.finish().then_some(StandingExpectation { place: node.place, id, by, is_undecided })
}
