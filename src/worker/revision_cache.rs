//! Published revisions, compiled once and kept.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::documents::loaded::{self, DocumentSlot};
use crate::catalog::{self, Elsewhere, ReadyPlaybook};
use crate::config::Config;
use crate::plan_link::PlanLinks;
use crate::playbook::Playbook;
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};
use crate::rule::functions::UnknownCell;
use crate::rule::{Neighbours, Predicate};
use crate::store::customers::facts::FactQuery;
use crate::store::runs::playbooks::RevisionText;
use crate::store::{Relations, Store};

/// A revision with its queries.
#[derive(Debug)]
pub struct Loaded {
    pub ready: ReadyPlaybook,
    /// Fetches what deciding who enters needs; its walk over all accounts
    /// passes by those on which `when` cannot be true.
    pub entry: FactQuery,
    /// Fetches what every later decision needs.
    pub steps: FactQuery,
    /// Fetches what the goal reads, of those among the named on which it may
    /// hold; `None` without a goal.
    pub late_goal: Option<FactQuery>,
    /// Fetches what the accounts are asked that a playbook for the portfolio lists;
    /// its walk passes by those that cannot match.
    pub matching: Option<FactQuery>,
    /// Whether its owners were told that its conditions are slow.
    pub is_known_as_slow: AtomicBool,
}

impl Loaded {
    /// Builds the queries. An error names a cell that nothing answers.
    pub fn new(ready: ReadyPlaybook, relations: &Relations) -> Result<Loaded, UnknownCell> {
        let entry = FactQuery::keeping(ready.entry_layout.clone(), relations, &ready.necessary())?;
        let late_goal = match &ready.goal {
            None => None,
            Some(goal) => {
                let kept = goal.prefilter().map_or(&Predicate::Always, |prefilter| &prefilter.predicate);
                Some(FactQuery::among(ready.goal_layout.clone(), relations, kept)?)
            }
        };
        let steps = FactQuery::new(ready.step_layout.clone(), relations)?;
        let matching = match ready.portfolio.as_ref().and_then(|portfolio| portfolio.matching.as_ref()) {
            None => None,
            Some(matching) => {
                let kept = matching.rule.prefilter().map_or(&Predicate::Always, |prefilter| &prefilter.predicate);
                Some(FactQuery::keeping(matching.layout.clone(), relations, kept)?)
            }
        };
        Ok(Loaded { entry, steps, late_goal, matching, ready, is_known_as_slow: AtomicBool::new(false) })
    }
}

/// A revision, or why this version cannot use it.
pub type Slot = Result<Arc<Loaded>, String>;

/// The revisions this process has compiled. A revision never changes and is
/// compiled by itself, so an entry is never wrong.
#[derive(Debug, Default)]
pub struct Compiled {
    known: Mutex<HashMap<(String, String), Slot>>,
    documents: Mutex<HashMap<(String, String), DocumentSlot>>,
}

impl Compiled {
    /// A revision, compiled from its stored text. The inner error says why
    /// this version cannot use it; its enrollments are held, visibly.
    pub async fn get(&self, store: &Store, config: &Config, playbook: &str, revision: &str) -> anyhow::Result<Slot> {
        let key = (playbook.to_owned(), revision.to_owned());
        if let Some(slot) = self.lock().get(&key) {
            return Ok(slot.clone());
        }
        let Some(compiled) = compile_revision(store, config, playbook, revision).await? else {
            return Ok(Err(format!("revision {revision} of {playbook} was never published")));
        };
        let slot = compiled.map(Arc::new);
        self.lock().insert(key, slot.clone());
        Ok(slot)
    }

    /// A revision of a document, compiled from its stored text, as [`Compiled::get`]
    /// has one of a playbook.
    pub async fn document(
        &self,
        store: &Store,
        config: &Config,
        document: &str,
        revision: &str,
    ) -> anyhow::Result<DocumentSlot> {
        let key = (document.to_owned(), revision.to_owned());
        // A poisoned map is still a map of finished entries.
        let documents = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = documents().get(&key) {
            return Ok(slot.clone());
        }
        let Some(text) = store.revision_text(document, revision).await? else {
            return Ok(Err(format!("revision {revision} of {document} was never published")));
        };
        let scripts = text.modules();
        let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
        let (config, relations) = (config.clone(), store.relations().clone());
        let compiled = tokio::task::spawn_blocking(move || loaded::compile(&file, scripts, &config, &relations)).await;
        let slot = compiled.unwrap_or_else(|_| Err("compiling it failed".to_owned())).map(Arc::new);
        documents().insert(key, slot.clone());
        Ok(slot)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Slot>> {
        // A poisoned map is still a map of finished entries.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A published revision, compiled from its stored text and kept nowhere; `None`
/// where it was never published. The inner error says why this version cannot use it.
pub(crate) async fn compile_revision(
    store: &Store,
    config: &Config,
    playbook: &str,
    revision: &str,
) -> anyhow::Result<Option<Result<Loaded, String>>> {
    let Some(text) = store.revision_text(playbook, revision).await? else { return Ok(None) };
    let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
    let (config, relations) = (config.clone(), store.relations().clone());
    let links = PlanLinks::new(&config.customers_url(), store.secret().await?);
    let id = playbook.to_owned();
    let compiled = tokio::task::spawn_blocking(move || compile(id, &file, &text, &config, &relations, &links)).await;
    Ok(Some(compiled.unwrap_or_else(|_| Err("compiling it failed".to_owned()))))
}

/// Compiles a revision under the name that its playbook has now.
fn compile(
    id: String,
    file: &SourceFile,
    text: &RevisionText,
    config: &Config,
    relations: &Relations,
    links: &PlanLinks,
) -> Result<Loaded, String> {
    let mut problems = Vec::new();
    let sources = SourceSet {
        playbooks: Vec::new(),
        scripts: text
            .modules()
            .into_iter()
            .map(|(module, text)| ScriptFile { path: format!("{module}.rhai").into(), module, text: text.into() })
            .collect(),
        ..SourceSet::default()
    };
    let modules = catalog::modules(&sources, &mut problems);
    let sandbox = Arc::new(modules.sandbox_with_links(&config.seasons, links));
    // What it names of others was looked at when it was published, and may be broken or gone since.
    let named = text
        .surveys()
        .into_iter()
        .map(|(id, text)| SourceFile { path: format!("{id}.yaml").into(), text: text.into() });
    let Elsewhere { surveys, documents, .. } =
        Elsewhere::of(&SourceSet { playbooks: named.collect(), ..SourceSet::default() });
    let reports = documents.into_iter().map(Arc::new).collect();
    let neighbours = Neighbours { surveys, reports, ..Neighbours::default() };
    let schema = relations.schema.with_anything_found();
    let ready = crate::catalog::parse(file, &mut problems).and_then(|playbook| {
        let playbook = Playbook { id, ..playbook };
        catalog::compile(playbook, &modules, &sandbox, config, &schema, &neighbours, &mut problems)
    });
    let Some(ready) = ready else {
        let first = problems.iter().find(|problem| problem.is_error());
        return Err(first.map_or("it cannot be read".to_owned(), |problem| problem.message.clone()));
    };
    Loaded::new(ready, relations).map_err(|unknown| unknown.to_string())
}
