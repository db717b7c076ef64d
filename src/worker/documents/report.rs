//! Makes a value report for all its accounts.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use super::walk::DocumentWalk;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::facts::{Facts, SubjectId};
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::value_report::ValueReport;
use crate::worker::shared::Shared;

/// Writes the report of every account as of the slot of the evaluation.
pub(super) async fn write(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
) -> anyhow::Result<EvaluationTally> {
    let mut tally = EvaluationTally::default();
    let mut walk = DocumentWalk::begin(shared, document, evaluation).await?;
    while let Some(chunk) = walk.next().await? {
        let reports: Vec<ValueReport> = walk.judge(chunk, make).await?.into_iter().flatten().collect();
        for report in &reports {
            tally.subjects += 1;
            let subject = SubjectId { account: report.account.clone(), contact: String::new() };
            tally.undecided += i64::from(report.failures().next().is_some());
            for (figure, why) in report.failures() {
                tally.detail(&subject, "undecided", &format!("the figure `{figure}`: {why}"));
            }
        }
        tally.written += reports.len() as i64;
        shared.store.write_reports(&reports).await?;
    }
    walk.close().await?;
    Ok(tally)
}

/// The report of one account; `None` of a document that is none.
pub(super) fn make(document: &LoadedDocument, facts: Facts) -> Option<ValueReport> {
    match &document.ready.body {
        ReadyBodyOfDocument::Report(report) => Some(report.maker.make(&document.ready.sandbox, &Arc::new(facts))),
        _ => None,
    }
}
