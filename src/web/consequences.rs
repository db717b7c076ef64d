//! What comes of each choice of a task, beside the choice.

use serde::Serialize;
use uuid::Uuid;

use super::WebState;
use super::outlook_words::{nothing_words, outlook_lines};
use super::page::{Trouble, capitalize};
use super::stop_words::stop_words;
use crate::clock::Instant;
use crate::rehearsal::explanation::{ConsequenceLine, TaskChoice, TaskChoices};
use crate::worker::tasks::choices::task_choices;

/// Reasons for a dismissal that `task_forms.html` offers, besides `other`.
pub(super) const REASONS: [&str; 3] = ["not relevant", "already known", "wrong data"];

/// What `task_forms.html` shows.
#[derive(Serialize)]
pub(super) struct ChoicesView {
    /// Whether no task is completed without an outcome.
    pub needs_outcome: bool,
    /// Whether somebody who dismisses it has to say whether the rest goes on.
    pub asks_rest: bool,
    /// Whether there is a rest.
    has_rest: bool,
    /// Why nothing follows.
    nothing: Option<String>,
    /// What stops everything that follows.
    stopped: Vec<String>,
    /// Reasons for a dismissal that can be chosen.
    reasons: [&'static str; 3],
    outcomes: Vec<OutcomeView>,
    /// What comes of completing it, where that is the same for every outcome; then
    /// it stands nowhere else.
    every: Vec<ConsequenceLine>,
    /// What comes of completing it without an outcome.
    plain: Vec<ConsequenceLine>,
    dismiss: Vec<ConsequenceLine>,
    stop: Vec<ConsequenceLine>,
    snooze: Vec<ConsequenceLine>,
}

#[derive(Serialize)]
struct OutcomeView {
    value: String,
    label: String,
    lines: Vec<ConsequenceLine>,
}

impl ChoicesView {
    /// The choices of an open task; `None` where it is not open any more.
    pub async fn of(web: &WebState, task: Uuid, now: Instant) -> Result<Option<ChoicesView>, Trouble> {
        let choices = task_choices(&web.shared, task, now).await?;
        Ok(choices.map(|choices| view(web, &choices, now)))
    }
}

fn view(web: &WebState, choices: &TaskChoices, now: Instant) -> ChoicesView {
    let lines = |choice: TaskChoice| {
        choices.outlook(&choice).map(|outlook| outlook_lines(outlook, now, web.zone)).unwrap_or_default()
    };
    let outcome = |outcome: &String| OutcomeView {
        value: outcome.clone(),
        label: capitalize(outcome),
        lines: lines(TaskChoice::Complete { outcome: Some(outcome.clone()) }),
    };
    let mut outcomes: Vec<OutcomeView> = choices.outcomes.iter().map(outcome).collect();
    let mut plain = lines(TaskChoice::Complete { outcome: None });
    let mut every = Vec::new();
    let same = |one: &OutcomeView| one.lines == outcomes[0].lines;
    if outcomes.len() > 1 && outcomes.iter().all(same) && (choices.needs_outcome || plain == outcomes[0].lines) {
        plain.clear();
        for one in &mut outcomes {
            every = std::mem::take(&mut one.lines);
        }
    }
    ChoicesView {
        needs_outcome: choices.needs_outcome,
        asks_rest: choices.dismissal_asks(),
        has_rest: choices.nothing.is_none() || choices.is_unknown(),
        nothing: choices.nothing.as_ref().map(nothing_words),
        stopped: choices.stopped.iter().map(stop_words).collect(),
        reasons: REASONS,
        outcomes,
        every,
        plain,
        dismiss: lines(TaskChoice::Dismiss),
        stop: lines(TaskChoice::Stop),
        snooze: lines(TaskChoice::Snooze),
    }
}
