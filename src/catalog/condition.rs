//! One condition by itself, outside any playbook: of an account, as in `when`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::Elsewhere;
use super::documents::schema_beside;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Layout, Schema, Subject};
use crate::playbook::source::SourceSet;
use crate::playbook::{self, Origin, Source};
use crate::rule::{self, NamedSteps, Neighbours, Rule, Sandbox, Scope, Wanted};

/// A compiled condition with what deciding it needs.
#[derive(Debug)]
pub struct Condition {
    pub text: String,
    pub rule: Rule,
    pub layout: Arc<Layout>,
    pub sandbox: Arc<Sandbox>,
    pub zone: Tz,
}

impl Condition {
    /// Compiles a text, which `name` says the place of.
    ///
    /// # Errors
    /// What is wrong with it, in places of the text.
    pub fn compile(
        name: &str,
        text: &str,
        sources: &SourceSet,
        config: &Config,
        schema: &Schema,
    ) -> Result<Condition, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let modules = super::modules(sources, &mut Vec::new());
        let schema = &schema_beside(schema, Elsewhere::of(sources).documents.iter());
        let sandbox = Arc::new(modules.sandbox(&config.seasons));
        let origin =
            Origin { file: name.into(), start: Position { line: 1, column: 1 }, layout: playbook::Layout::Inline };
        let source = Source { text: text.into(), origin };
        let scope = Scope {
            view: Default::default(),
            schema,
            contact: false,
            in_enrollment: false,
            in_wait: false,
            statuses: &[],
            zone: config.timezone,
            named_steps: &NamedSteps::default(),
            neighbours: &Neighbours::default(),
            known: &HashSet::new(),
        };
        let rule = rule::compile(&source, Wanted::Verdict, &scope, &modules, &sandbox, &mut problems);
        let Some(rule) = rule.filter(|_| !problems.iter().any(Diagnostic::is_error)) else { return Err(problems) };
        if let Some(cell) = rule.cells().iter().find(|cell| cell.path.is_about_all()) {
            let message = format!("`{cell}` is about all accounts together, and this condition is about one at a time");
            let help = "compare with the number itself";
            return Err(vec![source.error("KW0212", 1, 1, message).help(help)]);
        }
        let cells: BTreeSet<_> = rule.cells().iter().cloned().collect();
        let mut layout = Layout::of(Subject::Account);
        layout.merge(&cells.into_iter().collect::<Vec<_>>());
        Ok(Condition { text: text.to_owned(), rule, layout: Arc::new(layout), sandbox, zone: config.timezone })
    }
}
