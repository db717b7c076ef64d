//! What ends an enrollment or keeps a subject from entering.

use super::guard::Guard;
use super::state::{Enrollment, State};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::time::begins;
use crate::facts::{Facts, Value};
use crate::message::gate;
use crate::playbook::local_time;
use crate::rule::{Context, EvalError, Rule, Verdict};

/// Why an enrollment ends or does not begin, with what was read.
#[derive(Clone, Debug, PartialEq)]
pub struct EndReason {
    /// `Blocked`, `Goal` or `Exited`.
    pub state: State,
    /// The skip's name at entry: `blocked`, `goal`, `exit`, `status`, `stage`;
    /// `left` is a contact who is gone, and a skip only of who was named.
    pub name: &'static str,
    /// In words, with the values read.
    pub reason: String,
}

/// A condition that could not be decided.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct UndecidedGuard {
    pub guard: Guard,
    pub error: EvalError,
}

impl EndReason {
    /// The guard that it is of.
    pub fn guard(&self) -> Guard {
        match self.name {
            "blocked" => Guard::Suppress,
            "goal" => Guard::Goal,
            "exit" => Guard::Exit,
            "stage" => Guard::Stage,
            "left" => Guard::NoSuchSubject,
            _ => Guard::Status,
        }
    }
}

/// Looks at suppress, goal, exit, whether the contact left, status and stage,
/// in this order of precedence.
///
/// # Errors
/// When one of them that is reached cannot be decided: then nothing may leave
/// and nothing ends until it can.
pub fn stops(playbook: &ReadyPlaybook, context: &Context) -> Result<Option<EndReason>, UndecidedGuard> {
    for rule in &playbook.suppress {
        if holds(playbook, rule, context, Guard::Suppress)? {
            return Ok(Some(EndReason {
                state: State::Blocked,
                name: "blocked",
                reason: describe_values("suppress", rule, context),
            }));
        }
    }
    if let Some(rule) = &playbook.goal
        && holds(playbook, rule, context, Guard::Goal)?
    {
        return Ok(Some(EndReason {
            state: State::Goal,
            name: "goal",
            reason: describe_values("goal", rule, context),
        }));
    }
    if let Some(rule) = &playbook.exit
        && holds(playbook, rule, context, Guard::Exit)?
    {
        return Ok(Some(EndReason {
            state: State::Exited,
            name: "exit",
            reason: describe_values("exit", rule, context),
        }));
    }
    if let Some(left) = has_left(&context.facts) {
        let reason = format!("the contact left on {}", local_time::date(playbook.zone, begins(left, playbook.zone)));
        return Ok(Some(EndReason { state: State::Exited, name: "left", reason }));
    }
    if playbook.portfolio.is_some() {
        return Ok(None);
    }
    let text = |column| match context.facts.column(column) {
        Some(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    let status = text("status").unwrap_or_default();
    if !playbook.playbook.statuses.contains(&status) {
        let reason = format!("status is {status}");
        return Ok(Some(EndReason { state: State::Exited, name: "status", reason }));
    }
    if let Some(stages) = &playbook.playbook.stages {
        let stage = text("stage");
        if !stage.as_ref().is_some_and(|stage| stages.contains(stage)) {
            let reason = match stage {
                Some(stage) => format!("stage is {stage}"),
                None => "there is no stage".to_owned(),
            };
            return Ok(Some(EndReason { state: State::Exited, name: "stage", reason }));
        }
    }
    Ok(None)
}

/// Whether mail of an enrollment is still wanted, as the gate of messages asks.
///
/// An enrollment whose steps are through waits for no mail whose outcome is
/// unknown; one that is found not to have left may still leave.
pub fn is_mail_wanted(playbook: &ReadyPlaybook, enrollment: &Enrollment, context: &Context) -> gate::Enrollment {
    if !matches!(enrollment.state, State::Active | State::Completed) {
        let reason = enrollment.reason.clone();
        return gate::Enrollment::Ended(reason.unwrap_or_else(|| enrollment.state.name().to_owned()));
    }
    match stops(playbook, context) {
        Ok(None) => gate::Enrollment::GoesOn,
        Ok(Some(stop)) => gate::Enrollment::Ends(stop.reason),
        Err(error) => gate::Enrollment::Undecided(error.to_string()),
    }
}

/// When the enrolled contact left, if that has been; never for accounts.
pub(super) fn has_left(facts: &Facts) -> Option<Instant> {
    match facts.contact_column("left_at") {
        Some(Value::Time(left)) if *left <= facts.as_of => Some(*left),
        _ => None,
    }
}

fn holds(playbook: &ReadyPlaybook, rule: &Rule, context: &Context, guard: Guard) -> Result<bool, UndecidedGuard> {
    match rule.verdict(&playbook.sandbox, context) {
        Verdict::True => Ok(true),
        Verdict::False => Ok(false),
        Verdict::Undecided(error) => {
            Err(UndecidedGuard { guard, error: EvalError::new(format!("{guard}: {}", error.message)) })
        }
    }
}

/// `goal: account.activated_at = 2026-03-05T…`.
pub(super) fn describe_values(what: &str, rule: &Rule, context: &Context) -> String {
    let read = rule.describe_facts(&context.facts);
    if read.is_empty() { what.to_owned() } else { format!("{what}: {read}") }
}
