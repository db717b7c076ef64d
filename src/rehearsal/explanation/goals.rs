//! The goals of success plans that a condition reads: how far each is.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::words::day_in_words;
use crate::store::documents::plans::GoalRow;

/// A goal in words: its progress, what was measured, and its date.
pub(super) fn goal_in_words(goal: &GoalRow, zone: Tz) -> String {
    let progress = match (goal.progress, goal.value) {
        (Some(progress), Some(value)) => {
            format!("{} %, {} of {}", number(progress), number(value), number(goal.target))
        }
        _ => "not measured yet".to_owned(),
    };
    let when = match (goal.reached_at, goal.due_at) {
        (Some(reached), _) => format!(", on {}", day_in_words(reached, zone)),
        (None, Some(due)) => format!(", due on {}", day_in_words(due, zone)),
        (None, None) => String::new(),
    };
    format!("goal {} of {}: {progress}, {}{when}", goal.goal, goal.plan, goal.state)
}

/// The same for programs.
pub(super) fn goal_as_json(goal: &GoalRow) -> Json {
    json!({
        "plan": goal.plan,
        "goal": goal.goal,
        "state": goal.state,
        "progress": goal.progress,
        "value": goal.value,
        "start": goal.start,
        "target": goal.target,
        "due_at": goal.due_at,
        "reached_at": goal.reached_at,
        "missed_at": goal.missed_at,
        "at": goal.at,
    })
}

/// A number to one decimal at most.
fn number(value: f64) -> String {
    ((value * 10.0).round() / 10.0).to_string()
}
