//! Roles that mails go to and that nobody has now.

use super::{Lint, PATIENCE};
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::NameKind;
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Step, StepBody};

const HELP: &str = "mails to it are skipped as `no recipient`; `keepwell facts --store` lists the roles";

impl Lint<'_> {
    /// Warns of roles of mails that no contact has who is still there.
    pub(super) async fn roles(&self) -> anyhow::Result<Vec<Diagnostic>> {
        let playbook = &self.ready.playbook;
        let inventory = self.question.inventory;
        let roles: Vec<String> = self.ready.roles().into_iter().collect();
        if self.subjects == 0 || roles.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.question.store.roles_of_contacts(&roles, self.question.now, PATIENCE).await?;
        let mut found = Vec::new();
        for role in roles.iter().filter(|role| !there.contains(role)) {
            // One that was never there is said to be misspelt.
            if inventory.missing(NameKind::Role, role).is_some() {
                continue;
            }
            let at = place(&playbook.steps, role).unwrap_or(playbook.place);
            let message = format!("no contact has the role `{role}` now");
            found.push(Diagnostic::warning("KW0702", &playbook.file, at, message).help(HELP));
        }
        Ok(found)
    }
}

/// Where a role is named first as a recipient; else the step that may name it
/// in a script.
fn place(steps: &[Step], role: &str) -> Option<Position> {
    Step::walk(steps).into_iter().find_map(|step| match &step.body {
        StepBody::Action(node) => {
            let to = node.as_mapping()?.iter().find(|entry| entry.key == "to")?;
            find(&to.node, role)
        }
        _ => None,
    })
}

fn find(node: &Node, text: &str) -> Option<Position> {
    match &node.value {
        NodeValue::Text(source) if source.text.trim() == text => Some(node.place),
        NodeValue::Sequence(items) => items.iter().find_map(|item| find(item, text)),
        NodeValue::Mapping(entries) => entries.iter().find_map(|entry| find(&entry.node, text)),
        _ => None,
    }
}
