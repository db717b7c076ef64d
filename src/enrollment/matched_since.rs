//! Since when a condition has been true: what `reentry: on_rematch`,
//! `holds_for` and `existing: skip` remember of a subject.
//!
//! Only a decided verdict changes anything. Whether a rise was used is not kept
//! here: its instant is the key of the enrollment that used it.

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
    /// Of a subject whose condition was not true before `now`.
    pub(super) fn begin(playbook: &ReadyPlaybook, first_run: bool, now: Instant) -> MatchedSince {
        MatchedSince { since: now, existing: playbook.playbook.skip_existing && first_run }
    }

    /// What is to be remembered of it, where `before` was remembered so far.
    pub(super) fn change(self, playbook: &ReadyPlaybook, before: Option<MatchedSince>) -> MatchChange {
        let for_long =
            matches!(playbook.reentry, ReadyReentry::OnRematch { .. }) || playbook.playbook.holds_for.is_some();
        if before.is_none() && (for_long || self.existing) { MatchChange::Rose(self) } else { MatchChange::Unchanged }
    }
}

impl MatchChange {
    /// The condition is false.
    pub(super) fn fall(before: Option<MatchedSince>) -> MatchChange {
        if before.is_some() { MatchChange::Fell } else { MatchChange::Unchanged }
    }
}
