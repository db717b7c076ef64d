//! A case of a playbook for the portfolio: what is seen of all its accounts.

use std::sync::Arc;

use super::Course;
use crate::action::People;
use crate::catalog::ReadyPortfolio;
use crate::clock::Instant;
use crate::evaluation::matching::MatchingAccounts;
use crate::facts::{Facts, Layout, Matching, SubjectId, Value};
use crate::rule::functions::fold::{FoldError, fold_facts};

impl Course<'_> {
    /// What is seen of a portfolio: the figures of all its accounts, and those that match.
    pub(super) fn facts_of_portfolio(
        &self,
        portfolio: &ReadyPortfolio,
        layout: &Arc<Layout>,
        now: Instant,
    ) -> Result<Facts, FoldError> {
        let csm = self.world.people.csm.as_ref().filter(|_| portfolio.per_csm);
        let contact = csm.map_or(String::new(), |csm| csm.id.clone());
        let matching = match &portfolio.matching {
            Some(_) => Some(self.matching(&contact, now)?),
            None => None,
        };
        let mut values = vec![Value::Null; layout.cells().len()];
        for (place, question) in layout.kpi_questions() {
            values[place] = question.answer(&self.world.kpis, now);
        }
        let facts = Facts { account: String::new(), contact, as_of: now, layout: Arc::clone(layout), values, matching };
        self.population.fill(&self.world, facts, self.schema)
    }

    fn matching(&self, whose: &str, now: Instant) -> Result<Arc<Matching>, FoldError> {
        let matching = self.playbook.portfolio.as_ref().and_then(|portfolio| portfolio.matching.as_ref());
        let Some(matching) = matching else { return Ok(Arc::default()) };
        let mut gathered = MatchingAccounts::default();
        for (account, history, times) in self.population.accounts(&self.world) {
            let subject = SubjectId { account: account.to_owned(), contact: String::new() };
            let facts = fold_facts(history, &subject, &matching.layout, self.schema, now, None, None)?;
            let facts = self.population.fill(&self.world, facts, self.schema)?;
            gathered.look(self.playbook, facts, usize::try_from(times).unwrap_or(usize::MAX));
        }
        Ok(gathered.finish(self.playbook).remove(whose).unwrap_or_default())
    }

    /// All accounts together have no one CSM.
    pub(super) fn forget_people(&mut self) {
        if self.playbook.portfolio.as_ref().is_some_and(|portfolio| !portfolio.per_csm) {
            self.world.people = People::default();
        }
    }
}
