//! What becomes at a slot of those who are on their way already: who goes on,
//! and whose way ends. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::outlook::is_where_it_was;
use crate::enrollment::{Enrollment, Phase, State};
use crate::facts::SubjectId;
use crate::worker::enrollments::advancer::{Foreseen, foresee, look_instant};
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// Somebody whose way ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    pub subject: SubjectId,
    /// How it ends.
    pub state: State,
    /// Why, in words.
    pub reason: Option<String>,
}

/// What a slot finds of a playbook's active enrollments.
#[derive(Clone, Debug, Default)]
pub(super) struct Enrolled {
    /// In order.
    pub continues: Vec<SubjectId>,
    /// In order.
    pub leaves: Vec<Leaver>,
    /// Whose way, also as a ghost, is over before the slot's run decides: it may
    /// let them in again.
    pub over: BTreeSet<SubjectId>,
    /// The enrollments that are stopped: their open tasks close.
    pub stopped: Vec<(String, Uuid)>,
    /// To whom tasks go on the way to the slot, by CSM id or address.
    pub assigned: BTreeMap<String, u64>,
}

/// Follows each active enrollment of a playbook to the slot: its due looks, or,
/// where none is due, one at the slot itself. Ghosts go on and leave unnamed.
pub(super) async fn follow_enrolled(shared: &Arc<Shared>, playbook: &str, slot: Instant) -> anyhow::Result<Enrolled> {
    let mut enrolled = Enrolled::default();
    let Some(halted) = shared.halted().await? else { return Ok(enrolled) };
    let mut after: Option<Enrollment> = None;
    loop {
        let batch = shared.store.enrollments_under_way(playbook, after.as_ref(), BATCH).await?;
        if batch.is_empty() {
            break;
        }
        after = batch.last().cloned();
        let (still, moving): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|one| halted.playbooks.contains(&one.playbook) || halted.accounts.contains(&one.account));
        still.iter().for_each(|enrollment| enrolled.go_on(enrollment));
        enrolled.follow(shared, moving, slot).await?;
    }
    enrolled.continues.sort();
    enrolled.leaves.sort_by(|one, other| one.subject.cmp(&other.subject));
    Ok(enrolled)
}

/// Whether a run at the slot finds the next look at an enrollment done: its step
/// is due before. Looks between are not made up for.
fn is_due_before(enrollment: &Enrollment, slot: Instant) -> bool {
    let is_before = |at: Option<Instant>| at.is_some_and(|at| at < slot);
    is_before(enrollment.look_at) && (enrollment.phase == Phase::Begin || is_before(enrollment.due_at))
}

impl Enrolled {
    /// Adds what stands under another name.
    pub fn add(&mut self, other: Enrolled) {
        self.continues.extend(other.continues);
        self.leaves.extend(other.leaves);
        self.over.extend(other.over);
        self.stopped.extend(other.stopped);
        for (assignee, count) in other.assigned {
            *self.assigned.entry(assignee).or_default() += count;
        }
        self.continues.sort();
        // Who is still on the way under another name is not let in again.
        self.over.retain(|subject| self.continues.binary_search(subject).is_err());
        self.leaves.sort_by(|one, other| one.subject.cmp(&other.subject));
    }

    fn go_on(&mut self, enrollment: &Enrollment) {
        if !enrollment.is_ghost() {
            self.continues.push(enrollment.subject());
        }
    }

    async fn follow(&mut self, shared: &Arc<Shared>, mut moving: Vec<Enrollment>, slot: Instant) -> anyhow::Result<()> {
        while !moving.is_empty() {
            let mut groups: BTreeMap<(String, String, Instant), Vec<Enrollment>> = BTreeMap::new();
            for enrollment in moving.drain(..) {
                let at = match enrollment.look_at {
                    Some(look_at) if look_at <= slot => look_instant(&enrollment, slot, shared.config.recheck),
                    _ => slot,
                };
                let group = (enrollment.playbook.clone(), enrollment.revision.clone(), at);
                groups.entry(group).or_default().push(enrollment);
            }
            for ((playbook, revision, at), enrollments) in groups {
                // A revision that this version cannot read moves nobody.
                let Ok(loaded) = shared.loaded(&playbook, &revision).await? else {
                    enrollments.iter().for_each(|enrollment| self.go_on(enrollment));
                    continue;
                };
                let foreseen = foresee(shared, &loaded, enrollments.clone(), at).await?;
                for (before, Foreseen { transition, .. }) in enrollments.iter().zip(foreseen) {
                    for assignee in transition.effects.iter().filter_map(|effect| effect.assignee()) {
                        *self.assigned.entry(assignee.to_owned()).or_default() += 1;
                    }
                    let after = transition.enrollment;
                    if after.state != State::Active {
                        let subject = after.subject();
                        if is_due_before(before, slot) {
                            self.over.insert(subject.clone());
                        }
                        if transition.stopped {
                            self.stopped.push((after.account.clone(), after.id));
                        }
                        if !after.is_ghost() {
                            self.leaves.push(Leaver { subject, state: after.state, reason: after.reason });
                        }
                    } else if after.look_at.is_some_and(|look_at| look_at <= slot) && !is_where_it_was(before, &after) {
                        moving.push(after);
                    } else {
                        self.go_on(&after);
                    }
                }
            }
        }
        Ok(())
    }
}
