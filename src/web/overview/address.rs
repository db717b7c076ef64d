//! Addresses of an overview, and of the lists behind its figures.

use axum::http::StatusCode;
use serde::Deserialize;

use super::period::Period;
use crate::clock::Instant;
use crate::playbook::calendar::local_date;
use crate::store::views::web::{AccountDate, AccountOwner, Segment};
use crate::web::WebState;
use crate::web::page::{Trouble, href};
use crate::web::task_view::UNASSIGNED;
use crate::web::today::EVERYBODY;

/// What the page is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::web) struct OverviewQuery {
    /// `month` or `quarter`.
    #[serde(default)]
    pub period: String,
    /// A month in it, such as `2026-11`.
    #[serde(default)]
    pub at: String,
    #[serde(default)]
    pub tier: String,
    /// A CSM's id, or `unassigned`.
    #[serde(default)]
    pub csm: String,
}

/// What an overview is of.
#[derive(Clone, Debug)]
pub(super) struct OverviewAddress {
    pub period: Period,
    pub segment: Segment,
}

impl OverviewAddress {
    /// The CSM as an address says it.
    pub fn csm(&self) -> Option<&str> {
        match &self.segment.owner {
            AccountOwner::Anybody => None,
            AccountOwner::Nobody => Some(UNASSIGNED),
            AccountOwner::Csm(id) => Some(id),
        }
    }

    fn segment_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = [("tier", self.segment.tier.as_deref()), ("csm", self.csm())];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// The page at this path, of the same segment and of this period.
    pub fn at(&self, path: &str, period: Period) -> String {
        let month = period.word();
        let mut pairs = vec![("period", period.kind.word()), ("at", month.as_str())];
        pairs.extend(self.segment_pairs());
        href(path, &pairs)
    }

    /// The accounts of the segment that fit these pairs, too.
    pub fn accounts(&self, more: &[(&str, &str)]) -> String {
        href("/accounts", &self.segment_pairs().chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// The accounts of the segment of whom a date lies in a period and that fit these pairs.
    pub fn accounts_of(&self, date: AccountDate, period: Period, more: &[(&str, &str)]) -> String {
        self.accounts_between(date, (period, period), more)
    }

    /// The accounts of the segment that have not left and of whom a date lies in the
    /// periods from one to another.
    pub fn accounts_until(&self, date: AccountDate, from: Period, until: Period) -> String {
        self.accounts_between(date, (from, until), &[("left", "no")])
    }

    fn accounts_between(&self, date: AccountDate, (from, until): (Period, Period), more: &[(&str, &str)]) -> String {
        let (since, until) = (from.first.to_string(), until.last().to_string());
        let mut pairs = vec![("date", date.word()), ("since", since.as_str()), ("until", until.as_str())];
        pairs.extend(more);
        self.accounts(&pairs)
    }

    /// The open tasks of somebody, else those of the segment, that fit these pairs, too.
    pub fn open_tasks(&self, csm: Option<&str>, more: &[(&str, &str)]) -> String {
        let csm = csm.or(self.csm()).unwrap_or(EVERYBODY);
        let tier = self.segment.tier.as_deref().map(|tier| ("tier", tier));
        href("/", &[("csm", csm)].into_iter().chain(tier).chain(more.iter().copied()).collect::<Vec<_>>())
    }
}

/// What an address that nobody here wrote gets.
pub(super) fn unreadable() -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from the overview.")
}

impl OverviewQuery {
    pub(super) fn address(self, web: &WebState, now: Instant) -> Result<OverviewAddress, Trouble> {
        let period = Period::read(&self.period, &self.at, local_date(now, web.zone)).ok_or_else(unreadable)?;
        let owner = match self.csm.as_str() {
            "" => AccountOwner::Anybody,
            UNASSIGNED => AccountOwner::Nobody,
            id => AccountOwner::Csm(id.to_owned()),
        };
        let tier = Some(self.tier).filter(|tier| !tier.is_empty());
        Ok(OverviewAddress { period, segment: Segment { tier, owner } })
    }
}
