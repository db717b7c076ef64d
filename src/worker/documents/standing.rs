//! Where accounts stand: one walk over them, whatever the kind of the document.

use std::sync::Arc;

use super::loaded::LoadedDocument;
use super::walk::DocumentWalk;
use crate::evaluation::standing::StandingOutcome;
use crate::facts::{Facts, Standing, SubjectId};
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::store::documents::standings::NewMove;
use crate::worker::shared::Shared;

/// An account with where it stood before the slot.
pub(super) struct AccountFacts {
    facts: Facts,
    present: Option<String>,
}

/// What was found of an account.
pub(super) struct AccountOutcome {
    subject: SubjectId,
    was: Option<String>,
    outcome: StandingOutcome,
}

impl AccountFacts {
    /// What is found of it, by its facts and where it stood.
    pub fn judge(self, evaluate: impl FnOnce(&Arc<Facts>, Option<&str>) -> StandingOutcome) -> AccountOutcome {
        let subject = self.facts.subject();
        let outcome = evaluate(&Arc::new(self.facts), self.present.as_deref());
        AccountOutcome { subject, was: self.present, outcome }
    }
}

/// Writes the moves of all accounts at the slot of an evaluation, as `outcome` finds them.
pub(super) async fn write_moves(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
    standing: Standing,
    outcome: fn(&LoadedDocument, AccountFacts) -> AccountOutcome,
) -> anyhow::Result<EvaluationTally> {
    let mut tally = EvaluationTally::default();
    let mut walk = DocumentWalk::begin(shared, document, evaluation).await?;
    while let Some(chunk) = walk.next().await? {
        // As it was before the slot, so that whoever takes an evaluation over finds the same.
        let accounts: Vec<&str> = chunk.iter().map(|facts| facts.account.as_str()).collect();
        let mut present = shared.store.standings_before(standing, &accounts, evaluation.slot).await?;
        let chunk =
            chunk.into_iter().map(|facts| AccountFacts { present: present.remove(&facts.account), facts }).collect();
        let mut moves = Vec::new();
        for AccountOutcome { subject, was, outcome } in walk.judge(chunk, outcome).await? {
            tally.subjects += 1;
            match outcome {
                StandingOutcome::Stays => {}
                StandingOutcome::Moves(found) => {
                    let (value, clause, reason) = (found.to, found.clause.name(), found.reason);
                    moves.push(NewMove { account: subject.account, value, was, clause, reason });
                }
                StandingOutcome::Undecided { clause, why } => {
                    tally.undecided += 1;
                    tally.detail(&subject, "undecided", &format!("{clause}: {why}"));
                }
            }
        }
        tally.written += moves.len() as i64;
        shared.store.write_moves(standing, &evaluation.document, evaluation.slot, &moves).await?;
    }
    walk.close().await?;
    Ok(tally)
}
