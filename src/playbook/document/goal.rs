//! A goal of a plan: what is measured, from where to where, and until when.

use std::sync::Arc;

use crate::diagnostic::Position;
use crate::playbook::Source;
use crate::playbook::reader::form::{SHARE, STEP_ID};
use crate::playbook::reader::{Fields, Form, Key, KeyNames, KeyRule, Shape, share, short};
use crate::playbook::yaml::{Node, NodeValue};

/// One goal of a plan.
#[derive(Clone, Debug)]
pub struct Goal {
    pub id: String,
    pub place: Position,
    /// What is agreed, in words.
    pub about: Option<String>,
    /// What is measured: a number, or true or false, which are 1 and 0.
    pub value: Source,
    pub start: GoalStart,
    pub target: f64,
    /// Whether less is better.
    pub falls: bool,
    pub due: GoalDue,
    /// In the order of the text.
    pub milestones: Vec<Milestone>,
}

/// Where progress begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoalStart {
    At(f64),
    /// At the first value that is measured.
    Measured,
}

/// When the time of a goal is over.
#[derive(Clone, Debug)]
pub enum GoalDue {
    Never,
    /// So many seconds after the account got the plan.
    Within(i64),
    /// A time expression.
    Date(Source),
}

/// A part of the way that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Milestone {
    pub name: String,
    pub at: MilestoneAt,
}

/// Where on the way a milestone stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MilestoneAt {
    /// A share of the way, from 0 to 100.
    Share(f64),
    /// A value.
    Value(f64),
}

/// How a goal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalState {
    /// There is time left.
    Open,
    Reached,
    /// The time is over without it.
    Missed,
    /// The plan has it no more.
    Withdrawn,
}

impl GoalState {
    pub const ALL: [GoalState; 4] = [GoalState::Open, GoalState::Reached, GoalState::Missed, GoalState::Withdrawn];

    /// The word in cases, answers and the database.
    pub fn name(self) -> &'static str {
        match self {
            GoalState::Open => "open",
            GoalState::Reached => "reached",
            GoalState::Missed => "missed",
            GoalState::Withdrawn => "withdrawn",
        }
    }

    /// The state of that exact name.
    pub fn named(name: &str) -> Option<GoalState> {
        GoalState::ALL.into_iter().find(|state| state.name() == name)
    }
}

pub(super) static GOAL: Form = Form::new(
    "a goal",
    &[&[
        Key::required("id", STEP_ID, "What the goal is called: letters, digits, `-` and `_`."),
        Key::new("about", Shape::Text, "What is agreed, in one sentence that the customer would say, too."),
        Key::required(
            "value",
            Shape::Expression,
            "What is measured at each evaluation: a number, or true or false, which are 1 and 0.",
        ),
        Key::new(
            "start",
            Shape::Either(&[Shape::Number, Shape::Words(&[MEASURED])]),
            "The value at the beginning; `measured`: the first that is measured. Default: 0.",
        ),
        Key::required("target", Shape::Number, "The value that reaches the goal."),
        Key::new(
            "direction",
            Shape::Words(&["up", "down"]),
            "With `start: measured`, whether the value shall rise (`up`, the default) or fall (`down`) to the target.",
        ),
        Key::new("within", Shape::Elapsed, "How much time there is, from when the account got the plan: `30d`."),
        Key::new("date", Shape::Expression, "Until when there is time instead: a time, such as `account.renewal_at`."),
        Key::new(
            "milestones",
            Shape::Map { keys: KeyNames::Pattern("^.{1,100}$"), of: &Shape::Either(&[Shape::Number, SHARE]), least: 1 },
            "Names for parts of the way, by a share of it or by a value: `{ half-way: 50%, first ten: 10 }`.",
        ),
    ]],
)
.rules(&[KeyRule::Excludes("within", "date"), KeyRule::Needs("direction", "start")]);

const MEASURED: &str = "measured";
const DIRECTIONS: &[(&str, bool)] = &[("up", false), ("down", true)];

/// Reads a goal; `None` where it cannot be measured.
pub(super) fn read(file: &Arc<str>, node: &Node, fields: &mut Fields<'_, '_>) -> Option<Goal> {
    let mut inner = Fields::new(file, node, &GOAL, fields.problems());
    let id = inner.required_text("id").map(|id| id.text.to_string());
    if let Some(id) = &id {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 100 || !id.chars().all(fits) {
            let message = format!("`{}` cannot be the id of a goal", short(id));
            let at = inner.value_place("id");
            inner.error_with_help("KW0104", at, message, "use letters, digits, `-` and `_`");
        }
    }
    let about = inner.string("about").map(|about| about.trim().to_owned());
    let value = inner.required_expression("value");
    let (start, target) = (start(&mut inner), target(&mut inner));
    let falls = direction(&mut inner, start, target);
    let due = due(&mut inner);
    let milestones = milestones(&mut inner);
    inner.finish();
    let (start, target) = (start?, target?);
    Some(Goal { id: id?, place: node.place, about, value: value?, start, target, falls, due, milestones })
}

/// A number; `None` for anything else, infinite ones included.
pub(super) fn number(node: &Node) -> Option<f64> {
    match &node.value {
        NodeValue::Int(number) => Some(*number as f64),
        NodeValue::Float(number) => Some(number.value).filter(|number| number.is_finite()),
        _ => None,
    }
}

fn start(fields: &mut Fields<'_, '_>) -> Option<GoalStart> {
    let Some(node) = fields.take("start") else { return Some(GoalStart::At(0.0)) };
    match (number(node), node.as_text()) {
        (Some(number), _) => Some(GoalStart::At(number)),
        (None, Some(MEASURED)) => Some(GoalStart::Measured),
        (None, _) => {
            fields.wrong_type("start", node, "a number, or `measured`");
            None
        }
    }
}

fn target(fields: &mut Fields<'_, '_>) -> Option<f64> {
    let node = fields.required("target")?;
    if number(node).is_none() {
        fields.wrong_type("target", node, "a number");
    }
    number(node)
}

/// Whether the value shall fall.
fn direction(fields: &mut Fields<'_, '_>, start: Option<GoalStart>, target: Option<f64>) -> bool {
    let (said, at) = (fields.one_of("direction", DIRECTIONS), fields.value_place("direction"));
    let (Some(GoalStart::At(start)), Some(target)) = (start, target) else { return said.unwrap_or(false) };
    if start == target {
        let (place, message) = (fields.value_place("target"), format!("`target` is {target}, where progress begins"));
        let help = "give the `start`, the value at the beginning, or write `start: measured`";
        fields.error_with_help("KW0104", place, message, help);
    }
    let falls = start > target;
    if said.is_some() {
        let message = format!("from {start} to {target} a value can only go {}", if falls { "down" } else { "up" });
        fields.error_with_help("KW0104", at, message, "`direction` is for `start: measured`; leave it out");
    }
    falls
}

fn due(fields: &mut Fields<'_, '_>) -> GoalDue {
    let (has_within, has_date) = (fields.has("within"), fields.has("date"));
    let (within, date) = (fields.elapsed("within"), fields.expression("date"));
    if has_within && has_date {
        let at = fields.value_place("date");
        fields.error_with_help("KW0104", at, "a goal has `within` or `date`, not both", "leave one of them out");
    }
    match (within, date) {
        (Some(0), _) => {
            let at = fields.value_place("within");
            fields.error_with_help("KW0104", at, "`within` leaves no time", "write how much there is, such as `30d`");
            GoalDue::Never
        }
        (Some(seconds), _) => GoalDue::Within(seconds),
        (None, Some(date)) => GoalDue::Date(date),
        (None, None) => GoalDue::Never,
    }
}

fn milestones(fields: &mut Fields<'_, '_>) -> Vec<Milestone> {
    let mut milestones = Vec::new();
    let entries = fields.mapping("milestones").unwrap_or_default();
    if entries.is_empty() && fields.has("milestones") {
        let at = fields.value_place("milestones");
        fields.error("KW0103", at, "`milestones` needs at least one name");
    }
    for entry in entries {
        let at = match (number(&entry.node), entry.node.as_text().and_then(share)) {
            (Some(value), _) => MilestoneAt::Value(value),
            (None, Some(share)) => MilestoneAt::Share(share * 100.0),
            (None, None) => {
                fields.wrong_type(&entry.key, &entry.node, "a share such as `50%`, or a value");
                continue;
            }
        };
        milestones.push(Milestone { name: entry.key.clone(), at });
    }
    milestones
}
