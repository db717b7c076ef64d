//! A goal that comes true after the end still counts for `goal_window`.

use super::end_conditions::describe_values;
use super::state::{Enrollment, State};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::playbook::Duration;
use crate::rule::{Context, Verdict};

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
/// does not hold or cannot be decided. When it ended stays as it was.
pub fn reach_late_goal(playbook: &ReadyPlaybook, enrollment: &Enrollment, context: &Context) -> Option<Enrollment> {
    let goal = playbook.goal.as_ref()?;
    let now = context.facts.as_of;
    let counts = enrollment.goal_until.is_some_and(|until| now <= until);
    if !counts || goal.verdict(&playbook.sandbox, context) != Verdict::True {
        return None;
    }
    let reason = format!("{}; it had ended as {}", describe_values("goal", goal, context), enrollment.state.name());
    Some(Enrollment {
        state: State::Goal,
        reason: Some(reason),
        goal_at: Some(now),
        goal_until: None,
        ..enrollment.clone()
    })
}
