//! What is seen of a playbook's subjects: of accounts and contacts what the store
//! says of each, of a portfolio what it says of all, and which accounts match.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::revision_cache::Loaded;
use super::shared::Shared;
use crate::action::People;
use crate::clock::Instant;
use crate::evaluation::matching::MatchingAccounts;
use crate::facts::{Facts, Matching, SubjectId, Value};
use crate::rule::population::PopulationCells;
use crate::store::customers::facts::{self, FactQuery, SubjectWindow};

/// The facts of named subjects of a playbook, in the same order; `None` for one
/// that does not exist.
pub(crate) async fn fetch(
    shared: &Shared,
    loaded: &Loaded,
    query: &FactQuery,
    at: Instant,
    windows: &[SubjectWindow],
) -> anyhow::Result<Vec<Option<Facts>>> {
    let pool = shared.store.customers_pool();
    let Some(portfolio) = loaded.ready.portfolio.as_ref().filter(|_| !windows.is_empty()) else {
        return Ok(facts::fetch(pool, query, at, windows).await?);
    };
    let figures = query.figures(pool, at).await?;
    let mut lists = match &loaded.matching {
        Some(matching) => lists(shared, loaded, matching, at).await?,
        None => BTreeMap::new(),
    };
    let there: HashSet<String> = subjects(shared, loaded).await?.into_iter().map(|one| one.contact).collect();
    let population = PopulationCells::of(query.layout());
    let seen = windows.iter().map(|window| {
        if !window.account.is_empty() || !there.contains(&window.contact) {
            return None;
        }
        let matching = lists.remove(&window.contact).unwrap_or_default();
        let facts = Facts {
            account: String::new(),
            contact: window.contact.clone(),
            as_of: at,
            layout: Arc::clone(query.layout()),
            values: vec![Value::Null; query.layout().cells().len()],
            matching: portfolio.matching.is_some().then_some(matching),
        };
        Some(population.as_ref().map_or_else(|| facts.clone(), |cells| cells.fill(facts.clone(), &figures)))
    });
    Ok(seen.collect())
}

/// The accounts that match at an instant, by CSM; by the empty text where all are one.
async fn lists(
    shared: &Shared,
    loaded: &Loaded,
    matching: &FactQuery,
    at: Instant,
) -> anyhow::Result<BTreeMap<String, Arc<Matching>>> {
    let Some(mut gathered) = MatchingAccounts::of(&loaded.ready) else { return Ok(BTreeMap::new()) };
    let mut scan = facts::scan(shared.store.customers_pool(), matching, at).await?;
    loop {
        let chunk = scan.next().await?;
        if chunk.is_empty() {
            break;
        }
        // A chunk is short work; what it costs altogether the statement bounds.
        chunk.into_iter().for_each(|facts| gathered.look(facts, 1));
        tokio::task::yield_now().await;
    }
    scan.close().await?;
    Ok(gathered.finish())
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
