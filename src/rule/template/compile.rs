//! From a template's text to what prints it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compiler::{TemplateScope, TextCompiler};
use super::escape::Escape;
use super::node::{Compiled, Node, Template};
use super::placeholder;
use super::split::{self, Piece, UNREADABLE};
use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

/// The longest template, in bytes.
const LONGEST_SOURCE: usize = 64 * 1024;

impl Template {
    /// Reads and checks a template. All findings come together; the template
    /// is there exactly when none of them is an error.
    pub fn compile(source: &Source, scope: &TemplateScope, escape: Escape) -> (Option<Template>, Vec<Diagnostic>) {
        if source.text.len() > LONGEST_SOURCE {
            let problem = source.error(UNREADABLE, 1, 1, "the template is too long");
            return (None, vec![problem.help("a template has at most 64 KiB")]);
        }
        let (pieces, problems) = split::split(source);
        let mut compiler = TextCompiler {
            source,
            scope,
            escape,
            before: String::new(),
            problems,
            known: scope.scope.known.clone(),
            open: Vec::new(),
            nodes: Vec::new(),
            expressions: 0,
            cells: Vec::new(),
            member_cells: Vec::new(),
            entry_columns: BTreeSet::new(),
            modules: BTreeSet::new(),
            outcomes: BTreeSet::new(),
            people: BTreeSet::new(),
        };
        for piece in pieces {
            match piece {
                Piece::Words(words) => {
                    compiler.before.push_str(words);
                    compiler.nodes.push(Node::Words(words.into()));
                }
                Piece::Print(inside) => compiler.print(inside),
                Piece::Tag { inside, open } => compiler.tag(inside, open),
            }
        }
        for open in std::mem::take(&mut compiler.open) {
            let (message, help) = match open.is_loop {
                false => ("this `{% if %}` is never closed", "end it with `{% endif %}`"),
                true => ("this `{% for %}` is never closed", "end it with `{% endfor %}`"),
            };
            compiler.error(UNREADABLE, open.at, message, Some(help));
        }
        compiler.problems.extend(placeholder::foreign(source));
        let problems = compiler.problems;
        if problems.iter().any(Diagnostic::is_error) {
            return (None, problems);
        }
        let template = Template(Arc::new(Compiled {
            nodes: compiler.nodes,
            escape,
            language: scope.language.into(),
            cells: compiler.cells,
            member_cells: compiler.member_cells,
            entry_columns: compiler.entry_columns,
            modules: compiler.modules,
            outcomes: compiler.outcomes,
            people: compiler.people,
        }));
        (Some(template), problems)
    }
}
