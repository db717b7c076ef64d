//! Keepwell's side of a pair: playbooks as the daemon has them, and what it
//! does with them.

use std::sync::Arc;

use keepwell::catalog::{self, ReadyPlaybook};
use keepwell::clock::Instant;
use keepwell::config::Config;
use keepwell::facts::{Facts, Schema};
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rule::{Context, Verdict};
use keepwell::store::Relations;
use keepwell::store::customers::facts;
use keepwell::worker::revision_cache::Loaded;

use crate::store::{NOW, Store};

/// The instant of every evaluation.
pub fn now() -> Instant {
    NOW.parse().expect("an instant")
}

/// Playbooks with these conditions.
pub fn playbooks(conditions: &[String]) -> anyhow::Result<Vec<Arc<Loaded>>> {
    let ready = ready(conditions)?.into_iter();
    ready.map(|ready: ReadyPlaybook| Ok(Arc::new(Loaded::new(ready, &Relations::default())?))).collect()
}

/// The same without their queries.
pub fn ready(conditions: &[String]) -> anyhow::Result<Vec<ReadyPlaybook>> {
    let file = |(at, when): (usize, &String)| {
        SourceFile {
        path: format!("p{at}.yaml").into(),
        text: format!(
            "playbook: p{at}\nabout: It is measured.\nschedule: \"0 9 * * *\"\nwhen: {when}\nsteps:\n  - task: {{ title: x, to: csm }}\n"
        )
        .into(),
    }
    };
    let playbooks = conditions.iter().enumerate().map(file).collect();
    let sources = SourceSet { playbooks, ..SourceSet::default() };
    let schema = Schema::default_store();
    let (ready, problems) = catalog::load(&sources, &[], &Config::default(), &schema);
    anyhow::ensure!(ready.len() == conditions.len(), "{problems:#?}");
    let own = |ready| Arc::into_inner(ready).expect("nobody else has it");
    Ok(ready.into_iter().map(own).collect())
}

/// On how many accounts a playbook's condition is true: the walk of a run, and
/// its verdicts.
pub async fn evaluate(store: &Store, loaded: &Arc<Loaded>) -> anyhow::Result<u64> {
    evaluate_at(store, loaded, now()).await
}

/// The same at another instant.
pub async fn evaluate_at(store: &Store, loaded: &Arc<Loaded>, slot: Instant) -> anyhow::Result<u64> {
    let mut scan = facts::scan(store.keepwell.pool(), &loaded.entry, slot).await?;
    let mut found = 0;
    loop {
        let chunk = scan.next().await?;
        if chunk.is_empty() {
            break;
        }
        let loaded = Arc::clone(loaded);
        found += tokio::task::spawn_blocking(move || holding(&loaded, chunk)).await?;
    }
    scan.close().await?;
    Ok(found)
}

/// On how many of these accounts a playbook's condition is true.
pub fn holding(loaded: &Loaded, chunk: Vec<Facts>) -> u64 {
    let ready = &loaded.ready;
    let holds = |facts| {
        let context = Context { facts: Arc::new(facts), progress: None, zone: ready.zone };
        ready.when.verdict(&ready.sandbox, &context) == Verdict::True
    };
    chunk.into_iter().map(|facts| u64::from(holds(facts))).sum()
}
