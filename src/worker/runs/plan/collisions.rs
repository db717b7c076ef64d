//! In which other playbooks those are who would enter one.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::SubjectId;
use crate::worker::shared::Shared;

/// The other playbooks of subjects, by subject.
type Others = BTreeMap<SubjectId, BTreeSet<String>>;

/// Of each playbook that some would enter at one slot: in which other playbooks
/// their accounts are on their way, or would enter at the same slot.
pub(in crate::worker::runs) async fn collisions(
    shared: &Shared,
    entering: &BTreeMap<&str, &[SubjectId]>,
) -> anyhow::Result<BTreeMap<String, Others>> {
    let mut together: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (playbook, subjects) in entering {
        for subject in *subjects {
            together.entry(&subject.account).or_default().insert((*playbook).to_owned());
        }
    }
    let mut found: BTreeMap<String, Others> = BTreeMap::new();
    for (playbook, subjects) in entering {
        let accounts: Vec<&str> = subjects.iter().map(|subject| subject.account.as_str()).collect();
        let active = shared.store.other_playbooks_of(&accounts, playbook).await?;
        for subject in *subjects {
            let active = active.get(&subject.account);
            let together = together.get(subject.account.as_str());
            let mut others: BTreeSet<String> = active.into_iter().chain(together).flatten().cloned().collect();
            others.remove(*playbook);
            if !others.is_empty() {
                found.entry((*playbook).to_owned()).or_default().insert(subject.clone(), others);
            }
        }
    }
    Ok(found)
}
