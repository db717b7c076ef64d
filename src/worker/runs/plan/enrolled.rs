//! What becomes at a slot of those who are on their way already: who goes on,
//! and whose way ends. Nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::outlook::is_where_it_was;
use crate::enrollment::{Enrollment, State};
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
    /// The enrollments that are stopped: their open tasks close.
    pub stopped: Vec<(String, Uuid)>,
    /// To whom tasks go on the way to the slot, by CSM id or address.
    pub assigned: BTreeMap<String, u64>,
}

/// Follows each active enrollment of a playbook to the slot: its due looks, or,
/// where none is due, one at the slot itself.
pub(super) async fn follow_enrolled(shared: &Arc<Shared>, playbook: &str, slot: Instant) -> anyhow::Result<Enrolled> {
    let mut enrolled = Enrolled::default();
    let Some(halted) = shared.halted().await? else { return Ok(enrolled) };
    let mut after: Option<Enrollment> = None;
    loop {
        let batch = shared.store.active_enrollments(playbook, after.as_ref(), BATCH).await?;
        if batch.is_empty() {
            break;
        }
        after = batch.last().cloned();
        let (still, moving): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|one| halted.playbooks.contains(&one.playbook) || halted.accounts.contains(&one.account));
        enrolled.continues.extend(still.iter().map(Enrollment::subject));
        enrolled.follow(shared, moving, slot).await?;
    }
    enrolled.continues.sort();
    enrolled.leaves.sort_by(|one, other| one.subject.cmp(&other.subject));
    Ok(enrolled)
}

impl Enrolled {
    /// Adds what stands under another name.
    pub fn add(&mut self, other: Enrolled) {
        self.continues.extend(other.continues);
        self.leaves.extend(other.leaves);
        self.stopped.extend(other.stopped);
        for (assignee, count) in other.assigned {
            *self.assigned.entry(assignee).or_default() += count;
        }
        self.continues.sort();
        self.leaves.sort_by(|one, other| one.subject.cmp(&other.subject));
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
                    self.continues.extend(enrollments.iter().map(Enrollment::subject));
                    continue;
                };
                let foreseen = foresee(shared, &loaded, enrollments.clone(), at).await?;
                for (before, Foreseen { transition, .. }) in enrollments.iter().zip(foreseen) {
                    for assignee in transition.effects.iter().filter_map(|effect| effect.assignee()) {
                        *self.assigned.entry(assignee.to_owned()).or_default() += 1;
                    }
                    let after = transition.enrollment;
                    if after.state != State::Active {
                        if transition.stopped {
                            self.stopped.push((after.account.clone(), after.id));
                        }
                        let subject = after.subject();
                        self.leaves.push(Leaver { subject, state: after.state, reason: after.reason });
                    } else if after.look_at.is_some_and(|look_at| look_at <= slot) && !is_where_it_was(before, &after) {
                        moving.push(after);
                    } else {
                        self.continues.push(after.subject());
                    }
                }
            }
        }
        Ok(())
    }
}
