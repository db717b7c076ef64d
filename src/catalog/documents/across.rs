//! What documents that are whole say wrongly about each other.

use std::sync::Arc;

use super::{ReadyBodyOfDocument, ReadyDocument};
use crate::diagnostic::Diagnostic;
use crate::facts::Standing;

/// Reports documents that wait for each other: each reads at its instant what the
/// next one makes at that instant. One that reads what it has made itself reads what
/// that was the time before. Reports as well two that say where an account stands.
pub(in crate::catalog) fn check(documents: &[Arc<ReadyDocument>], problems: &mut Vec<Diagnostic>) {
    for document in documents {
        let Some(way) = way_back(document, documents) else { continue };
        let this = document.document.kind.this();
        let message = format!("{this} reads one that waits for it: {}", way.join(", which reads "));
        let problem = Diagnostic::error("KW0225", &document.document.file, document.document.place, message);
        problems.push(problem.help("let one of them read something else"));
    }
    for (place, document) in documents.iter().enumerate() {
        let Some(standing) = standing(document) else { continue };
        let Some(first) = documents[..place].iter().find(|other| self::standing(other) == Some(standing)) else {
            continue;
        };
        let (word, name) = (standing.document(), standing.name());
        let message =
            format!("`{}` says the {name} of accounts already, in {}", first.document.id, first.document.file);
        let problem = Diagnostic::error("KW0232", &document.document.file, document.document.place, message);
        problems.push(problem.help(format!("put both into one file: there is one `{word}:`")));
    }
}

/// What a document says of where an account stands.
fn standing(document: &ReadyDocument) -> Option<Standing> {
    match &document.body {
        ReadyBodyOfDocument::Lifecycle(_) => Some(Standing::Stage),
        ReadyBodyOfDocument::Tiers(_) => Some(Standing::Tier),
        _ => None,
    }
}

/// The way from a document by what it reads back to itself, over others.
fn way_back<'d>(document: &'d ReadyDocument, documents: &'d [Arc<ReadyDocument>]) -> Option<Vec<&'d str>> {
    let id = |document: &'d ReadyDocument| document.document.id.as_str();
    let mut ways: Vec<Vec<&ReadyDocument>> = vec![vec![document]];
    let mut looked = Vec::new();
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        for next in documents.iter().map(Arc::as_ref).filter(|next| last.waits_for(next) && id(next) != id(last)) {
            if id(next) == id(document) {
                return Some(way.into_iter().chain([next]).map(id).collect());
            }
            if !looked.contains(&id(next)) {
                looked.push(id(next));
                ways.push([way.clone(), vec![next]].concat());
            }
        }
    }
    None
}
