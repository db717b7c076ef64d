//! What the customer store says about playbooks before they run: the warnings
//! that `check` adds where a database is named.
//!
//! - `missing_facts`: facts that are missing for everybody;
//! - `roles`: roles that nobody has now;
//! - `audience`: conditions that nobody meets, or nearly everybody;
//! - `indexes`: tables that are read from end to end for few rows.
//!
//! They read what a run reads, decide with the run's own decision, write
//! nothing, and end in time: what cannot be said by then is not said.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::ReadyPlaybook;
use crate::clock::{Deadline, Instant};
use crate::diagnostic::Diagnostic;
use crate::facts::{Inventory, Layout, Subject};
use crate::playbook::calendar::Calendar;
use crate::rule::Predicate;
use crate::store::customers::facts::FactQuery;
use crate::store::{Store, is_overdue};

mod audience;
mod indexes;
mod missing_facts;
mod roles;

/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of fewer subjects nothing is said about all of them.
const FEWEST: i64 = 20;

/// Codes that explain why nobody matches.
const REASONS: [&str; 4] = ["KW0104", "KW0210", "KW0221", "KW0701"];

/// What was found.
#[derive(Debug, Default)]
pub struct StoreWarnings {
    pub diagnostics: Vec<Diagnostic>,
    /// The ids of the playbooks of which not everything could be said in time.
    pub overdue: BTreeSet<String>,
}

/// What the store is asked with.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub store: &'a Store,
    pub calendar: &'a Calendar,
    /// What was ever seen in the store.
    pub inventory: &'a Inventory,
    pub now: Instant,
}

/// What is asked about one playbook.
struct Lint<'a> {
    question: Question<'a>,
    ready: &'a Arc<ReadyPlaybook>,
    deadline: Deadline,
    /// How many subjects of its statuses there are.
    subjects: i64,
}

/// Looks at the store for each playbook, all within `time` and a statement's
/// patience. `found` is what `check` has found already.
///
/// # Errors
/// Those of the database, but for statements that take too long.
pub async fn look(
    question: &Question<'_>,
    playbooks: &[Arc<ReadyPlaybook>],
    found: &[Diagnostic],
    time: Duration,
) -> anyhow::Result<StoreWarnings> {
    let deadline = Deadline::after(time);
    let mut warnings = StoreWarnings::default();
    let mut indexes = BTreeSet::new();
    for ready in playbooks {
        let playbook = &ready.playbook;
        let mut overdue = || {
            warnings.overdue.insert(playbook.id.clone());
        };
        if deadline.has_passed() {
            overdue();
            continue;
        }
        let subject = Subject::from(playbook.subject);
        let (store, now) = (question.store, question.now);
        let counted = store.subjects_with_status_within(subject, &playbook.statuses, now, PATIENCE).await;
        let Some(subjects) = in_time(counted.map(Some))? else {
            overdue();
            continue;
        };
        let lint = Lint { question: *question, ready, deadline, subjects };
        let mut own = Vec::new();
        for answer in [lint.missing_facts().await, lint.roles().await, lint.indexes(&mut indexes).await] {
            match in_time(answer.map(Some))? {
                Some(problems) => own.extend(problems),
                None => overdue(),
            }
        }
        let is_explained =
            found.iter().chain(&own).any(|problem| problem.file == *playbook.file && REASONS.contains(&problem.code));
        match in_time(lint.audience(is_explained).await)? {
            Some(problems) => own.extend(problems),
            None => overdue(),
        }
        warnings.diagnostics.extend(own);
    }
    Ok(warnings)
}

/// An answer; `None` where it took too long.
fn in_time<T, E: Into<anyhow::Error>>(answer: Result<Option<T>, E>) -> anyhow::Result<Option<T>> {
    match answer.map_err(Into::into) {
        Err(error) if is_overdue(&error) => Ok(None),
        answer => answer,
    }
}

impl Lint<'_> {
    /// The query for some facts of subjects; `None` where the store does not
    /// have them, which is said elsewhere.
    fn query(&self, layout: &Arc<Layout>, kept: &Predicate) -> Option<FactQuery> {
        FactQuery::keeping(layout.clone(), self.question.store.relations(), kept).ok()
    }

    /// The word for the subjects.
    fn noun(&self) -> &'static str {
        match Subject::from(self.ready.playbook.subject) {
            Subject::Account => "accounts",
            Subject::Contact => "contacts",
        }
    }
}
