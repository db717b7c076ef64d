//! How far an import got, on stderr.

use std::path::Path;
use std::time::Duration;

use super::summary::{Summary, name};
use crate::cli::output;
use crate::clock::Deadline;

/// A bar in a terminal, now and then a line elsewhere.
pub struct Progress {
    name: String,
    length: Option<u64>,
    terminal: bool,
    word: &'static str,
    next: Deadline,
}

impl Progress {
    pub fn new(path: &Path, length: Option<u64>, dry_run: bool) -> Progress {
        let terminal = output::can_replace_lines();
        let word = if dry_run { "checked" } else { "imported" };
        Progress { name: name(path), length, terminal, word, next: Deadline::after(Progress::pause(terminal)) }
    }

    fn pause(terminal: bool) -> Duration {
        Duration::from_millis(if terminal { 100 } else { 1_000 })
    }

    pub fn show(&mut self, summary: &Summary, bytes: u64) {
        if !self.next.has_passed() {
            return;
        }
        self.next = Deadline::after(Progress::pause(self.terminal));
        let Progress { name, word, .. } = self;
        let Summary { read, line, failed, .. } = summary;
        let progress = format!("{name}: {word} up to line {line}, {read} rows, {failed} failed");
        if !self.terminal {
            tell!("{progress}");
            return;
        }
        const WIDTH: usize = 20;
        let bar = self.length.filter(|length| *length > 0).map(|length| {
            let done = (bytes.min(length) as f64 / length as f64 * WIDTH as f64) as usize;
            format!("[{}{}] ", "#".repeat(done), "-".repeat(WIDTH - done))
        });
        output::replace_line(&format!("{}{progress}", bar.unwrap_or_default()));
    }

    pub fn clear(&self) {
        if self.terminal {
            output::replace_line("");
        }
    }
}
