//! All subjects of a document, a thousand at a time, at the cost of a budget, with
//! the lease of the evaluation renewed on the way.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use crate::clock::{Deadline, WorkStopwatch};
use crate::facts::Facts;
use crate::store::Store;
use crate::store::customers::facts::{self, Scan};
use crate::store::documents::evaluations::Evaluation;
use crate::worker::runs::evaluation_budget::{BudgetSpent, EvaluationBudget};
use crate::worker::runs::run_capacity::WalkPermit;
use crate::worker::shared::Shared;

/// A walk over the subjects of a document.
pub(super) struct DocumentWalk<'a> {
    shared: &'a Arc<Shared>,
    document: &'a Arc<LoadedDocument>,
    evaluation: &'a Evaluation,
    budget: Arc<EvaluationBudget>,
    scan: Scan<'a>,
    renew: Deadline,
    _permit: WalkPermit,
}

impl<'a> DocumentWalk<'a> {
    /// Begins it, with facts as of the slot of the evaluation.
    pub async fn begin(
        shared: &'a Arc<Shared>,
        document: &'a Arc<LoadedDocument>,
        evaluation: &'a Evaluation,
    ) -> anyhow::Result<DocumentWalk<'a>> {
        let permit = shared.runs.walk().await;
        let scan = facts::scan(shared.store.customers_pool(), &document.query, evaluation.slot).await?;
        let budget = EvaluationBudget::of(shared.config.limits.run);
        let renew = Deadline::after(Store::lease_third());
        Ok(DocumentWalk { shared, document, evaluation, budget, scan, renew, _permit: permit })
    }

    /// The next subjects; `None` when there are no more. An error is [`Lost`] when
    /// somebody else has the evaluation by now.
    ///
    /// [`Lost`]: crate::store::lease::Lost
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<Facts>>> {
        if self.renew.has_passed() {
            self.shared.store.renew_evaluation(self.evaluation).await??;
            self.renew = Deadline::after(Store::lease_third());
        }
        let chunk = self.scan.next().await?;
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    /// Judges a chunk off the async threads.
    ///
    /// # Errors
    /// A [`BudgetSpent`] when the expressions have worked for too long.
    pub async fn judge<S: Send + 'static, T: Send + 'static>(
        &self,
        chunk: Vec<S>,
        judge: fn(&LoadedDocument, S) -> T,
    ) -> anyhow::Result<Vec<T>> {
        let (document, budget) = (self.document.clone(), self.budget.clone());
        let judged = tokio::task::spawn_blocking(move || {
            let watch = WorkStopwatch::start();
            let judged = chunk.into_iter().map(|subject| judge(&document, subject)).collect();
            budget.spend(watch.elapsed())?;
            Ok::<_, BudgetSpent>(judged)
        });
        Ok(judged.await??)
    }

    /// Gives the connection back.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.scan.close().await?)
    }
}
