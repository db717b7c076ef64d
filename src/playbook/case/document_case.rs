//! A case of a document beside playbooks: a world, and what the document finds in
//! it at one instant.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use super::like::read_like;
use super::reader::{CaseReader, instant};
use super::{Fixtures, Member};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::reader::{Fields, Form};
use crate::playbook::yaml::{Node, NodeValue};

/// One case after `like:` has been followed.
#[derive(Clone, Debug)]
pub struct DocumentCase<E> {
    pub name: String,
    pub place: Position,
    /// The instant at which the document is evaluated.
    pub at: DateTime<FixedOffset>,
    pub fixtures: Fixtures,
    /// The accounts beside that of the case.
    pub population: Vec<Member>,
    pub expect: E,
}

/// What a value shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Expects<T> {
    pub place: Position,
    /// `None`: it shall be missing.
    pub value: Option<T>,
}

/// Reads the cases of a document, whose keys are those of `form`; `expect` reads
/// what stands behind that key.
pub(in crate::playbook) fn read_document_cases<E>(
    file: &Arc<str>,
    node: &Node,
    form: &'static Form,
    expect: impl Fn(&Node, &mut Vec<Diagnostic>) -> Option<E>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<DocumentCase<E>> {
    read_like(file, node, form, problems, |name, place, entries, problems| {
        let node = Node { place, value: NodeValue::Mapping(entries) };
        let mut fields = Fields::new(file, &node, form, problems);
        // Read already; here so that they are among the keys that a message lists.
        fields.take("name");
        fields.take("like");
        if !fields.has("at") {
            fields.missing("at");
        }
        let at = instant(&mut fields);
        let reader = CaseReader { file, steps: &[], forms: &[] };
        let fixtures = Fixtures { past: reader.past(&mut fields), ..reader.fixtures(&mut fields) };
        let population = reader.population(&mut fields);
        let expected = fields.required("expect").and_then(|node| expect(node, fields.problems()));
        let is_sound = fields.finish();
        is_sound.then_some(())?;
        Some(DocumentCase { name: name.to_owned(), place, at: at?, fixtures, population, expect: expected? })
    })
}
