//! Documents beside playbooks: what is due of them is evaluated before the
//! playbooks of the same instant.
//!
//! - `scheduler`: what is due, in which order, and whom playbooks wait for;
//! - `loaded`: published documents, compiled once and kept;
//! - `definitions`: what those in force say of themselves;
//! - `figure`: the figure of a KPI at an instant, kept or only looked at;
//! - `report_view`: a report of one account that is not kept;
//! - `evaluate`: one evaluation, from its opening to its end;
//! - `walk`: all subjects of a document, a thousand at a time;
//! - `gather`: what all documents about the whole ask at an instant, in one pass;
//! - `funnel`: how many accounts stand where;
//! - `standing`: the walk of those that say where accounts stand;
//! - one file for each kind writes what it finds; the list below is the only other
//!   place of this folder that knows it.

use std::sync::Arc;

use crate::catalog::documents::ReadyBodyOfDocument;
use crate::store::documents::evaluations::{Evaluation, EvaluationTally};
use crate::worker::shared::Shared;

pub mod definitions;
pub mod evaluate;
pub mod figure;
pub mod funnel;
mod gather;
pub mod loaded;
pub mod report_view;
pub mod scheduler;
mod standing;
mod walk;

use loaded::LoadedDocument;

/// Declares the files of this folder that evaluate a kind of document.
macro_rules! documents {
    ($($name:ident: $body:ident),* $(,)?) => {
        $(mod $name;)*

        /// Evaluates a document for all its subjects, and writes what it finds. Whoever
        /// does it a second time finds what is there, and adds what is missing.
        async fn write_results(
            shared: &Arc<Shared>,
            document: &Arc<LoadedDocument>,
            evaluation: &Evaluation,
        ) -> anyhow::Result<EvaluationTally> {
            match &document.ready.body {
                $(ReadyBodyOfDocument::$body(_) => $name::write(shared, document, evaluation).await,)*
            }
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
