//! What a case gives and its playbook never reads: most often a misspelt name,
//! which makes the case prove nothing.

use std::collections::BTreeSet;

use crate::catalog::ReadyPlaybook;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::facts::{Arg, Cell, CellPath, Schema};
use crate::playbook::case::{Case, Fixtures};
use crate::playbook::reader::short;
use crate::playbook::yaml::Entry;

/// The warnings about a case. A name that is like none that the playbook asks
/// for may well be there to show that it does not count.
pub(super) fn find_unused(playbook: &ReadyPlaybook, case: &Case, schema: &Schema) -> Vec<Diagnostic> {
    let read = names_read(playbook);
    let mut found = Vec::new();
    let mut warn = |at: Position, message: String, help: String| {
        found.push(Diagnostic::warning("KW0501", &playbook.playbook.file, at, message).help(help));
    };
    let later = case.then.iter().map(|change| &change.fixtures);
    let others = case.population.iter().map(|member| &member.fixtures);
    let kpis = case.kpis.iter().chain(case.then.iter().flat_map(|change| &change.kpis));
    let kpis = kpis.map(|one| ("KPI", one.key.as_str(), one.key_place));
    let given = std::iter::once(&case.fixtures).chain(later).chain(others);
    for (what, name, at) in given.clone().flat_map(names).chain(kpis) {
        if read.contains(name) {
            continue;
        }
        if let Some(near) = nearest(name, read.iter().map(String::as_str)) {
            let message = format!("the playbook asks for no {what} `{}`", short(name));
            warn(at, message, format!("did you mean `{near}`?"));
        }
    }
    for given in given {
        let status = given.account.iter().find(|column| column.key == "status");
        if let Some(Entry { node, .. }) = status
            && let Some(text) = node.as_text()
            && !schema.statuses.is_empty()
            && !schema.statuses.iter().chain(&playbook.playbook.statuses).any(|known| known == text)
        {
            let help = match nearest(text, schema.statuses.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the statuses are {}", schema.statuses.join(", ")),
            };
            warn(node.place, format!("no account has the status `{}`", short(text)), help);
        }
    }
    found
}

/// Events, labels, scores, success plans and goals by name.
fn names(given: &Fixtures) -> impl Iterator<Item = (&'static str, &str, Position)> {
    let events = given.events.iter().map(|one| ("event", one.key.as_str(), one.key_place));
    let labels = given.labels.iter().map(|one| ("label", one.key.as_str(), one.key_place));
    let scores = given.scores.iter().flatten().filter(|column| column.key == "name");
    let scores = scores.filter_map(|one| one.node.as_text().map(|name| ("score", name, one.node.place)));
    let plans = given.plans.iter().map(|one| ("success plan", one.key.as_str(), one.key_place));
    let goals = given.goals.iter().flatten().filter_map(|one| {
        let what = match one.key.as_str() {
            "plan" => "success plan",
            "goal" => "goal",
            _ => return None,
        };
        one.node.as_text().map(|name| (what, name, one.node.place))
    });
    events.chain(labels).chain(scores).chain(plans).chain(goals)
}

/// Every name that the playbook's functions are called with.
fn names_read(playbook: &ReadyPlaybook) -> BTreeSet<String> {
    let cells = playbook.entry_layout.cells().iter().chain(playbook.step_layout.cells());
    let matching = playbook.portfolio.iter().filter_map(|portfolio| portfolio.matching.as_ref());
    let cells = cells.chain(matching.flat_map(|matching| matching.layout.cells()));
    let mut names = BTreeSet::new();
    let of_others = |cell: &Cell| match &cell.path {
        CellPath::Population(call) => call.reads().to_vec(),
        _ => vec![cell.clone()],
    };
    for cell in cells.flat_map(of_others) {
        if let CellPath::Kpi(question) = &cell.path {
            names.insert(question.id.clone());
        }
        if let CellPath::Call { args, .. } = cell.path.whenever() {
            for arg in args {
                match arg {
                    Arg::Text(name) => drop(names.insert(name.clone())),
                    Arg::Texts(all) => names.extend(all.iter().cloned()),
                    _ => {}
                }
            }
        }
    }
    names
}
