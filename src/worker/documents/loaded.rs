//! Published documents, compiled once and kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog;
use crate::catalog::documents::{Audience, ReadyDocument};
use crate::config::Config;
use crate::facts::{Cell, Subject, Type};
use crate::playbook::document::{Document, FileDraft};
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};
use crate::rule::functions::UnknownCell;
use crate::rule::prefilter::predicate::{Comparison, Operand, Term};
use crate::rule::{Neighbours, Predicate};
use crate::store::Relations;
use crate::store::customers::facts::FactQuery;

/// A revision of a document with its query.
#[derive(Debug)]
pub struct LoadedDocument {
    pub ready: ReadyDocument,
    /// Fetches what evaluating it needs; its walk passes by accounts of other
    /// statuses.
    pub query: FactQuery,
}

impl LoadedDocument {
    /// Builds the query. An error names a cell that nothing answers.
    pub fn new(ready: ReadyDocument, relations: &Relations) -> Result<LoadedDocument, UnknownCell> {
        let query = FactQuery::keeping(ready.layout.clone(), relations, &of_audience(&ready.audience))?;
        Ok(LoadedDocument { ready, query })
    }
}

/// The accounts that have one of the statuses.
fn of_audience(audience: &Audience) -> Predicate {
    let left = Term { cell: Cell::column(Subject::Account, "status"), ty: Type::Text };
    Predicate::any(audience.statuses.iter().map(|status| Predicate::Compare {
        left: left.clone(),
        comparison: Comparison::Equals,
        right: Operand::Text(status.clone()),
    }))
}

/// A revision, or why this version cannot use it.
pub type DocumentSlot = Result<Arc<LoadedDocument>, String>;

/// Compiles a stored text of a document.
pub(crate) fn compile(
    file: &SourceFile,
    scripts: BTreeMap<String, String>,
    config: &Config,
    relations: &Relations,
) -> Result<LoadedDocument, String> {
    let mut problems = Vec::new();
    let scripts = scripts.into_iter();
    let scripts =
        scripts.map(|(module, text)| ScriptFile { path: format!("{module}.rhai").into(), module, text: text.into() });
    let sources = SourceSet { scripts: scripts.collect(), ..SourceSet::default() };
    let modules = catalog::modules(&sources, &mut problems);
    let sandbox = Arc::new(modules.sandbox(&config.seasons));
    let document: Option<Document> = match catalog::read(file, &mut problems) {
        Some(FileDraft::Document(draft)) if draft.is_whole => Some(draft.document),
        Some(FileDraft::Playbook(_)) => return Err("it is a playbook".to_owned()),
        _ => None,
    };
    // What it names of others was looked at when it was published.
    let (neighbours, schema) = (Neighbours::default(), relations.schema.with_anything_found());
    let ready = document.and_then(|document| {
        catalog::documents::compile(document, &modules, &sandbox, config, &schema, &neighbours, &mut problems)
    });
    let Some(ready) = ready else {
        let first = problems.iter().find(|problem| problem.is_error());
        return Err(first.map_or("it cannot be read".to_owned(), |problem| problem.message.clone()));
    };
    LoadedDocument::new(ready, relations).map_err(|unknown| unknown.to_string())
}
