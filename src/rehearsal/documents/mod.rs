//! The cases of documents beside playbooks: a world in memory, and what the
//! document finds in it.
//!
//! One file for each kind compares that with what a case expects; the list below is
//! the only other place of this folder that knows it. `standing` compares for those that
//! say where accounts stand.

use std::sync::Arc;

use super::fixture::Reader;
use super::population::{OtherAccount, Population};
use super::world::{Setting, World};
use super::{CaseReport, Failure, PlaybookReport, failure};
use crate::catalog::ReadyDocument;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::{Facts, History, Schema, Standing, Value};
use crate::playbook::case::DocumentCase;
use crate::playbook::document::DocumentBody;
use crate::playbook::reader::short;
use crate::rule::functions::fold::fold_facts;

/// Declares the files of this folder that play a kind of document's cases.
macro_rules! documents {
    ($($name:ident: $body:ident),* $(,)?) => {
        $(mod $name;)*

        /// Plays every case of a document.
        fn play(ready: &ReadyDocument, config: &Config, schema: &Schema) -> Vec<CaseReport> {
            match &ready.document.body {
                $(DocumentBody::$body(body) => body
                    .tests
                    .iter()
                    .map(|case| report(case, world(ready, case, config, schema), |world| $name::compare(ready, case, world)))
                    .collect(),)*
            }
        }

        /// Mistakes in the fixtures of a document's cases.
        pub fn check_document_cases(ready: &ReadyDocument, config: &Config, schema: &Schema) -> Vec<Diagnostic> {
            let mut problems = match &ready.document.body {
                $(DocumentBody::$body(body) => body
                    .tests
                    .iter()
                    .flat_map(|case| world(ready, case, config, schema).err().unwrap_or_default())
                    .collect::<Vec<_>>(),)*
            };
            problems.sort();
            problems.dedup();
            problems
        }
    };
}

documents! {
    score: Score,
    lifecycle: Lifecycle,
    tiers: Tiers,
    plan: Plan,
    kpi: Kpi,
    report: Report,
}

mod standing;

/// Plays every case of every document, in their order.
pub fn play_documents(documents: &[Arc<ReadyDocument>], config: &Config, schema: &Schema) -> Vec<PlaybookReport> {
    let of = |ready: &Arc<ReadyDocument>| PlaybookReport {
        playbook: ready.document.id.clone(),
        file: ready.document.file.clone(),
        cases: play(ready, config, schema),
    };
    documents.iter().map(of).collect()
}

/// What a document's own cases say against it: an error for each that fails, at its
/// first difference.
pub fn document_objections(ready: &ReadyDocument, config: &Config, schema: &Schema) -> Vec<Diagnostic> {
    let objection = |case: CaseReport| {
        let failure = case.failures.into_iter().next()?;
        let message = format!("the case `{}` fails: {}", short(&case.name), failure.message);
        let help = "`keepwell test` shows what happened; mend the document or the case, until then the revision before stays in force";
        Some(Diagnostic::error("KW0503", &ready.document.file, failure.place, message).help(help))
    };
    play(ready, config, schema).into_iter().filter_map(objection).collect()
}

fn report<E>(
    case: &DocumentCase<E>,
    world: Result<CaseWorld, Vec<Diagnostic>>,
    compare: impl Fn(&CaseWorld) -> Vec<Failure>,
) -> CaseReport {
    let failures = match world {
        Ok(world) => compare(&world),
        Err(problems) => problems.into_iter().map(failure).collect(),
    };
    CaseReport {
        name: case.name.clone(),
        place: case.place,
        passed: failures.is_empty(),
        failures,
        difference: Vec::new(),
        happened: Vec::new(),
    }
}

/// What a document reads in the world of a case.
struct CaseWorld {
    facts: Arc<Facts>,
    history: History,
}

impl CaseWorld {
    /// Where a document has found the account to stand before.
    fn present(&self, standing: Standing) -> Option<String> {
        match self.history.standings_by(standing, self.facts.as_of).last().map(|latest| &latest.value) {
            Some(Value::Text(id)) => Some(id.to_string()),
            _ => None,
        }
    }
}

/// What a document reads in the world of a case; or what is wrong with that.
fn world<E>(
    ready: &ReadyDocument,
    case: &DocumentCase<E>,
    config: &Config,
    schema: &Schema,
) -> Result<CaseWorld, Vec<Diagnostic>> {
    let (file, at) = (&ready.document.file, case.at.to_utc());
    let mut reader = Reader::of_file(file, case.place, at, ready.zone);
    let setting = Setting { stage: None, subject: ready.audience.subject, roles: Default::default() };
    let mut world = World::of_setting(&setting, &case.fixtures, schema, &mut reader);
    let mut others = Vec::new();
    for (number, member) in case.population.iter().enumerate() {
        let mut other = World::of_setting(&setting, &member.fixtures, schema, &mut reader);
        if other.subject.account == World::ACCOUNT {
            other.subject.account = format!("account-{}", number + 2);
        }
        other.history.touch_events.clone_from(&config.store.touch_events);
        others.push(OtherAccount { subject: other.subject, history: other.history, times: member.times });
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    world.history.touch_events.clone_from(&config.store.touch_events);
    fold_facts(&world.history, &world.subject, &ready.layout, schema, at, None, None)
        .and_then(|facts| Population::Others(others).fill(&world, facts, schema))
        .map(|facts| CaseWorld { facts: Arc::new(facts), history: world.history })
        .map_err(|error| vec![Diagnostic::error("KW0501", file, case.place, error.to_string())])
}
