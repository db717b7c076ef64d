//! Evaluates a score for all its subjects.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use super::walk::DocumentWalk;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::score::{ScoreOutcome, evaluate};
use crate::facts::{Facts, SubjectId};
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::store::documents::scores::NewScore;
use crate::worker::shared::Shared;

/// Writes the score of every subject at the slot of the evaluation.
pub(super) async fn write(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
) -> anyhow::Result<EvaluationTally> {
    let mut tally = EvaluationTally::default();
    let mut walk = DocumentWalk::begin(shared, document, evaluation).await?;
    while let Some(chunk) = walk.next().await? {
        let outcomes = walk.judge(chunk, outcome).await?;
        let mut scores = Vec::with_capacity(outcomes.len());
        for (subject, outcome) in outcomes {
            tally.subjects += 1;
            match outcome {
                ScoreOutcome::Made(score) => {
                    for factor in &score.clamped {
                        tally.detail(&subject, "clamped", &format!("the factor `{factor}` was beyond 0 or 100"));
                    }
                    let factors = serde_json::json!(score.factors);
                    scores.push(NewScore { subject, value: score.value, band: score.band, factors });
                }
                ScoreOutcome::Empty => {}
                ScoreOutcome::Undecided { factor, why } => {
                    tally.undecided += 1;
                    tally.detail(&subject, "undecided", &format!("the factor `{factor}`: {why}"));
                }
            }
        }
        tally.written += scores.len() as i64;
        shared.store.write_scores(&evaluation.document, evaluation.slot, &scores).await?;
    }
    walk.close().await?;
    Ok(tally)
}

fn outcome(document: &LoadedDocument, facts: Facts) -> (SubjectId, ScoreOutcome) {
    let (subject, ready) = (facts.subject(), &document.ready);
    let outcome = match &ready.body {
        ReadyBodyOfDocument::Score(score) => evaluate(score, &ready.sandbox, &Arc::new(facts), ready.zone),
        _ => ScoreOutcome::Empty,
    };
    (subject, outcome)
}
