//! Why a message that is ready does not leave.

use std::fmt;

/// Why a message whose bytes are ready does not leave after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else has it, and says what becomes of it.
    NotOurs,
    /// It, its playbook, its channel or its account is stopped.
    Stopped,
    /// Its address wants none of its class.
    Suppressed,
    /// Another survey has just asked its contact.
    OtherSurvey,
    /// Its sender is being stopped.
    Stopping,
    /// What the gate saw may have changed since.
    Stale,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotOurs => "no longer ours",
            Refusal::Stopped => "stopped",
            Refusal::Suppressed => "suppressed",
            Refusal::OtherSurvey => "another survey asks the contact first",
            Refusal::Stopping => "stopping",
            Refusal::Stale => "looked at too long ago",
        })
    }
}
