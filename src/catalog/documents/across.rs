//! What documents that are whole say wrongly about each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReadyDocument;
use crate::diagnostic::Diagnostic;

/// Reports documents that wait for each other: each reads at its instant what the
/// next one makes at that instant. One that reads its own score reads the last.
pub(in crate::catalog) fn check(documents: &[Arc<ReadyDocument>], problems: &mut Vec<Diagnostic>) {
    let by_id: BTreeMap<&str, &ReadyDocument> =
        documents.iter().map(|one| (one.document.id.as_str(), one.as_ref())).collect();
    for (id, document) in &by_id {
        let Some(way) = way_back(id, document, &by_id) else { continue };
        let message = format!("this score reads one that waits for it: {}", way.join(", which reads "));
        let problem = Diagnostic::error("KW0225", &document.document.file, document.document.place, message);
        problems.push(problem.help("let one of them read something else"));
    }
}

/// The way from a document by what it reads back to itself, over others.
fn way_back<'d>(
    id: &'d str,
    document: &'d ReadyDocument,
    by_id: &BTreeMap<&'d str, &'d ReadyDocument>,
) -> Option<Vec<&'d str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![id]];
    let mut looked = Vec::new();
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        let reader = if last == id { document } else { by_id.get(last)? };
        for next in reader.scores_read() {
            if next == id && last != id {
                return Some([way, vec![id]].concat());
            }
            if next != last && by_id.contains_key(next) && !looked.contains(&next) {
                looked.push(next);
                ways.push([way.clone(), vec![next]].concat());
            }
        }
    }
    None
}
