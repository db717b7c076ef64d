//! Whether a condition finds nobody, or nearly everybody.

use super::{FEWEST, Lint, PATIENCE};
use crate::diagnostic::Diagnostic;
use crate::enrollment::{Admission, History, Skip, admit};
use crate::facts::inventory::grouped;
use crate::rule::Predicate;
use crate::store::customers::facts::FactQuery;

/// From this share on it is nearly everybody.
const NEARLY_ALL: f64 = 0.95;

/// Who matches at this moment, as far as it was looked at.
#[derive(Clone, Debug, Default)]
struct Audience {
    matching: u64,
    undecided: u64,
    /// Why the first one could not be decided.
    reason: Option<String>,
}

impl Lint<'_> {
    /// Warns where nobody matches, unless that `is_explained` or somebody has
    /// entered before, and where nearly everybody does. `None` when the time
    /// did not suffice.
    pub(super) async fn audience(&self, is_explained: bool) -> anyhow::Result<Option<Vec<Diagnostic>>> {
        let playbook = &self.ready.playbook;
        if self.subjects < FEWEST || self.ready.portfolio.is_some() {
            return Ok(Some(Vec::new()));
        }
        let kept = self.ready.when.prefilter().map_or(&Predicate::Always, |prefilter| &prefilter.predicate);
        let Some(query) = self.query(&self.ready.entry_layout, kept) else { return Ok(Some(Vec::new())) };
        let Some(audience) = self.find_audience(&query).await? else { return Ok(None) };
        let Audience { matching, undecided, reason } = audience;
        let share = matching as f64 / self.subjects as f64;
        let (matching, subjects) = (grouped(matching), grouped(self.subjects.unsigned_abs()));
        let (message, help) = if share == 0.0 {
            if is_explained || self.question.store.has_enrolled(&playbook.id).await? {
                return Ok(Some(Vec::new()));
            }
            let mut message = format!("none of the {subjects} {} in `statuses` matches now", self.noun());
            if let Some(reason) = reason {
                message.push_str(&format!(", and {} cannot be decided: {reason}", grouped(undecided)));
            }
            (message, "does the store say it otherwise? `keepwell facts --store` lists names and attributes")
        } else if share >= NEARLY_ALL {
            let message = format!("{matching} of the {subjects} {} in `statuses` match now", self.noun());
            (message, "is a clause missing, or turned round? `keepwell plan` lists who matches")
        } else {
            return Ok(Some(Vec::new()));
        };
        Ok(Some(vec![playbook.when.warning("KW0703", 1, 1, message).help(help)]))
    }

    /// Decides about everybody as the first run would; `None` when the time did
    /// not suffice.
    async fn find_audience(&self, query: &FactQuery) -> anyhow::Result<Option<Audience>> {
        let mut audience = Audience::default();
        let mut scan =
            query.walk().start_within(self.question.store.customers_pool(), self.question.now, None, PATIENCE).await?;
        loop {
            let chunk = scan.next().await?;
            if chunk.is_empty() {
                scan.close().await?;
                return Ok(Some(audience));
            }
            if self.deadline.has_passed() {
                scan.close().await?;
                return Ok(None);
            }
            let (ready, calendar) = (self.ready.clone(), self.question.calendar.clone());
            audience = tokio::task::spawn_blocking(move || {
                for facts in chunk {
                    match admit(&ready, facts, &History::default(), &calendar).admission {
                        Admission::NotCandidate | Admission::Skip(Skip::Stopped | Skip::Ended(_)) => {}
                        Admission::Skip(Skip::Undecided(error)) => {
                            audience.undecided += 1;
                            audience.reason.get_or_insert_with(|| error.to_string());
                        }
                        Admission::Enroll(_) | Admission::Skip(_) => audience.matching += 1,
                    }
                }
                audience
            })
            .await?;
        }
    }
}
