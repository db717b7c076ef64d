//! Who is decided at a slot: the subjects that the prefilter keeps, and those
//! whose condition was true at its latest verdict.
//!
//! The latter are looked at although the prefilter passes them by, so that
//! every fall is decided by the condition itself and never follows from
//! absence. A subject that is gone from the store keeps its state.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::evaluation_budget::EvaluationBudget;
use super::run_capacity::WalkPermit;
use super::scan_share::{NextAccounts, Share, Walk};
use crate::clock::Instant;
use crate::enrollment::History;
use crate::facts::{Facts, Subject, SubjectId};
use crate::store::customers::facts::{self, SubjectWindow};
use crate::worker::portfolio;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// How many subjects are fetched by name at once.
const CHUNK: usize = 1000;

/// A walk over the subjects of one run, each once.
pub struct Candidates<'a> {
    shared: &'a Arc<Shared>,
    loaded: &'a Arc<Loaded>,
    slot: Instant,
    /// For what is decided in order to see a subject; `None` is any time.
    budget: Option<Arc<EvaluationBudget>>,
    /// Names whose history counts beside the playbook's own.
    further: Vec<String>,
    first_run: bool,
    /// When the playbook began to ask, where its contacts have turns.
    began: Option<Instant>,
    walk: Option<Walk<'a>>,
    /// For a walk of its own.
    permit: Option<WalkPermit>,
    /// Those of its share, which a walk of its own passes by if the others have
    /// gone on without it.
    seen: SeenSubjects,
    /// True at the latest verdict, and not seen in the walk so far; or those that are named.
    open: HashSet<SubjectId>,
}

impl<'a> Candidates<'a> {
    pub async fn open(
        shared: &'a Arc<Shared>,
        loaded: &'a Arc<Loaded>,
        slot: Instant,
    ) -> anyhow::Result<Candidates<'a>> {
        Candidates::open_on(shared, loaded, slot, None).await
    }

    /// The same on a share of a walk that several runs make together.
    pub(crate) async fn open_on(
        shared: &'a Arc<Shared>,
        loaded: &'a Arc<Loaded>,
        slot: Instant,
        share: Option<Share>,
    ) -> anyhow::Result<Candidates<'a>> {
        let (store, playbook) = (&shared.store, &loaded.ready.playbook);
        if loaded.ready.portfolio.is_some() {
            let subjects = portfolio::subjects(shared, loaded).await?.into_iter().collect();
            return Ok(Candidates::named(shared, loaded, slot, subjects));
        }
        let open = match loaded.ready.follows_edges() {
            true => store.matching_subjects(&playbook.id, Subject::from(playbook.subject)).await?.into_iter().collect(),
            false => HashSet::new(),
        };
        let first_run = playbook.skip_existing && store.is_first_run(&playbook.id, slot).await?;
        let began = began(shared, loaded, slot).await?;
        let walk = share.map(Walk::Shared);
        let alone = walk.is_none();
        let seen = SeenSubjects::default();
        let mut candidates = Candidates {
            shared,
            loaded,
            slot,
            budget: None,
            further: Vec::new(),
            first_run,
            began,
            walk,
            permit: None,
            seen,
            open,
        };
        if alone {
            candidates.walk_alone().await?;
        }
        Ok(candidates)
    }

    /// Subjects that are known by name, each once; no walk is needed.
    pub(crate) fn named(
        shared: &'a Arc<Shared>,
        loaded: &'a Arc<Loaded>,
        slot: Instant,
        subjects: HashSet<SubjectId>,
    ) -> Candidates<'a> {
        let seen = SeenSubjects::default();
        let (further, walk, permit) = (Vec::new(), None, None);
        Candidates {
            shared,
            loaded,
            slot,
            budget: None,
            further,
            first_run: false,
            began: None,
            walk,
            permit,
            seen,
            open: subjects,
        }
    }

    /// The same with what stands under further names, whose history a publication
    /// will put together with the playbook's own.
    pub async fn with_history_of(mut self, names: &[String]) -> anyhow::Result<Candidates<'a>> {
        let (store, playbook) = (&self.shared.store, &self.loaded.ready.playbook);
        for name in names {
            if self.loaded.ready.follows_edges() {
                self.open.extend(store.matching_subjects(name, Subject::from(playbook.subject)).await?);
            }
            self.first_run = self.first_run && store.is_first_run(name, self.slot).await?;
            if let Some(began) = self.began {
                self.began = Some(store.first_look(name).await?.map_or(began, |looked| looked.min(began)));
            }
        }
        self.further = names.to_vec();
        Ok(self)
    }

    /// The same at the cost of a budget: [`Candidates::next`] fails once it is spent.
    pub(crate) fn within(mut self, budget: &Arc<EvaluationBudget>) -> Candidates<'a> {
        self.budget = Some(budget.clone());
        self
    }

    /// Begins a walk of its own, once there is room for one.
    async fn walk_alone(&mut self) -> anyhow::Result<()> {
        self.permit = Some(self.shared.runs.walk().await);
        self.walk =
            Some(Walk::Own(facts::scan(self.shared.store.customers_pool(), &self.loaded.entry, self.slot).await?));
        Ok(())
    }

    /// The next subjects; empty when there are no more.
    pub async fn next(&mut self) -> anyhow::Result<Vec<Facts>> {
        while let Some(walk) = &mut self.walk {
            let is_share = matches!(walk, Walk::Shared(_));
            let mut chunk = match walk.next().await? {
                NextAccounts::Accounts(chunk) => chunk,
                NextAccounts::End => break,
                NextAccounts::Left => {
                    self.walk_alone().await?;
                    continue;
                }
            };
            if !is_share && !self.seen.is_empty() {
                chunk.retain(|facts| !self.seen.contains(&facts.subject()));
            }
            for subject in chunk.iter().map(Facts::subject) {
                self.open.remove(&subject);
                if is_share {
                    self.seen.insert(&subject);
                }
            }
            if let Some(Walk::Shared(share)) = &self.walk
                && self.seen.is_full()
                && share.stay()
            {
                self.seen.forget();
            }
            if !chunk.is_empty() {
                return Ok(chunk);
            }
        }
        self.close_walk().await?;
        while !self.open.is_empty() {
            let subjects: Vec<SubjectId> = self.open.iter().take(CHUNK).cloned().collect();
            subjects.iter().for_each(|subject| {
                self.open.remove(subject);
            });
            let (windows, entry) = (windows(&subjects), &self.loaded.entry);
            let found =
                portfolio::fetch(self.shared, self.loaded, entry, self.slot, &windows, self.budget.as_ref()).await?;
            let chunk: Vec<Facts> = found.into_iter().flatten().collect();
            if !chunk.is_empty() {
                return Ok(chunk);
            }
        }
        Ok(Vec::new())
    }

    /// What is known of a chunk's subjects, as it was before the run at
    /// `slot`; without one, as it stands.
    pub async fn histories(
        &self,
        chunk: &[Facts],
        slot: Option<Instant>,
    ) -> anyhow::Result<HashMap<SubjectId, History>> {
        let subjects: Vec<SubjectId> = chunk.iter().map(Facts::subject).collect();
        let mut histories = recall(self.shared, self.loaded, &subjects, slot, slot).await?;
        for name in &self.further {
            for (subject, history) in recall_under(self.shared, self.loaded, name, &subjects, (slot, slot)).await? {
                histories.entry(subject).or_default().add(history);
            }
        }
        if self.began.is_some() {
            subjects.iter().for_each(|subject| histories.entry(subject.clone()).or_default().began = self.began);
        }
        if self.first_run {
            subjects.into_iter().for_each(|subject| histories.entry(subject).or_default().first_run = true);
        }
        Ok(histories)
    }

    /// Gives the connection back.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.close_walk().await
    }

    async fn close_walk(&mut self) -> anyhow::Result<()> {
        let closed = match self.walk.take() {
            Some(walk) => walk.close().await,
            None => Ok(()),
        };
        self.permit = None;
        closed
    }
}

/// When a playbook began to ask whose contacts have turns: the first slot at which it
/// looked, at the latest this one; `None` of others.
pub(crate) async fn began(shared: &Shared, loaded: &Loaded, slot: Instant) -> anyhow::Result<Option<Instant>> {
    let playbook = &loaded.ready.playbook;
    if playbook.survey.as_ref().and_then(|survey| survey.every).is_none() {
        return Ok(None);
    }
    let looked = shared.store.first_look(&playbook.id).await?;
    Ok(Some(looked.map_or(slot, |looked| looked.min(slot))))
}

/// Subjects that were seen, in little memory: 128 bits of each.
#[derive(Default)]
struct SeenSubjects {
    keys: (RandomState, RandomState),
    subjects: HashSet<u128>,
    /// Nobody will ask any more.
    forgotten: bool,
}

impl SeenSubjects {
    /// Whoever has seen so many is not so slow that the others would have to go
    /// on without it.
    const MOST: usize = 20_000;

    fn key(&self, subject: &SubjectId) -> u128 {
        let (high, low) = (self.keys.0.hash_one(subject), self.keys.1.hash_one(subject));
        u128::from(high) << 64 | u128::from(low)
    }

    fn insert(&mut self, subject: &SubjectId) {
        if !self.forgotten {
            self.subjects.insert(self.key(subject));
        }
    }

    fn contains(&self, subject: &SubjectId) -> bool {
        self.subjects.contains(&self.key(subject))
    }

    fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    fn is_full(&self) -> bool {
        self.subjects.len() >= SeenSubjects::MOST
    }

    fn forget(&mut self) {
        (self.subjects, self.forgotten) = (HashSet::new(), true);
    }
}

/// What is known of subjects in a playbook, leaving out what the run at a slot
/// has written itself; their edges as they were before `edges_at`, or as they
/// stand.
pub(crate) async fn recall(
    shared: &Shared,
    loaded: &Loaded,
    subjects: &[SubjectId],
    slot: Option<Instant>,
    edges_at: Option<Instant>,
) -> anyhow::Result<HashMap<SubjectId, History>> {
    recall_under(shared, loaded, &loaded.ready.playbook.id, subjects, (slot, edges_at)).await
}

/// The same under a name.
async fn recall_under(
    shared: &Shared,
    loaded: &Loaded,
    name: &str,
    subjects: &[SubjectId],
    instants: (Option<Instant>, Option<Instant>),
) -> anyhow::Result<HashMap<SubjectId, History>> {
    let mut histories = shared.store.history(name, instants.0, subjects).await?;
    recall_besides(shared, loaded, name, subjects, instants, &mut histories).await?;
    Ok(histories)
}

/// Adds what is known of subjects under a name besides their own enrollments; the
/// instants are those of [`recall`].
pub(crate) async fn recall_besides(
    shared: &Shared,
    loaded: &Loaded,
    id: &str,
    subjects: &[SubjectId],
    (slot, edges_at): (Option<Instant>, Option<Instant>),
    histories: &mut HashMap<SubjectId, History>,
) -> anyhow::Result<()> {
    let (store, ready) = (&shared.store, &loaded.ready);
    if Subject::from(ready.playbook.subject) == Subject::Contact {
        store.load_moved_contacts(id, slot, subjects, histories).await?;
    }
    if ready.follows_edges() {
        store.load_matched_since(id, edges_at, subjects, histories).await?;
    }
    if ready.playbook.holdout.is_some() {
        store.load_arms(id, subjects, histories).await?;
    }
    Ok(())
}

/// Subjects by name, outside any enrollment.
pub fn windows(subjects: &[SubjectId]) -> Vec<SubjectWindow> {
    subjects.iter().cloned().map(SubjectWindow::from).collect()
}
