//! The gate: whether a customer's mail may leave now.
//!
//! One order for everybody who asks, the first that applies decides:
//!
//! 1. it has expired
//! 2. its enrollment has ended, or is gone
//! 3. a condition ends its enrollment; one that cannot be decided delays it
//! 4. its recipient: left, gone, without an address, without consent
//! 5. its address wants none of its class
//! 6. of a survey: its recipient was asked by another one lately, or is being asked
//! 7. the undo window
//! 8. quiet hours
//! 9. a playbook that it yields to is active
//! 10. the attention budget ([`after_budget`]), which several mails share
//!
//! What passes and would only repeat what its step has said to its address is
//! dropped ([`duplicate`]). What is only recorded is not delayed by 7 to 10.
//!
//! A mail never waits past its validity: it is looked at again when it has just
//! expired, and no later. One that cannot leave at the last valid instant has
//! expired then. So the step that waits for it goes on at once.

use std::fmt;

use chrono::SecondsFormat;
use chrono_tz::Tz;

use crate::address::{AddressError, parse_address};
use crate::clock::Instant;
use crate::facts::Contact;
use crate::message::budget::{self, just_after};
use crate::message::class::Class;
use crate::message::duplicate;
use crate::message::quiet::Quiet;
use crate::message::recipient::has_consented;
use crate::message::state::State;
use crate::playbook::guardrails::Limits;

/// What was seen of a mail and of what is around it.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub now: Instant,
    /// The last instant at which it may leave.
    pub valid_until: Instant,
    pub class: Class,
    /// Whether it is only recorded.
    pub shadow: bool,
    pub enrollment: Enrollment,
    /// The contact it was planned for; empty for an address that belongs to none.
    pub planned_for: &'a str,
    /// That contact as it is by now.
    pub contact: Option<&'a Contact>,
    /// Where it would go by now.
    pub address: Option<&'a str>,
    /// Whether that address wants none of its class.
    pub suppressed: bool,
    /// What other surveys asked its recipient within the time that its own leaves
    /// people alone after one; `None` where that does not matter.
    pub other_survey: Option<OtherSurvey>,
    /// When what delays it without an end of its own is looked at again.
    pub recheck_at: Instant,
    /// Until when it can be undone; `None` where it has no undo window.
    pub undo_until: Option<Instant>,
    pub quiet: Option<Quiet<'a>>,
    /// An active playbook that it yields to.
    pub yields_to: Option<&'a str>,
    /// Why it has waited until now, if it has.
    pub held_by: Option<&'a str>,
}

/// What another survey did with the same contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSurvey {
    /// It has asked.
    HasAsked { at: Instant },
    /// Its mail is on its way, and was planned first.
    AsksFirst,
}

/// What was seen of the enrollment that a mail belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrollment {
    /// It goes on, or is through its steps, and no condition ends it.
    GoesOn,
    /// It cannot be decided whether a condition ends it.
    Undecided(String),
    /// A condition ends it.
    Ends(String),
    /// It has ended before its steps were through.
    Ended(String),
    /// There is none any more.
    Gone,
    /// Its account is gone.
    AccountGone,
    /// Its contact is gone.
    ContactGone,
}

/// Whether a mail may leave.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Go,
    /// Everything is looked at again then.
    Later {
        until: Instant,
        because: Because,
    },
    /// It has ended in this state.
    Never {
        state: State,
        because: Because,
    },
}

/// Why a mail does not leave. Its text is the reason that people read.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// `held_by` says why it had waited, where that is known.
    Expired {
        held_by: Option<String>,
    },
    EnrollmentEnded(String),
    EnrollmentGone,
    SubjectGone {
        contact: bool,
    },
    Condition(String),
    Undecided(String),
    ContactLeft,
    ContactGone,
    NoAddress,
    Address(AddressError),
    NoConsent,
    Suppressed,
    /// Another survey has asked the contact at that instant.
    AskedLately {
        at: Instant,
    },
    /// Another survey is about to ask the contact.
    OtherSurveyFirst,
    UndoWindow {
        until: Instant,
    },
    /// `ends` is `None` when they never do.
    QuietHours {
        ends: Option<Instant>,
        zone: Tz,
    },
    YieldsTo(String),
    /// These used it up.
    Budget {
        reason: String,
        used_by: Vec<String>,
    },
    /// A mail that was held by the same quiet hours is looked at first.
    GoesFirst(String),
    /// Of several that were held by the same quiet hours another one was kept.
    Outranked(String),
    /// Its step has said the same to its address; see [`duplicate`].
    Duplicate,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Expired { held_by: None } => f.write_str("not sent while it was valid"),
            Because::Expired { held_by: Some(reason) } => write!(f, "{reason}; not sent while it was valid"),
            Because::EnrollmentGone => f.write_str("its enrollment is gone"),
            Because::SubjectGone { contact: false } => f.write_str("the account is gone"),
            Because::SubjectGone { contact: true } => f.write_str("the contact is gone"),
            Because::Undecided(why) => write!(f, "undecided: {why}"),
            Because::ContactLeft => f.write_str("contact left"),
            Because::ContactGone => f.write_str("contact gone"),
            Because::NoAddress => f.write_str("there is no address"),
            Because::Address(error) => error.fmt(f),
            Because::NoConsent => f.write_str("no consent"),
            Because::Suppressed => f.write_str("suppressed"),
            Because::AskedLately { at } => {
                write!(f, "another survey asked the contact at {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))
            }
            Because::OtherSurveyFirst => f.write_str("another survey asks the contact first"),
            Because::UndoWindow { until } => {
                write!(f, "can be cancelled until {}", until.to_rfc3339_opts(SecondsFormat::Secs, true))
            }
            Because::QuietHours { ends: None, .. } => f.write_str("quiet hours without an end"),
            Because::QuietHours { ends: Some(ends), zone } => {
                let ends = ends.with_timezone(zone).to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "quiet hours until {ends}")
            }
            Because::YieldsTo(other) => write!(f, "yields to {other}, which is active"),
            Because::Duplicate => f.write_str(duplicate::REASON),
            Because::EnrollmentEnded(reason)
            | Because::Condition(reason)
            | Because::Budget { reason, .. }
            | Because::GoesFirst(reason)
            | Because::Outranked(reason) => f.write_str(reason),
        }
    }
}

/// What a delayed mail waits for, as far as its row must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another look.
    Retry,
    /// The end of its undo window.
    Undo { until: Instant },
    /// The end of quiet hours, which may come some minutes before its turn.
    Quiet { until: Instant },
    /// A place in the attention budget.
    Budget,
}

impl Because {
    /// What a mail that is delayed for this waits for. Quiet hours without an
    /// end last as long as it is valid.
    pub fn wait(&self, valid_until: Instant) -> Wait {
        match self {
            Because::UndoWindow { until } => Wait::Undo { until: *until },
            Because::QuietHours { ends, .. } => Wait::Quiet { until: ends.unwrap_or(valid_until) },
            Because::Budget { .. } => Wait::Budget,
            _ => Wait::Retry,
        }
    }

    /// The state that a mail ends in for this; `None` for what delays it.
    fn state(&self) -> Option<State> {
        match self {
            Because::Expired { .. } => Some(State::Expired),
            Because::EnrollmentEnded(_)
            | Because::EnrollmentGone
            | Because::SubjectGone { .. }
            | Because::Condition(_) => Some(State::Cancelled),
            Because::ContactLeft
            | Because::ContactGone
            | Because::NoConsent
            | Because::AskedLately { .. }
            | Because::Outranked(_)
            | Because::Duplicate => Some(State::Skipped),
            Because::NoAddress | Because::Address(_) => Some(State::Failed),
            Because::Suppressed => Some(State::Suppressed),
            Because::Undecided(_)
            | Because::OtherSurveyFirst
            | Because::UndoWindow { .. }
            | Because::QuietHours { .. }
            | Because::YieldsTo(_)
            | Because::Budget { .. }
            | Because::GoesFirst(_) => None,
        }
    }
}

/// Whether a mail may leave, but for the budget.
pub fn gate(seen: &Seen) -> Answer {
    let never = |because: Because| Answer::Never { state: because.state().unwrap_or(State::Failed), because };
    if has_expired(seen.valid_until, seen.now) {
        return never(Because::Expired { held_by: seen.held_by.map(str::to_owned) });
    }
    match &seen.enrollment {
        Enrollment::GoesOn => {}
        Enrollment::Gone => return never(Because::EnrollmentGone),
        Enrollment::AccountGone => return never(Because::SubjectGone { contact: false }),
        Enrollment::ContactGone => return never(Because::SubjectGone { contact: true }),
        Enrollment::Ended(reason) => return never(Because::EnrollmentEnded(reason.clone())),
        Enrollment::Ends(reason) => return never(Because::Condition(reason.clone())),
        // Unsure is not sure: the mail waits.
        Enrollment::Undecided(why) => return seen.later(seen.recheck_at, Because::Undecided(why.clone())),
    }
    if let Some(because) = seen.unreachable() {
        return never(because);
    }
    if seen.suppressed {
        return never(Because::Suppressed);
    }
    if let Some(OtherSurvey::HasAsked { at }) = seen.other_survey {
        return never(Because::AskedLately { at });
    }
    if seen.shadow {
        return Answer::Go;
    }
    if seen.other_survey == Some(OtherSurvey::AsksFirst) {
        return seen.later(seen.recheck_at, Because::OtherSurveyFirst);
    }
    if let Some(until) = seen.undo_until.filter(|until| *until > seen.now) {
        return seen.later(until, Because::UndoWindow { until });
    }
    if let Some(quiet) = &seen.quiet
        && let Some(held) = quiet.holds(seen.now)
    {
        let because = Because::QuietHours { ends: held.ends, zone: quiet.zone() };
        return seen.later(held.turn.unwrap_or(just_after(seen.valid_until)), because);
    }
    match seen.yields_to {
        Some(other) => seen.later(seen.recheck_at, Because::YieldsTo(other.to_owned())),
        None => Answer::Go,
    }
}

/// The last step of the gate: what the budget said of a mail that passed the
/// others.
pub fn after_budget(answer: budget::BudgetAnswer, valid_until: Instant, now: Instant) -> Answer {
    match answer {
        budget::BudgetAnswer::Go => Answer::Go,
        budget::BudgetAnswer::Later { at, reason, used_by } => {
            later(at, Because::Budget { reason, used_by }, valid_until, now)
        }
        budget::BudgetAnswer::StepBack { at, reason } => later(at, Because::GoesFirst(reason), valid_until, now),
        budget::BudgetAnswer::Outranked { reason } => {
            Answer::Never { state: State::Skipped, because: Because::Outranked(reason) }
        }
    }
}

/// Whether mail of a class that leaves takes a place in the budget.
pub fn needs_budget(class: Class, shadow: bool) -> bool {
    class.may_be_refused() && !shadow
}

/// Whether a message was not sent while it was valid.
pub fn has_expired(valid_until: Instant, now: Instant) -> bool {
    valid_until < now
}

/// The playbooks that mail of a playbook yields to. The configuration's list is
/// for all: none of them waits for itself.
pub fn yields_to(playbook: &str, limits: Limits) -> Vec<String> {
    let mut others = limits.yields_to;
    others.retain(|other| other != playbook);
    others
}

/// No later than just after its validity; what cannot leave at the end of it
/// has expired.
fn later(until: Instant, because: Because, valid_until: Instant, now: Instant) -> Answer {
    if now >= valid_until {
        let held_by = Some(because.to_string());
        return Answer::Never { state: State::Expired, because: Because::Expired { held_by } };
    }
    Answer::Later { until: until.min(just_after(valid_until)), because }
}

impl Seen<'_> {
    fn later(&self, until: Instant, because: Because) -> Answer {
        later(until, because, self.valid_until, self.now)
    }

    /// Why its recipient cannot have it.
    fn unreachable(&self) -> Option<Because> {
        match self.contact {
            Some(contact) if !contact.is_reachable(self.now) => return Some(Because::ContactLeft),
            None if !self.planned_for.is_empty() => return Some(Because::ContactGone),
            _ => {}
        }
        let Some(address) = self.address else { return Some(Because::NoAddress) };
        if let Err(error) = parse_address(address) {
            return Some(Because::Address(error));
        }
        (self.class.needs_consent() && !self.contact.is_some_and(has_consented)).then_some(Because::NoConsent)
    }
}

#[cfg(test)]
mod tests;
