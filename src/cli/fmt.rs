//! `keepwell fmt`: lays playbooks out in one way. What they say does not change.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::check::name_paths;
use super::{Global, output};
use crate::diagnostic::{self, Diagnostic, render_human};
use crate::playbook::source::{SourceFile, SourceSet};
use crate::playbook::yaml::MAX_BYTES;
use crate::playbook::yaml::format::{Unformatted, format};

#[derive(Debug, Args)]
pub struct Options {
    /// Files or folders; the playbooks' folder when none is given. `-` is stdin, and the answer goes to stdout.
    path: Vec<PathBuf>,
    /// Write nothing: name the files that are not formatted, and fail if there are any.
    #[arg(long)]
    check: bool,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if options.path.iter().any(|path| path.as_os_str() == "-") {
        anyhow::ensure!(options.path.len() == 1, "`-` stands alone: it is stdin");
        return stdin(options.check);
    }
    let paths = if options.path.is_empty() { vec![global.playbooks.clone()] } else { options.path.clone() };
    let sources = SourceSet::read_playbooks(&paths);
    let mut report = Report { problems: sources.problems.clone(), ..Report::default() };
    for file in &sources.playbooks {
        if let Some(text) = report.look(file) {
            if !options.check {
                replace(Path::new(&*file.path), &text)?;
            }
            report.changed += 1;
            say!("{}", file.path);
        }
    }
    diagnostic::arrange(&mut report.problems);
    output::error_text(&render_human(&report.problems, &|file: &str| sources.text(file), false));
    if sources.playbooks.is_empty() && report.problems.is_empty() {
        anyhow::bail!("no playbooks in {}: name their folder", name_paths(global, &options.path));
    }
    let (count, changed) = (sources.playbooks.len(), report.changed);
    match options.check {
        true => tell!("{count} files, {changed} are not formatted"),
        false => tell!("{count} files, {changed} formatted"),
    }
    Ok(report.exit_code(options.check))
}

/// From stdin to stdout; with `check` nothing is printed.
fn stdin(check: bool) -> anyhow::Result<ExitCode> {
    let mut bytes = Vec::new();
    io::stdin().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).context("stdin cannot be read")?;
    let text = String::from_utf8(bytes).context("stdin is not UTF-8 text")?;
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
    let file = SourceFile { path: "stdin".into(), text: text.clone() };
    let mut report = Report::default();
    let formatted = report.look(&file);
    output::error_text(&render_human(&report.problems, &|_: &str| Some(text.clone()), false));
    report.changed = usize::from(formatted.is_some());
    if !check && !report.has_failed() {
        output::document(formatted.as_deref().unwrap_or(&text));
    }
    Ok(report.exit_code(check))
}

/// What came of the files.
#[derive(Default)]
struct Report {
    problems: Vec<Diagnostic>,
    changed: usize,
    /// Files with a layout that is not known.
    unknown: usize,
}

impl Report {
    /// The text that a file is to have; `None` where it stays.
    fn look(&mut self, file: &SourceFile) -> Option<String> {
        match format(&file.path, &file.text) {
            Ok(text) => Some(text).filter(|text| **text != *file.text),
            Err(Unformatted::Broken(problems)) => {
                self.problems.extend(problems);
                None
            }
            Err(Unformatted::Unknown) => {
                tell!("error: {}: it has YAML that `fmt` does not know, and stays as it is", file.path);
                self.unknown += 1;
                None
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.unknown > 0 || self.problems.iter().any(Diagnostic::is_error)
    }

    fn exit_code(&self, check: bool) -> ExitCode {
        if self.has_failed() || (check && self.changed > 0) { ExitCode::from(1) } else { ExitCode::SUCCESS }
    }
}

/// Writes a file, complete at once: whoever reads it sees the old text or the new.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    let real = path.canonicalize().with_context(cannot)?;
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let beside = real.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = write_beside(&real, &beside, text).and_then(|()| fs::rename(&beside, &real));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(cannot)
}

fn write_beside(real: &Path, beside: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).open(beside)?;
    file.set_permissions(fs::metadata(real)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
