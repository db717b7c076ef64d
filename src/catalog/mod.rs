//! From checked files to playbooks that are ready to decide.
//!
//! - `ready` is what the engine runs: rules, a program of steps, layouts of cells.
//! - `compile` makes it from one parsed playbook.
//! - `portfolio` is what a playbook about all accounts is about.
//! - `program` turns the tree of steps into positions with explicit successors.
//! - `step_names` says what functions and labels the steps are named for.
//! - `shipped` are the playbooks in the program, to begin a new one with.
//! - `json_schema` writes what editors need of all keys and names.
//! - `condition` is one condition by itself, outside any playbook.
//! - `documents` are the files of other kinds, ready.
//! - `across` finds what playbooks say wrongly about each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::action;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::Schema;
use crate::playbook::document::{self, Document, DocumentBody, FileDraft, Survey};
use crate::playbook::parse::{self, Draft, IdClaim};
use crate::playbook::source::{SourceFile, SourceSet};
use crate::playbook::{Playbook, renaming};
use crate::rule::{Modules, Neighbours};
use crate::side_by_side::side_by_side;

mod across;
mod compile;
mod condition;
pub mod documents;
pub mod json_schema;
mod portfolio;
mod program;
mod ready;
pub mod shipped;
mod step_names;

pub use compile::{compile, revision};
pub use condition::Condition;
pub use documents::ReadyDocument;
pub use portfolio::{ReadyMatching, ReadyPortfolio};
pub use ready::{ReadyBody, ReadyPlaybook, ReadyReentry, ReadyStep, ReadyTrigger, ReadyWait, ReadyWaitOn};
use step_names::{own_scores, set_labels};

/// Reads one playbook, whose steps may be of every kind. It is returned only
/// if nothing is wrong with its form.
pub fn parse(file: &SourceFile, problems: &mut Vec<Diagnostic>) -> Option<Playbook> {
    draft(file, problems).filter(|draft| draft.is_whole).map(|draft| draft.playbook)
}

/// Reads as much of a file as can be read, whatever its kind.
pub fn read(file: &SourceFile, problems: &mut Vec<Diagnostic>) -> Option<FileDraft> {
    document::read(file, &action::forms(), problems)
}

/// Reads as much of a playbook as can be read; `None` for a document.
pub fn draft(file: &SourceFile, problems: &mut Vec<Diagnostic>) -> Option<Draft> {
    match read(file, problems)? {
        FileDraft::Playbook(draft) => Some(*draft),
        FileDraft::Document(_) => None,
    }
}

/// Everything that files say, ready.
#[derive(Debug)]
pub struct Catalog {
    pub playbooks: Vec<Arc<ReadyPlaybook>>,
    pub documents: Vec<Arc<ReadyDocument>>,
    /// Everything that is wrong with all files.
    pub problems: Vec<Diagnostic>,
    /// What authors can name: the store's, and what documents find beside it.
    pub schema: Schema,
}

/// What stands in files beside those that are read, and may be named.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// Ids of playbooks.
    pub playbooks: Vec<String>,
    /// Documents, mistakes or not.
    pub documents: Vec<Document>,
    /// Surveys, mistakes or not.
    pub surveys: Vec<Arc<Survey>>,
    /// The scores that answers to steps' own questions are.
    pub own_scores: BTreeSet<&'static str>,
}

impl Elsewhere {
    /// Of further files.
    pub fn of(sources: &SourceSet) -> Elsewhere {
        let (mut documents, mut surveys, mut scores) = (Vec::new(), Vec::new(), BTreeSet::new());
        for draft in sources.playbooks.iter().filter_map(|file| read(file, &mut Vec::new())) {
            match draft {
                FileDraft::Document(draft) => documents.push(draft.document),
                FileDraft::Playbook(draft) => {
                    scores.extend(own_scores(&draft.playbook.steps));
                    surveys.extend(draft.playbook.survey);
                }
            }
        }
        Elsewhere { playbooks: claimed_ids(sources), documents, surveys, own_scores: scores }
    }
}

/// The same as [`load_all`], of playbooks alone; `others` are ids of further playbooks.
pub fn load(
    sources: &SourceSet,
    others: &[String],
    config: &Config,
    schema: &Schema,
) -> (Vec<Arc<ReadyPlaybook>>, Vec<Diagnostic>) {
    let elsewhere = Elsewhere { playbooks: others.to_vec(), ..Elsewhere::default() };
    let catalog = load_all(sources, &elsewhere, config, schema);
    (catalog.playbooks, catalog.problems)
}

/// Reads, checks and compiles every file. Playbooks and documents with errors are left out;
/// everything wrong with all of them is in the diagnostics.
pub fn load_all(sources: &SourceSet, elsewhere: &Elsewhere, config: &Config, schema: &Schema) -> Catalog {
    let others = &elsewhere.playbooks;
    let mut problems = sources.problems.clone();
    let modules = modules(sources, &mut problems);
    let sandbox = Arc::new(modules.sandbox(&config.seasons));
    let (mut parsed, mut broken) = (Vec::new(), Vec::new());
    let (mut documents, mut broken_documents) = (Vec::new(), Vec::new());
    let drafts = side_by_side(&sources.playbooks, |file| with_problems(|problems| read(file, problems)));
    for (draft, more) in drafts {
        problems.extend(more);
        match draft {
            Some(FileDraft::Playbook(draft)) if draft.is_whole => parsed.push(draft.playbook),
            Some(FileDraft::Playbook(draft)) => broken.push(draft.playbook),
            Some(FileDraft::Document(draft)) if draft.is_whole => documents.push(draft.document),
            Some(FileDraft::Document(draft)) => broken_documents.push(draft.document),
            None => {}
        }
    }
    let all_documents: Vec<&Document> = documents.iter().chain(&broken_documents).collect();
    let schema = documents::schema_beside(schema, all_documents.iter().copied().chain(&elsewhere.documents));
    let claims = parsed.iter().chain(&broken).map(IdClaim::from);
    let shared = parse::check_across(claims.chain(all_documents.iter().copied().map(IdClaim::from)), &mut problems);
    let mut ids: Vec<String> = parsed.iter().map(|playbook| playbook.id.clone()).collect();
    // A playbook that another file names is not unknown because it has an error itself.
    ids.extend(claimed_ids(sources));
    let whole = parsed.len() + broken.len() + all_documents.len() == sources.playbooks.len()
        && others.iter().all(|other| ids.contains(other));
    let labels = parsed.iter().chain(&broken).map(|playbook| set_labels(&playbook.steps, &sandbox));
    let labels: Option<Vec<BTreeSet<String>>> = labels.collect();
    ids.extend_from_slice(others);
    renaming::check_across(parsed.iter().chain(&broken), &ids, &mut problems);
    let surveys = parsed.iter().chain(&broken).filter_map(|playbook| playbook.survey.clone());
    let mut surveys: Vec<Arc<Survey>> = surveys.collect();
    let besides = elsewhere.surveys.iter().filter(|one| !surveys.iter().any(|other| other.id == one.id));
    surveys.extend(besides.cloned().collect::<Vec<_>>());
    let scores = parsed.iter().chain(&broken).flat_map(|playbook| own_scores(&playbook.steps));
    let own_scores = scores.chain(elsewhere.own_scores.iter().copied()).collect();
    let is_report = |document: &&Document| matches!(document.body, DocumentBody::Report(_));
    let beside = elsewhere.documents.iter().filter(|one| !all_documents.iter().any(|other| other.id == one.id));
    let reports = documents.iter().chain(beside).filter(is_report).cloned().map(Arc::new).collect();
    let neighbours = Neighbours {
        surveys,
        own_scores,
        reports,
        playbooks: Some(ids),
        labels: labels.filter(|_| whole).map(|labels| labels.into_iter().flatten().collect()),
        documents: (whole || !elsewhere.documents.is_empty()).then(|| {
            let beside = elsewhere.documents.iter().filter(|one| !all_documents.iter().any(|other| other.id == one.id));
            all_documents.iter().copied().chain(beside).cloned().collect()
        }),
    };
    let mut ready: Vec<Arc<ReadyPlaybook>> = Vec::new();
    let compiled = side_by_side(parsed, |playbook| {
        with_problems(|problems| compile(playbook, &modules, &sandbox, config, &schema, &neighbours, problems))
    });
    for (playbook, more) in compiled {
        problems.extend(more);
        ready.extend(playbook.filter(|playbook| !shared.contains(&playbook.playbook.id)).map(Arc::new));
    }
    across::check(&ready, config, &neighbours, &mut problems);
    let mut ready_documents: Vec<Arc<ReadyDocument>> = Vec::new();
    for document in documents {
        let is_taken = shared.contains(&document.id);
        let compiled = documents::compile(document, &modules, &sandbox, config, &schema, &neighbours, &mut problems);
        ready_documents.extend(compiled.filter(|_| !is_taken).map(Arc::new));
    }
    documents::check_across(&ready_documents, &mut problems);
    // What is wrong in form has been said; this is what else is wrong. A step
    // that could not be read is no reason to say that it does not exist.
    for playbook in broken {
        let mut more = Vec::new();
        compile(playbook, &modules, &sandbox, config, &schema, &neighbours, &mut more);
        problems.extend(more.into_iter().filter(|problem| problem.code != "KW0107"));
    }
    for document in broken_documents {
        documents::compile(document, &modules, &sandbox, config, &schema, &neighbours, &mut problems);
    }
    problems.sort();
    problems.dedup();
    name_cutting_remarks(&mut problems);
    Catalog { playbooks: ready, documents: ready_documents, problems, schema }
}

/// What the work gives, with the problems that it found.
fn with_problems<T>(work: impl FnOnce(&mut Vec<Diagnostic>) -> T) -> (T, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let done = work(&mut problems);
    (done, problems)
}

/// Says of half an expression that a remark cut it: what else could be advised
/// would make a whole of the half.
fn name_cutting_remarks(problems: &mut [Diagnostic]) {
    let remarks: Vec<Diagnostic> =
        problems.iter().filter(|problem| problem.code == "KW0007" && !problem.is_error()).cloned().collect();
    for problem in problems.iter_mut().filter(|problem| problem.code == "KW0204") {
        let same_value = |remark: &&Diagnostic| remark.file == problem.file && remark.line == problem.line;
        if let Some(remark) = remarks.iter().find(same_value) {
            problem.help = remark.help.as_ref().map(|help| format!("the rest of it became a remark: {help}"));
        }
    }
}

/// Compiles the script modules of a source set.
pub fn modules(sources: &SourceSet, problems: &mut Vec<Diagnostic>) -> Modules {
    let scripts = sources.scripts.iter().map(|script| (script.module.as_str(), &*script.path, &*script.text));
    Modules::compile(scripts, problems)
}

/// The ids of playbooks that the files claim, whether or not they can be used.
pub fn claimed_ids(sources: &SourceSet) -> Vec<String> {
    let playbooks = sources.playbooks.iter().filter(|file| document::claimed_kind(&file.text).is_none());
    playbooks.filter_map(|file| claimed_id(&file.text)).collect()
}

/// The id a file claims, of whatever kind, read without understanding the rest of it.
pub fn claimed_id(text: &str) -> Option<String> {
    document::claimed_id(text)
}
