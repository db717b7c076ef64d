//! Documents beside playbooks: files of the same folder whose first key names
//! another kind, such as `score:`.
//!
//! One file for each kind, holding its form and what is read of it. The list below
//! is the only other place of this folder that knows it; `catalog::documents` makes it
//! ready, `worker::documents` evaluates it. `goal` is a goal of a plan, `plan_case` what
//! cases expect of one, `report_case` likewise of a report, `figure` a figure of one, `text_by_language` a text that
//! stands as it is written, `standing` what lifecycles and tiers have in common. `kind` is what
//! all kinds have in common, `head` reads the keys that all of them have, `file` tells what a
//! file is.
//!
//! `survey` is of another nature: its file is read into a playbook, and runs as one.

use std::sync::Arc;

use chrono_tz::Tz;

use super::Source;
use super::reader::Form;
pub use super::scale::SURVEY_WORD;
use crate::diagnostic::Position;

mod definition;
mod figure;
mod file;
mod goal;
mod head;
mod kind;
mod plan_case;
mod report_case;
mod standing;
mod survey;
mod text_by_language;

pub use definition::KpiDefinition;
pub use figure::{Figure, Worth};
pub use file::{DocumentDraft, FileDraft, claimed_id, claimed_kind, read};
pub use goal::{Goal, GoalDue, GoalStart, GoalState, Milestone, MilestoneAt};
pub use head::HEAD;
pub use kind::{DocumentKind, Stage};
pub use survey::{SURVEY, Survey};

/// The first key of a playbook's file.
pub const PLAYBOOK_WORD: &str = "playbook";

/// Declares the files of this folder that hold a kind of document, and lists them.
macro_rules! documents {
    ($($name:ident => $body:ident),* $(,)?) => {
        $(mod $name;)*
        $(pub use $name::$body;)*

        /// What a document says beyond its head, by its kind.
        #[derive(Clone, Debug)]
        pub enum DocumentBody { $($body($body)),* }

        /// Every kind, in the order of help texts.
        pub static KINDS: &[&DocumentKind] = &[$(&$name::KIND),*];
    };
}

documents! {
    score => Score,
    lifecycle => Lifecycle,
    tiers => Tiers,
    plan => Plan,
    kpi => Kpi,
    report => Report,
}

pub use kpi::{KpiExpectation, KpiUnit};
pub use plan_case::{GoalExpectation, PlanExpectation};
pub use report::REPORT_WORD;
pub use report_case::{FigureExpectation, ReportExpectation};
pub use score::{Band, Factor, MissingFactor, ScoreExpectation};
pub use standing::{StandingExpectation, StandingLevel, Standings};
pub use text_by_language::TextByLanguage;

/// A document as its author wrote it, checked in form.
#[derive(Clone, Debug)]
pub struct Document {
    pub kind: &'static DocumentKind,
    /// Stable id, `[a-z0-9-]`, among playbooks and documents of all kinds.
    pub id: String,
    /// The file it came from, as it was named when it was read.
    pub file: Arc<str>,
    /// The whole text of the file.
    pub text: Arc<str>,
    /// Where its first key stands.
    pub place: Position,
    pub about: Option<String>,
    /// When it is evaluated.
    pub schedule: Source,
    /// The zone of its schedule and its dates; the configuration's when absent.
    pub timezone: Option<Tz>,
    pub body: DocumentBody,
}

/// The kind of that first key.
pub fn kind(word: &str) -> Option<&'static DocumentKind> {
    KINDS.iter().copied().find(|kind| kind.word == word)
}

/// Every first key that a file may have, a playbook's before the others.
pub fn first_keys() -> impl Iterator<Item = &'static str> + Clone {
    std::iter::once(PLAYBOOK_WORD).chain(documents().map(|(word, ..)| word))
}

/// Every kind of document: its first key, with its article for messages, and its keys.
pub fn documents() -> impl Iterator<Item = (&'static str, &'static str, &'static Form)> + Clone {
    KINDS.iter().map(|kind| (kind.word, kind.noun, kind.form)).chain([(SURVEY_WORD, SURVEY.name, &SURVEY)])
}

/// ``playbook:`, `score:``: what a file can begin with, for help texts.
pub fn listed_first_keys() -> String {
    first_keys().map(|word| format!("`{word}:`")).collect::<Vec<_>>().join(", ")
}
