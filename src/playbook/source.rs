//! Reading authors' files into memory.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::yaml;
use crate::diagnostic::{Diagnostic, Position};

/// A playbook's file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it was named when it was read, with `/` between folders.
    pub path: Arc<str>,
    /// The whole text, without a byte order mark.
    pub text: Arc<str>,
}

/// A shared Rhai module.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    /// The file's name without `.rhai`: what expressions call it.
    pub module: String,
    /// As it was named when it was read.
    pub path: Arc<str>,
    /// The whole text, without a byte order mark.
    pub text: Arc<str>,
}

/// Everything authors wrote, in order of the paths.
#[derive(Clone, Debug, Default)]
pub struct SourceSet {
    /// The files that could be read.
    pub playbooks: Vec<SourceFile>,
    /// The shared modules that could be read.
    pub scripts: Vec<ScriptFile>,
    /// What could not be read.
    pub problems: Vec<Diagnostic>,
    /// Folders of which nobody knows what is in them.
    pub unlisted: Vec<PathBuf>,
}

impl SourceSet {
    /// Reads every `.yaml` and `.yml` file below the given folders (a path may
    /// also name one file) and every `.rhai` file in `scripts`, which need not
    /// exist. Hidden files and folders are left out. A file that cannot be
    /// read is a problem, and the others are read.
    pub fn read(playbooks: &[PathBuf], scripts: &Path) -> SourceSet {
        let mut set = SourceSet::default();
        let mut paths = Vec::new();
        for path in playbooks {
            if path.is_dir() {
                let mut seen = HashSet::new();
                set.list(path, &["yaml", "yml"], Some(&mut seen), &mut paths);
            } else {
                paths.push(path.clone());
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            match read_file(&path) {
                Ok(file) => set.playbooks.push(file),
                Err(problem) => set.problems.push(*problem),
            }
        }

        let mut paths = Vec::new();
        if scripts.is_dir() {
            set.list(scripts, &["rhai"], None, &mut paths);
        }
        paths.sort();
        for path in paths {
            let module = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match read_file(&path) {
                Ok(SourceFile { path, text }) => {
                    set.scripts.push(ScriptFile { module, path, text });
                }
                Err(problem) => set.problems.push(*problem),
            }
        }
        set
    }

    /// The text of a file by the name diagnostics give it.
    pub fn text(&self, file: &str) -> Option<Arc<str>> {
        let playbooks = self.playbooks.iter().map(|f| (&f.path, &f.text));
        let scripts = self.scripts.iter().map(|f| (&f.path, &f.text));
        playbooks.chain(scripts).find(|(path, _)| ***path == *file).map(|(_, text)| text.clone())
    }

    /// Finds files by their ending. With `seen`, in folders below too; it keeps
    /// links from leading in circles.
    fn list(
        &mut self,
        folder: &Path,
        endings: &[&str],
        mut seen: Option<&mut HashSet<PathBuf>>,
        found: &mut Vec<PathBuf>,
    ) {
        if let (Some(seen), Ok(real)) = (seen.as_deref_mut(), folder.canonicalize())
            && !seen.insert(real)
        {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.push(unreadable(&name(folder), &error));
                self.unlisted.push(folder.to_owned());
                return;
            }
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    self.problems.push(unreadable(&name(folder), &error));
                    self.unlisted.push(folder.to_owned());
                    continue;
                }
            };
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            if path.is_dir() {
                if let Some(seen) = seen.as_deref_mut() {
                    self.list(&path, endings, Some(seen), found);
                }
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                found.push(path);
            }
        }
    }
}

/// Reads one text file of at most [`yaml::MAX_BYTES`], and no more than that
/// even if it is longer. A byte order mark is left out.
pub fn read_file(path: &Path) -> Result<SourceFile, Box<Diagnostic>> {
    let name = name(path);
    let broken = |error: &std::io::Error| Box::new(unreadable(&name, error));
    // Only a regular file: a pipe would be waited for.
    let kind = fs::metadata(path).map_err(|e| broken(&e))?;
    if !kind.is_file() {
        return Err(broken(&std::io::Error::other("not a regular file")));
    }
    let file = fs::File::open(path).map_err(|e| broken(&e))?;
    let mut bytes = Vec::new();
    file.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| broken(&e))?;
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Box::new(yaml::too_large(&name)));
    }
    if bytes.contains(&0) {
        return Err(broken(&std::io::Error::other("it holds a zero byte")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let at = Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        let message = "this line is not UTF-8 text";
        Box::new(Diagnostic::error("KW0001", &name, at, message).help("save the file in UTF-8 encoding"))
    })?;
    Ok(SourceFile { path: name.into(), text: text.strip_prefix('\u{feff}').unwrap_or(&text).into() })
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("KW0001", name, Position { line: 1, column: 1 }, format!("cannot be read: {error}"))
}
