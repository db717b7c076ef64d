//! What is seen of a playbook's subjects: of accounts and contacts what the store
//! says of each, of a portfolio what it says of all, and which accounts match.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::revision_cache::Loaded;
use super::runs::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::shared::Shared;
use crate::action::People;
use crate::catalog::ReadyPlaybook;
use crate::clock::{Instant, WorkStopwatch};
use crate::evaluation::matching::MatchingAccounts;
use crate::facts::{Facts, KpiQuestion, Matching, SubjectId, Value};
use crate::rule::population::PopulationCells;
use crate::store::customers::facts::{self, FactQuery, SubjectWindow};

/// How many accounts are looked at between two looks at the time.
const BETWEEN_LOOKS: usize = 8;

/// The facts of named subjects of a playbook, in the same order; `None` for one
/// that does not exist. What it lists is found at the cost of the budget, if there is one.
///
/// # Errors
/// Also a [`BudgetSpent`], when that does not suffice.
pub(crate) async fn fetch(
    shared: &Shared,
    loaded: &Arc<Loaded>,
    query: &FactQuery,
    at: Instant,
    windows: &[SubjectWindow],
    budget: Option<&Arc<EvaluationBudget>>,
) -> anyhow::Result<Vec<Option<Facts>>> {
    let pool = shared.store.customers_pool();
    let Some(portfolio) = loaded.ready.portfolio.as_ref().filter(|_| !windows.is_empty()) else {
        return Ok(facts::fetch(pool, query, at, windows).await?);
    };
    let figures = query.figures(pool, at).await?;
    let mut lists = match &loaded.matching {
        Some(matching) => lists(shared, loaded, matching, at, budget).await?,
        None => BTreeMap::new(),
    };
    let there: HashSet<String> = subjects(shared, loaded).await?.into_iter().map(|one| one.contact).collect();
    let population = PopulationCells::of(query.layout());
    let (kpi_places, questions): (Vec<usize>, Vec<&KpiQuestion>) = query.layout().kpi_questions().unzip();
    let kpis = shared.store.answer_kpi_questions(&questions, at).await?;
    let seen = windows.iter().map(|window| {
        if !window.account.is_empty() || !there.contains(&window.contact) {
            return None;
        }
        let matching = lists.remove(&window.contact).unwrap_or_default();
        let mut facts = Facts {
            account: String::new(),
            contact: window.contact.clone(),
            as_of: at,
            layout: Arc::clone(query.layout()),
            values: vec![Value::Null; query.layout().cells().len()],
            matching: portfolio.matching.is_some().then_some(matching),
        };
        for (place, value) in kpi_places.iter().zip(&kpis) {
            facts.values[*place] = value.map_or(Value::Null, Value::Float);
        }
        Some(match &population {
            Some(cells) => cells.fill(facts, &figures),
            None => facts,
        })
    });
    Ok(seen.collect())
}

/// The accounts that match at an instant, by CSM; by the empty text where all are one.
/// They are decided off the async threads.
async fn lists(
    shared: &Shared,
    loaded: &Arc<Loaded>,
    matching: &FactQuery,
    at: Instant,
    budget: Option<&Arc<EvaluationBudget>>,
) -> anyhow::Result<BTreeMap<String, Arc<Matching>>> {
    let mut gathered = MatchingAccounts::default();
    let mut scan = facts::scan(shared.store.customers_pool(), matching, at).await?;
    let done = loop {
        let chunk = scan.next().await?;
        if chunk.is_empty() {
            break Ok(());
        }
        let (with, budget) = (loaded.clone(), budget.cloned());
        let looked = tokio::task::spawn_blocking(move || {
            let spent = look_at(&mut gathered, &with.ready, chunk, budget.as_deref());
            (gathered, spent)
        });
        let spent;
        (gathered, spent) = looked.await?;
        if spent.is_err() {
            break spent;
        }
    };
    scan.close().await?;
    done?;
    Ok(gathered.finish(&loaded.ready))
}

/// Looks at some accounts, as long as a budget lasts.
fn look_at(
    gathered: &mut MatchingAccounts,
    playbook: &ReadyPlaybook,
    chunk: Vec<Facts>,
    budget: Option<&EvaluationBudget>,
) -> Result<(), BudgetSpent> {
    let mut watch = WorkStopwatch::start();
    for (number, facts) in chunk.into_iter().enumerate() {
        gathered.look(playbook, facts, 1);
        if let Some(budget) = budget.filter(|_| (number + 1).is_multiple_of(BETWEEN_LOOKS)) {
            budget.spend(watch.elapsed())?;
            watch = WorkStopwatch::start();
        }
    }
    budget.map_or(Ok(()), |budget| budget.spend(watch.elapsed()))
}

/// The subjects of a playbook for the portfolio: the whole, or each CSM.
pub(crate) async fn subjects(shared: &Shared, loaded: &Loaded) -> anyhow::Result<Vec<SubjectId>> {
    let of = |contact: String| SubjectId { account: String::new(), contact };
    match &loaded.ready.portfolio {
        Some(portfolio) if portfolio.per_csm => {
            Ok(shared.store.colleagues().await?.into_iter().map(|colleague| of(colleague.csm.id)).collect())
        }
        _ => Ok(vec![of(String::new())]),
    }
}

/// The CSM whose accounts each of these subjects is, with the manager.
pub(crate) async fn people(shared: &Shared, subjects: &[&str]) -> anyhow::Result<BTreeMap<String, People>> {
    let colleagues = shared.store.colleagues().await?;
    let find = |id: &str| colleagues.iter().map(|colleague| &colleague.csm).find(|csm| csm.id == id).cloned();
    let of = |id: &&str| {
        let csm = find(id);
        let manager = csm.as_ref().and_then(|csm| find(csm.manager_id.as_deref()?));
        ((*id).to_owned(), People { contacts: Vec::new(), csm, manager })
    };
    Ok(subjects.iter().map(of).collect())
}
