//! What a playbook for the portfolio is about, ready to be asked.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::action::{self, Reads};
use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, Layout, Subject};
use crate::playbook::portfolio::Matching;
use crate::playbook::{Playbook, Step};
use crate::rule::{self, Modules, Rule, Sandbox, Scope, View, Wanted};

/// What it is about.
#[derive(Debug)]
pub struct ReadyPortfolio {
    /// Whether each CSM is a subject of its own.
    pub per_csm: bool,
    pub matching: Option<ReadyMatching>,
}

/// The accounts that its texts list.
#[derive(Debug)]
pub struct ReadyMatching {
    pub rule: Rule,
    /// A number: the largest first.
    pub order: Option<Rule>,
    pub limit: usize,
    /// What is read of each account.
    pub layout: Arc<Layout>,
}

/// The rules of `matching`, before it is known what texts read of each account.
pub(super) struct MatchingRules {
    rule: Rule,
    order: Option<Rule>,
    limit: usize,
}

impl MatchingRules {
    /// Canonical texts of what is present in each account that matches.
    pub fn proves(&self) -> HashSet<String> {
        self.rule.proves().clone()
    }

    /// With what texts read of each account.
    pub fn finish(self, mut read: BTreeSet<Cell>) -> ReadyMatching {
        read.extend(self.rule.cells().iter().cloned());
        read.extend(self.order.iter().flat_map(|order| order.cells()).cloned());
        read.extend(["id", "name", "status", "csm_id"].map(|column| Cell::column(Subject::Account, column)));
        let MatchingRules { rule, order, limit } = self;
        let mut layout = Layout::of(Subject::Account);
        layout.merge(&read.into_iter().collect::<Vec<_>>());
        ReadyMatching { rule, order, limit, layout: Arc::new(layout) }
    }
}

/// Compiles `matching`; `None` means that `problems` got an error about it.
pub(super) fn matching_rules(
    matching: &Matching,
    scope: &Scope<'_>,
    modules: &Modules,
    sandbox: &Sandbox,
    problems: &mut Vec<Diagnostic>,
) -> Option<MatchingRules> {
    let of_account = Scope { view: View::Subject, ..scope.clone() };
    let rule = rule::compile(&matching.condition, Wanted::Verdict, &of_account, modules, sandbox, problems);
    let order = match &matching.order {
        None => Some(None),
        Some(order) => rule::compile(order, Wanted::Factor, &of_account, modules, sandbox, problems).map(Some),
    };
    Some(MatchingRules { rule: rule?, order: order?, limit: matching.limit })
}

/// Reports steps that are about one account.
pub(super) fn check_steps(playbook: &Playbook, problems: &mut Vec<Diagnostic>) {
    let suits = |step: &&Step| action::kind(&step.kind).is_none_or(|kind| kind.suits_portfolio());
    for step in Step::walk(&playbook.steps).into_iter().filter(|step| !suits(step)) {
        let message = format!("a playbook `for: portfolio` has no step `{}`: it is not about one account", step.kind);
        let known = action::KINDS.iter().filter(|kind| kind.suits_portfolio());
        let known: Vec<String> = known.map(|kind| format!("`{}`", kind.name())).collect();
        let help = format!("its steps are {}", known.join(", "));
        problems.push(Diagnostic::error("KW0113", &playbook.file, step.place, message).help(help));
    }
}

/// Leaves what is asked about all accounts together.
pub(super) fn keep_figures(reads: &mut Reads) {
    reads.cells.retain(|cell| cell.path.is_about_all());
}
