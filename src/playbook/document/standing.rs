//! What lifecycles and tiers have in common: the stages or tiers that they list, and
//! what their cases expect.

use std::collections::HashSet;
use std::sync::Arc;

use super::head;
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::Source;
use crate::playbook::case::{DocumentCase, Expects, read_document_cases};
use crate::playbook::reader::{Fields, Form, Shape, advice, short};
use crate::playbook::yaml::{Node, NodeValue};

/// A lifecycle or tiers as their author wrote them.
#[derive(Clone, Debug)]
pub struct Standings {
    /// Account statuses they are for, each with its place where it was written.
    pub statuses: Vec<(String, Option<Position>)>,
    /// In their order: the first stage first, and the best tier; at least one, unless
    /// there was an error.
    pub levels: Vec<StandingLevel>,
    pub tests: Vec<DocumentCase<StandingExpectation>>,
}

/// One stage or tier.
#[derive(Clone, Debug)]
pub struct StandingLevel {
    pub id: String,
    pub place: Position,
    /// Which accounts come to it: `enter` of a stage, `when` of a tier.
    pub enter: Source,
    /// What is asked of accounts that are in it: by `fall` they leave a stage, by `keep`
    /// they stay in a tier.
    pub inside: Option<Source>,
}

/// The words of a lifecycle or of tiers.
pub(super) struct StandingWords {
    /// What a level is called, in messages and in cases.
    pub level: &'static str,
    /// The document with its article, and the key of its levels.
    pub document: &'static str,
    pub levels: &'static str,
    /// The keys of a level.
    pub form: &'static Form,
    pub enter: &'static str,
    pub inside: &'static str,
    /// The keys of a case, what it expects, and the words for what moves an account.
    pub case: &'static Form,
    pub expected: &'static Form,
    pub clauses: &'static [&'static str],
}

/// Reads what a lifecycle or tiers say beyond their head.
pub(super) fn read(file: &Arc<str>, words: &StandingWords, fields: &mut Fields<'_, '_>) -> Standings {
    let statuses = head::statuses(fields);
    if !fields.has(words.levels) {
        fields.missing(words.levels);
    }
    let before = fields.problems().len();
    let nodes = fields.list(words.levels).unwrap_or_default();
    let levels: Vec<StandingLevel> = nodes.iter().filter_map(|node| level(file, words, node, fields)).collect();
    if nodes.is_empty() && fields.has(words.levels) && fields.problems().len() == before {
        let at = fields.value_place(words.levels);
        fields.error("KW0103", at, format!("{} needs at least one {}", words.document, words.level));
    }
    check_ids(words.level, &levels, fields);
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| expectation(file, node, words, &levels, problems);
    let tests =
        cases.map(|node| read_document_cases(file, node, words.case, expect, fields.problems())).unwrap_or_default();
    Standings { statuses, levels, tests }
}

fn level(file: &Arc<str>, words: &StandingWords, node: &Node, fields: &mut Fields<'_, '_>) -> Option<StandingLevel> {
    let mut inner = Fields::new(file, node, words.form, fields.problems());
    let id = standing_id(words.level, &mut inner);
    let enter = inner.required_expression(words.enter);
    let inside = inner.expression(words.inside);
    inner.finish();
    Some(StandingLevel { id: id?, place: node.place, enter: enter?, inside })
}

/// The id of a stage or a tier: as the customer store may write it, too.
pub(super) const STANDING_ID: Shape = Shape::Pattern {
    pattern: r"^[\p{L}\p{N}_-]([\p{L}\p{N} ._-]{0,98}[\p{L}\p{N}_-])?$",
    but: &["none"],
    wanted: "letters, digits, spaces, `.`, `-` and `_`; `none` is taken",
};

/// How a case says that the account stays where it is.
const STAYS: &str = "stays";

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
fn standing_id(what: &str, fields: &mut Fields<'_, '_>) -> Option<String> {
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
fn check_ids(what: &str, levels: &[StandingLevel], fields: &mut Fields<'_, '_>) {
    let mut known = HashSet::new();
    for level in levels {
        if !known.insert(level.id.as_str()) {
            fields.error("KW0105", level.place, format!("two {what}s are called `{}`", level.id));
        }
    }
}

/// Reads what a case expects of a stage or a tier.
fn expectation(
    file: &Arc<str>,
    node: &Node,
    words: &StandingWords,
    levels: &[StandingLevel],
    problems: &mut Vec<Diagnostic>,
) -> Option<StandingExpectation> {
    let what = words.level;
    let mut fields = Fields::new(file, node, words.expected, problems);
    let id = fields.take(what).and_then(|node| match (&node.value, node.as_text()) {
        (NodeValue::Null, _) | (_, Some("none")) => Some(Expects { place: node.place, value: None }),
        (_, Some(text)) => {
            if !levels.iter().any(|level| level.id == text) {
                let message = format!("there is no {what} `{}` here", short(text));
                let help = advice(text, levels.iter().map(|level| level.id.as_str()));
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
    let choices: Vec<(&str, &str)> = words.clauses.iter().map(|word| (*word, *word)).collect();
    let by = fields.one_of("by", &choices);
    let by = by.map(|word| Expects { place: at, value: Some(word.to_owned()).filter(|word| word != STAYS) });
    let is_undecided = fields.boolean("undecided");
    if node.as_mapping().is_some_and(|keys| keys.is_empty()) {
        fields.error("KW0501", node.place, format!("a case expects something: a `{what}`, `by` or `undecided`"));
    }
    fields.finish().then_some(StandingExpectation { place: node.place, id, by, is_undecided })
}
