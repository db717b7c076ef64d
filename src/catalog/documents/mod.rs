//! Documents beside playbooks, ready to be evaluated.
//!
//! One file for each kind makes it ready; the list below is the only other place
//! of this folder that knows it. `compiler` is what they compile with, `across`
//! finds what documents say wrongly about each other, `standing` is what lifecycles and
//! tiers have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::compile::{layout, read_schedule, revision};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, Layout, Schema, Standing, Subject};
use crate::playbook::document::{Document, DocumentBody};
use crate::playbook::schedule::Schedule;
use crate::rule::functions::{plans_of, scores_of, standings_of};
use crate::rule::{Modules, Neighbours, Sandbox};

mod across;
mod compiler;
mod standing;

pub(super) use across::check as check_across;
pub use compiler::{Audience, DocumentCompiler};
pub use standing::{ReadyLevel, ReadyStandings, schema_beside};

/// Declares the files of this folder that make a kind of document ready.
macro_rules! documents {
    ($($name:ident: $body:ident => $ready:ident),* $(,)?) => {
        $(mod $name;)*
        $(pub use $name::$ready;)*

        /// What a document evaluates, by its kind.
        #[derive(Debug)]
        pub enum ReadyBodyOfDocument { $($body($ready)),* }

        fn compile_body(body: &DocumentBody, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyBodyOfDocument> {
            match body {
                $(DocumentBody::$body(body) => $name::compile(body, compiler).map(ReadyBodyOfDocument::$body),)*
            }
        }
    };
}

documents! {
    score: Score => ReadyScore,
    lifecycle: Lifecycle => ReadyLifecycle,
    tiers: Tiers => ReadyTiers,
    plan: Plan => ReadyPlan,
    kpi: Kpi => ReadyKpi,
    report: Report => ReadyReport,
}

pub use kpi::{Precondition, Record};
pub use plan::{ReadyDue, ReadyGoal};
pub use score::ReadyFactor;

/// A document whose every expression is compiled.
#[derive(Debug)]
pub struct ReadyDocument {
    pub document: Document,
    /// Hash of its text and of every script module it reaches.
    pub revision: String,
    /// The script modules it reaches, by name.
    pub scripts: BTreeMap<String, String>,
    pub zone: Tz,
    pub schedule: Schedule,
    pub sandbox: Arc<Sandbox>,
    /// Whom it is evaluated for.
    pub audience: Audience,
    /// The cells that it reads of each of them.
    pub layout: Arc<Layout>,
    pub body: ReadyBodyOfDocument,
}

impl ReadyDocument {
    /// The scores that it reads, whoever makes them.
    pub fn scores_read(&self) -> BTreeSet<&str> {
        self.layout.cells().iter().flat_map(scores_of).collect()
    }

    /// Whether it reads what another document of its stage finds at the same instant.
    pub fn waits_for(&self, other: &ReadyDocument) -> bool {
        self.document.kind.stage == other.document.kind.stage && self.reads(other)
    }

    /// Whether it reads what another document finds, of whatever stage that is.
    pub fn reads(&self, other: &ReadyDocument) -> bool {
        match &other.body {
            ReadyBodyOfDocument::Score(_) => self.scores_read().contains(other.document.id.as_str()),
            ReadyBodyOfDocument::Lifecycle(_) => self.reads_standing(Standing::Stage),
            ReadyBodyOfDocument::Tiers(_) => self.reads_standing(Standing::Tier),
            // A report shows the goals of all plans.
            ReadyBodyOfDocument::Plan(_) => {
                matches!(self.body, ReadyBodyOfDocument::Report(_)) || self.reads_plan(&other.document.id)
            }
            _ => false,
        }
    }

    fn reads_plan(&self, plan: &str) -> bool {
        let reads = |cell: &Cell| plans_of(cell).is_none_or(|plans| plans.contains(&plan));
        self.layout.cells().iter().any(reads)
    }

    fn reads_standing(&self, standing: Standing) -> bool {
        let reads = |cell: &Cell| standings_of(cell).contains(&standing);
        self.layout.cells().iter().any(reads)
    }
}

/// Compiles one document; `None` means that `problems` got an error about it.
pub fn compile(
    document: Document,
    modules: &Modules,
    sandbox: &Arc<Sandbox>,
    config: &Config,
    schema: &Schema,
    neighbours: &Neighbours,
    problems: &mut Vec<Diagnostic>,
) -> Option<ReadyDocument> {
    let before = problems.iter().filter(|problem| problem.is_error()).count();
    let zone = document.timezone.unwrap_or(config.timezone);
    let schedule = read_schedule(&document.schedule, zone, problems);
    let mut compiler = DocumentCompiler::new(&document, modules, sandbox, schema, neighbours, zone, problems);
    let body = compile_body(&document.body, &mut compiler);
    let (audience, reads) = compiler.finish();
    if problems.iter().filter(|problem| problem.is_error()).count() > before {
        return None;
    }
    let (schedule, body) = (schedule?, body?);
    let scripts: BTreeMap<String, String> = reads
        .modules
        .iter()
        .filter_map(|name| modules.text(name).map(|text| (name.clone(), text.to_owned())))
        .collect();
    Some(ReadyDocument {
        revision: revision(&document.text, &scripts, &BTreeMap::new()),
        scripts,
        zone,
        schedule,
        sandbox: sandbox.clone(),
        layout: layout(Subject::from(audience.subject), &reads.cells),
        audience,
        body,
        document,
    })
}
