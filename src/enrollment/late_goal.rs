//! A goal that comes true after the end still counts for `goal_window`.

use super::end_conditions::describe_values;
use super::state::{Enrollment, State};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::playbook::Duration;
use crate::rule::{Context, EvalError, Verdict};

/// Until when the goal of an enrollment still counts that ends now; `None` for
/// an end that it cannot follow.
pub(super) fn open_until(playbook: &ReadyPlaybook, state: State, ended_at: Instant) -> Option<Instant> {
    let window = match playbook.playbook.goal_window {
        Duration::Seconds(seconds) => chrono::TimeDelta::try_seconds(seconds)?,
        Duration::BusinessDays(_) => return None,
    };
    let follows = matches!(state, State::Completed | State::Exited) && playbook.goal.is_some();
    follows.then(|| ended_at + window)
}

/// An ended enrollment as the goal that holds now leaves it; `None` while it
/// does not hold. When it ended stays as it was.
///
/// # Errors
/// When the goal cannot be decided: then it does not count, for now.
pub fn reach_late_goal(
    playbook: &ReadyPlaybook,
    enrollment: &Enrollment,
    context: &Context,
) -> Result<Option<Enrollment>, EvalError> {
    let now = context.facts.as_of;
    let counts = enrollment.goal_until.is_some_and(|until| now <= until);
    let Some(goal) = playbook.goal.as_ref().filter(|_| counts) else { return Ok(None) };
    match goal.verdict(&playbook.sandbox, context) {
        Verdict::True => {}
        Verdict::False => return Ok(None),
        Verdict::Undecided(error) => return Err(error),
    }
    let reason = format!("{}; it had ended as {}", describe_values("goal", goal, context), enrollment.state.name());
    Ok(Some(Enrollment {
        state: State::Goal,
        reason: Some(reason),
        goal_at: Some(now),
        goal_until: None,
        ..enrollment.clone()
    }))
}
