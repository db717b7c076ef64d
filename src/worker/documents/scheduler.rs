//! What is due of documents, before the playbooks of the same instant.
//!
//! Documents of one instant are evaluated by their stage, and within it those
//! first that others read. No leader: whoever inserts the row of an evaluation
//! carries it out. The playbooks of an instant wait until no document that was due
//! by then is open any more. They never wait for one that has failed, which is over,
//! nor longer than [`PATIENCE`] for one that somebody has: then they go on with what
//! was found the time before. Documents wait as long, and for nobody but those that
//! they read and that come before them in the order of an instant: so none waits for
//! one that waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::evaluate::{Evaluated, evaluate};
use super::gather::gather;
use super::loaded::LoadedDocument;
use crate::catalog::documents::ReadyDocument;
use crate::clock::Instant;
use crate::playbook::document::Stage;
use crate::postgres::describe_error;
use crate::store::documents::evaluations::OpenedEvaluation;
use crate::store::runs::RunKind;
use crate::store::runs::playbooks::Published;
use crate::store::upkeep::stopped::Stopped;
use crate::worker::shared::Shared;

/// How long after their instant playbooks and documents wait for documents of that instant.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// What became of the documents that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueDocuments {
    /// How many evaluations were carried out.
    pub handled: usize,
    /// The first instant with a document that is still open.
    open: Option<Instant>,
}

impl DueDocuments {
    /// Whether playbooks of that instant have to wait.
    pub fn hold(&self, slot: Instant, now: Instant) -> bool {
        self.open.is_some_and(|open| open <= slot) && now - slot < PATIENCE
    }

    fn leave_open(&mut self, slot: Instant) {
        self.open = Some(self.open.map_or(slot, |open| open.min(slot)));
    }
}

/// A document that is to be evaluated.
struct DueDocument {
    published: Published,
    loaded: Arc<LoadedDocument>,
}

impl DueDocument {
    /// Whether it is about all accounts together.
    fn is_figure(&self) -> bool {
        self.loaded.ready.document.kind.stage == Stage::Figures
    }
}

/// Evaluates every document that is due at `now`, each at its latest slot: however
/// late that is, since nothing leaves by it. Older slots are not made up for.
pub async fn settle(shared: &Arc<Shared>, stopped: &Stopped, now: Instant) -> anyhow::Result<DueDocuments> {
    let store = &shared.store;
    let mut due = DueDocuments::default();
    let documents = store.published_documents().await?;
    if documents.is_empty() {
        return Ok(due);
    }
    for evaluation in store.take_over_evaluations().await? {
        tracing::warn!(document = %evaluation.document, slot = %evaluation.slot, "taking over an evaluation");
        match evaluate(shared, &evaluation, now).await {
            Evaluated::Over => due.handled += 1,
            Evaluated::Open => due.leave_open(evaluation.slot),
        }
    }
    let mut slots: BTreeMap<Instant, Vec<DueDocument>> = BTreeMap::new();
    for published in documents.into_iter().filter(|published| published.present) {
        let loaded = match shared.document(&published.id, &published.revision).await? {
            Ok(loaded) => loaded,
            Err(why) => {
                tracing::error!(document = %published.id, revision = %published.revision, "cannot be used: {why}");
                continue;
            }
        };
        let Some(slot) = loaded.ready.schedule.latest_between(published.slots_after, now) else { continue };
        slots.entry(slot).or_default().push(DueDocument { published, loaded });
    }
    // Those that wait have no row yet, and others wait for them.
    let mut waiting: Vec<Arc<LoadedDocument>> = Vec::new();
    for (slot, documents) in slots {
        let (documents, mut open) = (in_order(documents), open_by(shared, slot).await?);
        open.extend(waiting.iter().cloned());
        let mut is_gathered = false;
        for (place, document) in documents.iter().enumerate() {
            if waits(document, &open, slot, now) {
                due.leave_open(slot);
                open.push(document.loaded.clone());
                waiting.push(document.loaded.clone());
                continue;
            }
            if document.is_figure() && !is_gathered {
                let is_next = |due: &&DueDocument| !waits(due, &open, slot, now);
                gather_figures(shared, documents[place..].iter().filter(is_next), stopped, slot).await;
                is_gathered = true;
            }
            match evaluate_at(shared, &document.published, slot, RunKind::Scheduled, stopped, now).await {
                Ok(Evaluated::Over) => {
                    due.handled += 1;
                    // Only now: whoever dies before this finds its row.
                    store.settle_slots(&document.published.id, slot).await?;
                }
                Ok(Evaluated::Open) => {
                    due.leave_open(slot);
                    open.push(document.loaded.clone());
                }
                // One document's trouble is not another's.
                Err(error) => {
                    let why = describe_error(error.as_ref());
                    tracing::error!(document = %document.published.id, %slot, "the evaluation failed: {why}");
                    due.leave_open(slot);
                    open.push(document.loaded.clone());
                }
            }
        }
    }
    Ok(due)
}

/// Evaluates every document at an instant, which is its slot; how many.
pub async fn manual(shared: &Arc<Shared>, stopped: &Stopped, slot: Instant) -> anyhow::Result<usize> {
    let mut documents = Vec::new();
    for published in shared.store.published_documents().await?.into_iter().filter(|published| published.present) {
        match shared.document(&published.id, &published.revision).await? {
            Ok(loaded) => documents.push(DueDocument { published, loaded }),
            Err(why) => tracing::error!(document = %published.id, "cannot be used: {why}"),
        }
    }
    let mut handled = 0;
    let documents = in_order(documents);
    let first_figure = documents.iter().position(DueDocument::is_figure);
    for (place, document) in documents.iter().enumerate() {
        if first_figure == Some(place) {
            gather_figures(shared, documents[place..].iter(), stopped, slot).await;
        }
        evaluate_at(shared, &document.published, slot, RunKind::Manual, stopped, slot).await?;
        handled += 1;
    }
    Ok(handled)
}

/// The documents of which somebody evaluates that instant, or one before it.
async fn open_by(shared: &Arc<Shared>, slot: Instant) -> anyhow::Result<Vec<Arc<LoadedDocument>>> {
    let mut open = Vec::new();
    for evaluation in shared.store.open_evaluations(slot).await? {
        // One that this version cannot use says nothing of what it finds.
        open.extend(shared.document(&evaluation.document, &evaluation.revision).await?.ok());
    }
    Ok(open)
}

/// Whether a document that is due at an instant waits for one of those that are open:
/// it reads what that one finds, and comes after it.
fn waits(due: &DueDocument, open: &[Arc<LoadedDocument>], slot: Instant, now: Instant) -> bool {
    let ready = &due.loaded.ready;
    let is_before = |other: &ReadyDocument| {
        other.document.kind.stage <= ready.document.kind.stage && other.document.id != ready.document.id
    };
    let mut open = open.iter().map(|loaded| &loaded.ready);
    now - slot < PATIENCE && open.any(|other| is_before(other) && ready.reads(other))
}

async fn evaluate_at(
    shared: &Arc<Shared>,
    published: &Published,
    slot: Instant,
    kind: RunKind,
    stopped: &Stopped,
    now: Instant,
) -> anyhow::Result<Evaluated> {
    let (store, id, revision) = (&shared.store, &published.id, &published.revision);
    if stopped.covers(id) {
        store.skip_evaluation(id, revision, slot, kind, "stopped", now).await?;
        return Ok(Evaluated::Over);
    }
    Ok(match store.open_evaluation(id, revision, slot, kind, now).await? {
        OpenedEvaluation::Ours(evaluation) => evaluate(shared, &evaluation, now).await,
        OpenedEvaluation::Theirs => Evaluated::Open,
        OpenedEvaluation::Ended => Evaluated::Over,
    })
}

/// Asks together what these documents about the whole ask. It is called before the
/// first of them, once the others have written what they find.
async fn gather_figures<'d>(
    shared: &Arc<Shared>,
    documents: impl Iterator<Item = &'d DueDocument>,
    stopped: &Stopped,
    slot: Instant,
) {
    let documents = documents.filter(|due| due.is_figure() && !stopped.covers(&due.published.id));
    if let Err(error) = gather(shared, documents.map(|due| &due.loaded), slot).await {
        let why = describe_error(error.as_ref());
        tracing::warn!(%slot, "the figures are asked for one by one: {why}");
    }
}

/// By stage, and within it those first that others read.
fn in_order(mut documents: Vec<DueDocument>) -> Vec<DueDocument> {
    documents.sort_by(|one, other| {
        let key = |due: &DueDocument| (due.loaded.ready.document.kind.stage, due.published.id.clone());
        key(one).cmp(&key(other))
    });
    let mut ordered: Vec<DueDocument> = Vec::with_capacity(documents.len());
    while !documents.is_empty() {
        let is_free = |due: &DueDocument| {
            let mut others = documents.iter().filter(|other| other.published.id != due.published.id);
            !others.any(|other| due.loaded.ready.waits_for(&other.loaded.ready))
        };
        let stage = documents[0].loaded.ready.document.kind.stage;
        let of_stage = |due: &&DueDocument| due.loaded.ready.document.kind.stage == stage;
        // Where they wait for each other, which `check` refuses, somebody is the first.
        let next = documents.iter().take_while(|due| of_stage(due)).position(is_free).unwrap_or(0);
        ordered.push(documents.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playbooks_wait_for_what_was_due_by_then_and_not_for_ever() {
        let at = |minute: i64| chrono::DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let nothing = DueDocuments::default();
        assert!(!nothing.hold(at(0), at(0)));
        let mut due = DueDocuments::default();
        due.leave_open(at(60));
        due.leave_open(at(30));
        assert!(due.hold(at(30), at(31)) && due.hold(at(60), at(61)));
        assert!(!due.hold(at(29), at(31)), "it was not due by then");
        assert!(due.hold(at(30), at(39)) && !due.hold(at(30), at(40)), "the patience ends");
    }
}
