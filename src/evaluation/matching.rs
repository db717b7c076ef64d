//! The accounts that a playbook for the portfolio lists: those for which its
//! `matching` holds, of all or of each CSM, in their order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{ReadyMatching, ReadyPlaybook, ReadyPortfolio};
use crate::facts::{Facts, Matching, Value};
use crate::rule::{Context, Verdict};

/// Gathers them, account by account, in memory that does not grow with their number.
#[derive(Debug, Default)]
pub struct MatchingAccounts {
    by_csm: BTreeMap<String, Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    members: Vec<Member>,
    count: usize,
}

#[derive(Debug)]
struct Member {
    /// What they are sorted by; without a value they come last.
    order: Option<f64>,
    name: String,
    facts: Arc<Facts>,
}

impl MatchingAccounts {
    /// Looks at an account of a playbook, or at so many that are the same. One that cannot
    /// be decided is not listed.
    pub fn look(&mut self, playbook: &ReadyPlaybook, facts: Facts, times: usize) {
        let Some((portfolio, matching)) = listing(playbook) else { return };
        let text = |name: &str| match facts.column(name) {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        let (status, name, csm) = (text("status"), text("name"), text("csm_id"));
        if !playbook.playbook.statuses.contains(&status) || (portfolio.per_csm && csm.is_empty()) {
            return;
        }
        let context = Context { facts: Arc::new(facts), progress: None, zone: playbook.zone };
        if matching.rule.verdict(&playbook.sandbox, &context) != Verdict::True {
            return;
        }
        let order = matching.order.as_ref();
        let order = order.and_then(|order| order.factor(&playbook.sandbox, &context).ok().flatten());
        let whose = if portfolio.per_csm { csm } else { String::new() };
        let gathered = self.by_csm.entry(whose).or_default();
        gathered.count += times;
        for _ in 0..times.min(matching.limit) {
            gathered.members.push(Member { order, name: name.clone(), facts: Arc::clone(&context.facts) });
        }
        if gathered.members.len() >= matching.limit * 2 + 100 {
            gathered.shorten(matching.limit);
        }
    }

    /// The lists, by the CSM's id; by the empty text where all are one.
    pub fn finish(self, playbook: &ReadyPlaybook) -> BTreeMap<String, Arc<Matching>> {
        let limit = listing(playbook).map_or(0, |(_, matching)| matching.limit);
        let list = |mut gathered: Gathered| {
            gathered.shorten(limit);
            let members = gathered.members.into_iter().map(|member| member.facts).collect();
            Arc::new(Matching { members, count: gathered.count })
        };
        self.by_csm.into_iter().map(|(csm, gathered)| (csm, list(gathered))).collect()
    }
}

/// What a playbook lists, and of whom.
fn listing(playbook: &ReadyPlaybook) -> Option<(&ReadyPortfolio, &ReadyMatching)> {
    let portfolio = playbook.portfolio.as_ref()?;
    Some((portfolio, portfolio.matching.as_ref()?))
}

impl Gathered {
    fn shorten(&mut self, limit: usize) {
        self.members.sort_by(|one, other| {
            let larger = match (one.order, other.order) {
                (Some(one), Some(other)) => other.total_cmp(&one),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            larger.then_with(|| one.name.cmp(&other.name)).then_with(|| one.facts.account.cmp(&other.facts.account))
        });
        self.members.truncate(limit);
    }
}
