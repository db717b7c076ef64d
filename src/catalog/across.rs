//! What playbooks that are whole say wrongly about each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ready::{ReadyBody, ReadyPlaybook};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::facts::{Arg, Cell, CellPath, Subject};
use crate::playbook::Step;
use crate::rule::Neighbours;

/// Reports it. The neighbours are all playbooks, those included that could not
/// be read.
pub(super) fn check(
    playbooks: &[Arc<ReadyPlaybook>],
    config: &Config,
    neighbours: &Neighbours,
    problems: &mut Vec<Diagnostic>,
) {
    for other in config.guardrails.yields_to.iter().flatten() {
        let id = other.text.trim();
        if neighbours.lacks(id) {
            let mut problem = other.error("KW0108", 1, 1, format!("`yields_to` names \"{id}\", which is no playbook"));
            let near = nearest(id, neighbours.ids());
            problem.help = near.map(|near| format!("did you mean \"{near}\"?"));
            problems.push(problem);
        }
    }
    let by_id: BTreeMap<&str, &ReadyPlaybook> =
        playbooks.iter().map(|one| (one.playbook.id.as_str(), one.as_ref())).collect();
    for playbook in by_id.values() {
        check_suppression(playbook, &by_id, problems);
        check_questions_about_contacts(playbook, &by_id, problems);
        check_entries(playbook, &playbook.playbook.steps, &by_id, problems);
    }
}

/// Playbooks that each end where the other is, and one that ends itself.
fn check_suppression(playbook: &ReadyPlaybook, by_id: &BTreeMap<&str, &ReadyPlaybook>, problems: &mut Vec<Diagnostic>) {
    let (Some(source), own) = (&playbook.playbook.suppress, &playbook.playbook.id) else { return };
    for other in suppressing(playbook) {
        if other == *own {
            let message = "this playbook keeps itself out: it ends as `blocked` at its first recheck";
            let help = "an account is never in the same playbook twice at one time";
            problems.push(source.warning("KW0218", 1, 1, message).help(help));
        } else if by_id.get(other.as_str()).is_some_and(|other| suppressing(other).contains(own)) {
            let message = format!("this playbook and `{other}` each suppress the other");
            let help = "one that enters both at the same run is in neither: let one of them go first";
            problems.push(source.warning("KW0218", 1, 1, message).help(help));
        }
    }
}

/// The playbooks whose accounts its own `suppress` asks about.
fn suppressing(playbook: &ReadyPlaybook) -> Vec<String> {
    let own = playbook.playbook.suppress.as_ref().and(playbook.suppress.first());
    own.into_iter()
        .flat_map(|rule| rule.cells())
        .filter_map(|cell| Some(playbook_named_by(cell, "in_playbook")?.to_owned()))
        .collect()
}

/// The playbook that a call names, if it is that function's.
fn playbook_named_by<'c>(cell: &'c Cell, name: &str) -> Option<&'c str> {
    match &cell.path {
        CellPath::Call { function, args } if *function == name => match args.first() {
            Some(Arg::Text(id)) => Some(id),
            _ => None,
        },
        _ => None,
    }
}

/// What is asked of a contact about a playbook that enrolls accounts.
fn check_questions_about_contacts(
    playbook: &ReadyPlaybook,
    by_id: &BTreeMap<&str, &ReadyPlaybook>,
    problems: &mut Vec<Diagnostic>,
) {
    let written = &playbook.playbook;
    let sources = [Some(&written.when), written.goal.as_ref(), written.exit.as_ref(), written.suppress.as_ref()];
    let mut said = Vec::new();
    for cell in playbook.entry_layout.cells().iter().chain(playbook.step_layout.cells()) {
        let functions = ["in_playbook", "reached_goal", "days_since_playbook"];
        let found = functions.iter().find_map(|name| Some((*name, playbook_named_by(cell, name)?)));
        let Some((name, id)) = found.filter(|_| cell.subject == Subject::Contact && !said.contains(&cell)) else {
            continue;
        };
        if by_id.get(id).is_some_and(|other| Subject::from(other.playbook.subject) == Subject::Account) {
            said.push(cell);
            let message = format!("no contact is ever in \"{id}\", which enrolls accounts");
            let help = format!("ask the account: `account.{name}(\"{id}\")`");
            let quoted = format!("\"{id}\"");
            let place = sources.iter().flatten().find(|source| source.text.contains(&quoted));
            let problem = match place {
                Some(source) => source.warning("KW0108", 1, 1, message),
                None => Diagnostic::warning("KW0108", &written.file, written.place, message),
            };
            problems.push(problem.help(help));
        }
    }
}

/// Steps that take an account to a playbook for contacts.
fn check_entries(
    playbook: &ReadyPlaybook,
    steps: &[Step],
    by_id: &BTreeMap<&str, &ReadyPlaybook>,
    problems: &mut Vec<Diagnostic>,
) {
    if Subject::from(playbook.playbook.subject) == Subject::Contact {
        return;
    }
    for step in &playbook.steps {
        let ReadyBody::Action(action) = &step.body else { continue };
        let Some(other) = action.enrolls().and_then(|id| by_id.get(id)) else { continue };
        if Subject::from(other.playbook.subject) == Subject::Contact {
            let at = place(steps, &step.id).unwrap_or(playbook.playbook.place);
            let message = format!("an account cannot enter `{}`, which enrolls contacts", other.playbook.id);
            let help = "its own `when` finds the contacts; or let a playbook for contacts enroll them";
            problems.push(Diagnostic::warning("KW0108", &playbook.playbook.file, at, message).help(help));
        }
    }
}

/// Where a step stands.
fn place(steps: &[Step], id: &str) -> Option<Position> {
    Step::walk(steps).into_iter().find(|step| step.id == id).map(|step| step.place)
}
