//! Since when a condition has been true: what `reentry: on_rematch`,
//! `holds_for` and `existing: skip` remember of a subject.
//!
//! Only a decided verdict turns anything. Whether a rise was used is not kept
//! here: its instant is the key of the enrollment that used it.

use super::History;
use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::clock::Instant;

/// A condition that is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The slot that first saw it true after it was false or had never been seen.
    pub since: Instant,
    /// Whether that was the playbook's very first run, and the playbook lets
    /// those that match then stay outside.
    pub existing: bool,
}

/// How a subject's condition changed at a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It did not, or could not be decided, or nothing needs to know.
    Stays,
    Rose(Edge),
    Fell,
}

impl Edge {
    /// The edge of a subject whose condition is true now.
    pub(super) fn of(playbook: &ReadyPlaybook, history: &History, now: Instant) -> Edge {
        let fresh = || Edge { since: now, existing: playbook.playbook.skip_existing && history.first_run };
        history.edge.unwrap_or_else(fresh)
    }

    /// What is to be remembered of it.
    pub(super) fn turn(self, playbook: &ReadyPlaybook, history: &History) -> Turn {
        let for_long =
            matches!(playbook.reentry, ReadyReentry::OnRematch { .. }) || playbook.playbook.holds_for.is_some();
        if history.edge.is_none() && (for_long || self.existing) { Turn::Rose(self) } else { Turn::Stays }
    }
}

impl Turn {
    /// The condition is false.
    pub(super) fn fall(before: Option<Edge>) -> Turn {
        if before.is_some() { Turn::Fell } else { Turn::Stays }
    }
}
