//! What became of an imported file, in words and as JSON.

use std::path::Path;

use serde_json::json;

use crate::import::relation::Relation;
use crate::import::row::Problem;
use crate::store::customers::import::PaddedIds;

/// How many mistakes of a file are listed; all are counted.
const LISTED: usize = 1_000;

/// What became of a file.
#[derive(Debug, Default)]
pub struct Summary {
    pub read: u64,
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub failed: u64,
    pub without_account: u64,
    pub recorded: u64,
    pub ignored: u64,
    pub padded: PaddedIds,
    /// At most [`LISTED`].
    pub problems: Vec<Problem>,
    /// Up to this line the file is imported.
    pub line: u64,
    /// A person ended it before the end of the file.
    pub interrupted: bool,
    /// Why the rest could not be read.
    pub unreadable: Option<String>,
}

impl Summary {
    pub fn add(&mut self, problems: Vec<Problem>) {
        self.failed += problems.len() as u64;
        self.list(problems);
    }

    pub fn list(&mut self, problems: Vec<Problem>) {
        let room = LISTED - self.problems.len();
        self.problems.extend(problems.into_iter().take(room));
    }

    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && !self.interrupted && self.unreadable.is_none()
    }
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

pub fn name(path: &Path) -> String {
    if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() }
}

pub fn print(summary: &Summary, relation: &Relation, path: &Path, dry_run: bool) {
    let file = name(path);
    for Problem { line, column, message } in &summary.problems {
        match column {
            Some(column) => say!("{file}:{line}: {column}: {message}"),
            None => say!("{file}:{line}: {message}"),
        }
    }
    let Summary { read, new, changed, unchanged, failed, line, .. } = summary;
    if *failed > summary.problems.len() as u64 {
        say!("{file}: … and {} more errors", failed - summary.problems.len() as u64);
    }
    if let Some(why) = &summary.unreadable {
        say!("{file}: {why}");
    }
    if *read == 0 && !summary.problems.is_empty() {
        say!("{file}: nothing was imported");
        return;
    }
    let would = if dry_run { " would be" } else { "" };
    say!(
        "{} from {file}: {read} read,{would} {new} new, {changed} changed, {unchanged} unchanged, {failed} failed",
        relation.name
    );
    if summary.without_account > 0 {
        say!("warning: {} rows name an account that is not there", summary.without_account);
    }
    if summary.recorded > 0 {
        say!(
            "warning: {} changes are not older than what Keepwell has recorded itself, and are passed over",
            summary.recorded
        );
    }
    if summary.ignored > 0 {
        say!("warning: {} changes are about no column of accounts, and are passed over", summary.ignored);
    }
    let PaddedIds { rows, same, line: first } = &summary.padded;
    if *rows > 0 {
        say!("warning: {rows} rows have spaces around an id, which are not kept");
    }
    if let Some(first) = first {
        say!("warning: {same} rows are the same as another without these spaces; the first: line {first}");
    }
    if summary.interrupted {
        say!("interrupted after line {line}: the same command again goes on");
    }
    if dry_run {
        say!("nothing was written (--dry-run)");
    }
}

pub fn as_json(summary: &Summary, relation: &Relation, path: &Path, dry_run: bool) -> serde_json::Value {
    let errors: Vec<_> = summary
        .problems
        .iter()
        .map(|problem| json!({ "line": problem.line, "column": problem.column, "message": problem.message }))
        .collect();
    json!({
        "relation": relation.name,
        "file": path.display().to_string(),
        "dry_run": dry_run,
        "read": summary.read,
        "new": summary.new,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "without_account": summary.without_account,
        "recorded": summary.recorded,
        "ignored": summary.ignored,
        "padded_ids": summary.padded.rows,
        "same_without_padding": summary.padded.same,
        "line": summary.line,
        "interrupted": summary.interrupted,
        "unreadable": summary.unreadable,
        "errors": errors,
    })
}
