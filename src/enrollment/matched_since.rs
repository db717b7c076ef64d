//! Since when a condition has been true: what `reentry: on_rematch`,
//! `holds_for` and `existing: skip` remember of a subject.
//!
//! Only a decided verdict changes anything. Whether a rise was used is not kept
//! here: its instant is the key of the enrollment that used it.

use super::History;
use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::clock::Instant;

/// A condition that is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchedSince {
    /// The slot that first saw it true after it was false or had never been seen.
    pub since: Instant,
    /// Whether that was the playbook's very first run, and the playbook lets
    /// those that match then stay outside.
    pub existing: bool,
}

/// How a subject's condition changed at a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchChange {
    /// It did not, or could not be decided, or nothing needs to know.
    Unchanged,
    Rose(MatchedSince),
    Fell,
}

impl MatchedSince {
    /// Since when the condition has been true of a subject of which it is true now.
    pub(super) fn of(playbook: &ReadyPlaybook, history: &History, now: Instant) -> MatchedSince {
        let fresh = || MatchedSince { since: now, existing: playbook.playbook.skip_existing && history.first_run };
        history.edge.unwrap_or_else(fresh)
    }

    /// What is to be remembered of it.
    pub(super) fn turn(self, playbook: &ReadyPlaybook, history: &History) -> MatchChange {
        let for_long =
            matches!(playbook.reentry, ReadyReentry::OnRematch { .. }) || playbook.playbook.holds_for.is_some();
        if history.edge.is_none() && (for_long || self.existing) {
            MatchChange::Rose(self)
        } else {
            MatchChange::Unchanged
        }
    }
}

impl MatchChange {
    /// The condition is false.
    pub(super) fn fall(before: Option<MatchedSince>) -> MatchChange {
        if before.is_some() { MatchChange::Fell } else { MatchChange::Unchanged }
    }
}
