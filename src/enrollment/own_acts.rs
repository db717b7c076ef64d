//! What a step asked for, as the steps behind it see it at the same instant.

use std::collections::BTreeSet;

use super::state::Enrollment;
use crate::effect::{Effect, EffectBody};
use crate::facts::OwnActs;

/// The tasks that are open for a subject in a playbook: the step, and which of
/// its tasks.
pub type OpenTasks = BTreeSet<(String, i32)>;

/// What effects of an enrollment change in its facts. A task that is open already
/// is only refreshed; in shadow, and for one that is held out, nothing is done.
pub fn own_acts(enrollment: &Enrollment, effects: &[Effect], open: &mut OpenTasks) -> OwnActs {
    let mut acts = OwnActs::default();
    if enrollment.shadow || enrollment.is_ghost() {
        return acts;
    }
    for effect in effects {
        match &effect.body {
            EffectBody::Label(label) => drop(acts.labels.insert(label.name.clone(), label.value.clone())),
            EffectBody::Task(_) if open.insert((effect.step.clone(), effect.ordinal)) => acts.opened_tasks += 1,
            _ => {}
        }
    }
    acts
}
