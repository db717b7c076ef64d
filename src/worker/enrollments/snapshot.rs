//! What is seen of enrollments at an instant: their facts, how far they are, the
//! people around them, and the revision in force.

use std::collections::HashMap;
use std::sync::Arc;

use crate::action::People;
use crate::clock::Instant;
use crate::enrollment::{Enrollment, OpenTasks};
use crate::facts::{Facts, OwnAct, OwnActs, Progress};
use crate::rule::Context;
use crate::rule::functions::{acts_read, count_own_acts};
use crate::store::customers::facts::SubjectWindow;
use crate::store::runs::playbooks::Published;
use crate::worker::portfolio;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// Why nothing can be seen of an enrollment's subject.
pub(crate) fn gone(enrollment: &Enrollment) -> &'static str {
    if enrollment.account.is_empty() {
        return "the CSM is gone";
    }
    if enrollment.contact.is_empty() { "the account is gone" } else { "the contact is gone" }
}

/// The current revision, some keys of which hold for running enrollments too.
/// `None` when this version cannot use it.
pub(crate) async fn current(shared: &Shared, playbook: &str) -> anyhow::Result<Option<Arc<Loaded>>> {
    current_among(shared, &shared.store.published().await?, playbook).await
}

/// The same, where what is published was read just now.
pub(crate) async fn current_among(
    shared: &Shared,
    published: &[Published],
    playbook: &str,
) -> anyhow::Result<Option<Arc<Loaded>>> {
    let Some(current) = published.iter().find(|known| known.id == playbook) else {
        return Ok(None);
    };
    Ok(shared.loaded(playbook, &current.revision).await?.ok())
}

/// Facts, progress and people of one enrollment at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub context: Context,
    pub people: People,
    /// The tasks that are open for its subject in its playbook, where facts count
    /// tasks.
    pub open_tasks: OpenTasks,
}

/// Looks at many enrollments of one revision with a fixed number of
/// statements; `None` where the subject is gone.
pub(crate) async fn take_snapshots(
    shared: &Shared,
    loaded: &Arc<Loaded>,
    at: Instant,
    enrollments: &[Enrollment],
) -> anyhow::Result<Vec<Option<Snapshot>>> {
    let progress = shared.store.progress(enrollments).await?;
    let asked = acts_read(&loaded.ready.step_layout);
    let acts = match asked.is_empty() {
        true => vec![OwnActs::default(); enrollments.len()],
        false => shared.store.own_acts(enrollments, at, &asked).await?,
    };
    take_snapshots_with(shared, loaded, at, enrollments, progress, acts).await
}

/// The same of enrollments that are just beginning.
pub(crate) async fn take_first_snapshots(
    shared: &Shared,
    loaded: &Arc<Loaded>,
    at: Instant,
    enrollments: &[Enrollment],
) -> anyhow::Result<Vec<Option<Snapshot>>> {
    let progress = enrollments.iter().map(Enrollment::at_entry).collect();
    let nothing = vec![OwnActs::default(); enrollments.len()];
    take_snapshots_with(shared, loaded, at, enrollments, progress, nothing).await
}

async fn take_snapshots_with(
    shared: &Shared,
    loaded: &Arc<Loaded>,
    at: Instant,
    enrollments: &[Enrollment],
    progress: Vec<Progress>,
    acts: Vec<OwnActs>,
) -> anyhow::Result<Vec<Option<Snapshot>>> {
    let store = &shared.store;
    let windows: Vec<SubjectWindow> = enrollments
        .iter()
        .map(|enrollment| SubjectWindow {
            account: enrollment.account.clone(),
            contact: enrollment.contact.clone(),
            since_entry: Some(enrollment.started_at),
            since_step: Some(enrollment.step_at),
        })
        .collect();
    let facts: Vec<Option<Facts>> = portfolio::fetch(shared, loaded, &loaded.steps, at, &windows, None).await?;
    // Around a portfolio there is the CSM whose accounts are meant.
    let of_csm = loaded.ready.portfolio.is_some();
    let people: HashMap<String, People> = match of_csm {
        true => {
            let csms: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.contact.as_str()).collect();
            portfolio::people(shared, &csms).await?.into_iter().collect()
        }
        false => {
            let accounts: Vec<String> = enrollments.iter().map(|enrollment| enrollment.account.clone()).collect();
            store.people(&accounts).await?
        }
    };
    let open_tasks = match acts_read(&loaded.ready.step_layout).contains(&OwnAct::Task) {
        true => store.open_tasks_beside(enrollments).await?,
        false => vec![OpenTasks::default(); enrollments.len()],
    };
    Ok(facts
        .into_iter()
        .zip(progress)
        .zip(acts.into_iter().zip(open_tasks))
        .map(|((facts, progress), (acts, open_tasks))| {
            facts.map(|facts| Snapshot {
                people: people.get(if of_csm { &facts.contact } else { &facts.account }).cloned().unwrap_or_default(),
                open_tasks,
                context: Context {
                    facts: count_own_acts(&Arc::new(facts), &acts),
                    progress: Some(Arc::new(progress)),
                    zone: loaded.ready.zone,
                },
            })
        })
        .collect())
}
