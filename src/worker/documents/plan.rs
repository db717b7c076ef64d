//! Evaluates a success plan for all accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::loaded::LoadedDocument;
use super::walk::DocumentWalk;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::evaluation::plan::{PlanOutcome, evaluate};
use crate::facts::{Facts, GoalProgress, SubjectId};
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::store::documents::plans::{KnownPlan, NewGoal};
use crate::worker::shared::Shared;

/// An account with what was known of its plan before the slot.
struct AccountWithPlan {
    facts: Facts,
    known: Option<KnownPlan>,
}

/// What was found of an account.
struct AccountProgress {
    subject: SubjectId,
    before: BTreeMap<String, GoalProgress>,
    outcome: PlanOutcome,
}

/// Writes who gets the plan at the slot of the evaluation, and how far goals are
/// that changed.
pub(super) async fn write(
    shared: &Arc<Shared>,
    document: &Arc<LoadedDocument>,
    evaluation: &Evaluation,
) -> anyhow::Result<EvaluationTally> {
    let (mut tally, plan, slot) = (EvaluationTally::default(), &evaluation.document, evaluation.slot);
    let abouts: BTreeMap<&str, Option<&str>> = match &document.ready.body {
        ReadyBodyOfDocument::Plan(plan) => {
            plan.goals.iter().map(|goal| (goal.id.as_str(), goal.about.as_deref())).collect()
        }
        _ => BTreeMap::new(),
    };
    let mut walk = DocumentWalk::begin(shared, document, evaluation).await?;
    while let Some(chunk) = walk.next().await? {
        // As it was before the slot, so that whoever takes an evaluation over finds the same.
        let accounts: Vec<&str> = chunk.iter().map(|facts| facts.account.as_str()).collect();
        let mut known = shared.store.plans_before(plan, &accounts, slot).await?;
        let chunk =
            chunk.into_iter().map(|facts| AccountWithPlan { known: known.remove(&facts.account), facts }).collect();
        let (mut new, mut goals) = (Vec::new(), Vec::new());
        for AccountProgress { subject, before, outcome } in walk.judge(chunk, judge).await? {
            tally.subjects += 1;
            match outcome {
                PlanOutcome::Without => {}
                PlanOutcome::Undecided(why) => {
                    tally.undecided += 1;
                    tally.detail(&subject, "undecided", &format!("`when`: {why}"));
                }
                PlanOutcome::Measured(measured) => {
                    tally.undecided += i64::from(!measured.undecided.is_empty());
                    for (goal, why) in &measured.undecided {
                        tally.detail(&subject, "undecided", &format!("the goal `{goal}`: {why}"));
                    }
                    let account = subject.account;
                    for (goal, progress) in measured.goals {
                        if before.get(&goal) != Some(&progress) {
                            let about = abouts.get(goal.as_str()).copied().flatten().map(str::to_owned);
                            goals.push(NewGoal { account: account.clone(), goal, about, progress });
                        }
                    }
                    if measured.is_new {
                        new.push(account);
                    }
                }
            }
        }
        tally.written += goals.len() as i64;
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        shared.store.write_goals(plan, slot, &new, &goals).await?;
    }
    walk.close().await?;
    Ok(tally)
}

fn judge(document: &LoadedDocument, AccountWithPlan { facts, known }: AccountWithPlan) -> AccountProgress {
    let (subject, ready) = (facts.subject(), &document.ready);
    let since = known.as_ref().map(|known| known.since);
    let before = known.map(|known| known.goals).unwrap_or_default();
    let outcome = match &ready.body {
        ReadyBodyOfDocument::Plan(plan) => evaluate(plan, &ready.sandbox, &Arc::new(facts), ready.zone, since, &before),
        _ => PlanOutcome::Without,
    };
    AccountProgress { subject, before, outcome }
}
