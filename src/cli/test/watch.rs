//! `keepwell test --watch`: plays again when a file changes. The files are looked
//! at a few times a second, as the daemon does it: that also works where the
//! system announces no changes, as on a mounted folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::{Options, TestFormat, show};
use crate::cli::Global;
use crate::config::DEFAULT_FILE;
use crate::playbook::source::{FileStamps, FoundChange};
use crate::postgres::describe_error;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(250);

/// Plays until the process is ended.
pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if options.update || matches!(options.format, TestFormat::Json | TestFormat::Junit) {
        anyhow::bail!("--watch is for people: it goes with neither --update nor `--format json` or `junit`");
    }
    let mut known = look(global, options);
    loop {
        // A folder without cases may get some.
        if let Err(error) = show(global, options) {
            tell!("error: {}", describe_error(error.as_ref()));
        }
        say!("Waiting for a change. Ctrl-C ends.");
        let (found, changes) = wait(global, options, &known);
        say!();
        for (path, change) in changes {
            let what = match change {
                FoundChange::New => "is new",
                FoundChange::Changed => "changed",
                FoundChange::Gone => "is gone",
            };
            say!("{} {what}", path.display());
        }
        known = found;
    }
}

/// How the files stand that the answer depends on.
fn look(global: &Global, options: &Options) -> FileStamps {
    let mut folders = options.path.clone();
    // What stands beside a file that is played alone matters to it, too.
    if !folders.contains(&global.playbooks) {
        folders.push(global.playbooks.clone());
    }
    let config = global.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let files: Vec<PathBuf> = [Some(config), options.facts.as_deref()].into_iter().flatten().map(Into::into).collect();
    FileStamps::of(&folders, &global.scripts, &files)
}

/// Waits until files stand otherwise than before and no longer change.
fn wait(global: &Global, options: &Options, before: &FileStamps) -> (FileStamps, Vec<(PathBuf, FoundChange)>) {
    let mut last = before.clone();
    loop {
        std::thread::sleep(PAUSE);
        let found = look(global, options);
        let changes = found.changes_since(before);
        if !changes.is_empty() && found == last {
            return (found, changes);
        }
        last = found;
    }
}
