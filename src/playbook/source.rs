//! Reading authors' files into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{BOUNDS, FoundFile, Listing, list, name, unreadable};
use super::yaml;
use crate::clock::Deadline;
use crate::diagnostic::{Diagnostic, Position};

/// The endings of playbooks.
const PLAYBOOKS: [&str; 2] = ["yaml", "yml"];
/// The ending of scripts.
const SCRIPTS: [&str; 1] = ["rhai"];

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
    /// read is a problem, and the others are read. What a folder holds beyond
    /// the bounds is a problem too, and nothing of it can hold this up for long;
    /// a file system that does not answer can: never call it where others wait.
    pub fn read(playbooks: &[PathBuf], scripts: &Path) -> SourceSet {
        let mut set = SourceSet::read_playbooks(playbooks);
        for path in set.take(scripts, list_scripts(scripts, Deadline::after(BOUNDS.time))) {
            let module = module(&path);
            match read_file(&path) {
                Ok(SourceFile { path, text }) => {
                    set.scripts.push(ScriptFile { module, path, text });
                }
                Err(problem) => set.problems.push(*problem),
            }
        }
        set
    }

    /// The same without scripts.
    pub fn read_playbooks(playbooks: &[PathBuf]) -> SourceSet {
        let mut set = SourceSet::default();
        let deadline = Deadline::after(BOUNDS.time);
        let mut paths = Vec::new();
        for path in playbooks {
            paths.extend(set.take(path, list_playbooks(path, deadline)));
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            match read_file(&path) {
                Ok(file) => set.playbooks.push(file),
                Err(problem) => set.problems.push(*problem),
            }
        }
        set
    }

    /// Files that somebody has read elsewhere, such as in a revision
    /// of a repository: each with its name and its bytes, in order of the names.
    pub fn of_files(playbooks: Vec<(String, Vec<u8>)>, scripts: Vec<(String, Vec<u8>)>) -> SourceSet {
        let mut set = SourceSet::default();
        for (name, bytes) in playbooks {
            match decode(&name, bytes) {
                Ok(file) => set.playbooks.push(file),
                Err(problem) => set.problems.push(*problem),
            }
        }
        for (name, bytes) in scripts {
            match decode(&name, bytes) {
                Ok(file) => {
                    set.scripts.push(ScriptFile { module: module(Path::new(&name)), path: file.path, text: file.text })
                }
                Err(problem) => set.problems.push(*problem),
            }
        }
        set.playbooks.sort_by(|one, other| one.path.cmp(&other.path));
        set.scripts.sort_by(|one, other| one.path.cmp(&other.path));
        set
    }

    /// The text of a file by the name diagnostics give it.
    pub fn text(&self, file: &str) -> Option<Arc<str>> {
        let playbooks = self.playbooks.iter().map(|f| (&f.path, &f.text));
        let scripts = self.scripts.iter().map(|f| (&f.path, &f.text));
        playbooks.chain(scripts).find(|(path, _)| ***path == *file).map(|(_, text)| text.clone())
    }

    /// The problems of a listing become ours; gives the paths of its files. A
    /// path that is no folder is a file.
    fn take(&mut self, path: &Path, listing: Option<Listing>) -> Vec<PathBuf> {
        let Some(listing) = listing else { return vec![path.to_owned()] };
        self.problems.extend(listing.problems);
        self.unlisted.extend(listing.unlisted);
        listing.files.into_iter().map(|file| file.path).collect()
    }
}

/// What expressions call a script.
fn module(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file of that name is a playbook, by its ending.
pub fn is_playbook(path: &Path) -> bool {
    has_ending(path, &PLAYBOOKS)
}

/// Whether a file of that name is a script, by its ending.
pub fn is_script(path: &Path) -> bool {
    has_ending(path, &SCRIPTS)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
}

/// How the files stand: where they are, when they changed, and what could not
/// be looked at. Two that are equal stand for the same texts, as far as the file
/// system says. Like [`SourceSet::read`] it may be held up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fingerprint(Vec<Option<Listing>>);

impl Fingerprint {
    /// Of a folder of playbooks and one of scripts.
    pub fn of(playbooks: &Path, scripts: &Path) -> Fingerprint {
        let deadline = Deadline::after(BOUNDS.time);
        Fingerprint(vec![list_playbooks(playbooks, deadline), list_scripts(scripts, deadline)])
    }
}

/// How each file stands, for whoever wants to know which has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileStamps(BTreeMap<PathBuf, Option<FoundFile>>);

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundChange {
    New,
    Changed,
    Gone,
}

impl FileStamps {
    /// Of playbooks (folders, or files that are named), a folder of scripts, and
    /// other files, which need not be there. It may be held up.
    pub fn of(playbooks: &[PathBuf], scripts: &Path, files: &[PathBuf]) -> FileStamps {
        let deadline = Deadline::after(BOUNDS.time);
        let mut stamps = FileStamps::default();
        let mut named: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let mut listings = vec![list_scripts(scripts, deadline)];
        for path in playbooks {
            match list_playbooks(path, deadline) {
                Some(listing) => listings.push(Some(listing)),
                None => named.push(path),
            }
        }
        for file in listings.into_iter().flatten().flat_map(|listing| listing.files) {
            stamps.0.insert(file.path.clone(), Some(file));
        }
        for path in named.into_iter().filter(|path| path.exists()) {
            stamps.0.insert(path.to_owned(), FoundFile::of(path));
        }
        stamps
    }

    /// The files that stand otherwise than before, in order of their paths.
    pub fn changes_since(&self, before: &FileStamps) -> Vec<(PathBuf, FoundChange)> {
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(before.0.keys()).collect();
        let change = |path: &PathBuf| match (before.0.get(path), self.0.get(path)) {
            (None, Some(_)) => Some(FoundChange::New),
            (Some(_), None) => Some(FoundChange::Gone),
            (then, now) => (then != now).then_some(FoundChange::Changed),
        };
        paths.into_iter().filter_map(|path| Some((path.clone(), change(path)?))).collect()
    }
}

/// What stands in a folder of playbooks; `None` where the path is no folder.
fn list_playbooks(path: &Path, deadline: Deadline) -> Option<Listing> {
    path.is_dir().then(|| list(path, &PLAYBOOKS, true, &BOUNDS, deadline))
}

/// What stands in the folder of scripts; nothing where there is none.
fn list_scripts(path: &Path, deadline: Deadline) -> Option<Listing> {
    match path.is_dir() {
        true => Some(list(path, &SCRIPTS, false, &BOUNDS, deadline)),
        false => Some(Listing::default()),
    }
}

/// Reads one text file of at most [`yaml::MAX_BYTES`], and no more than that
/// even if it is longer. A byte order mark is left out.
pub fn read_file(path: &Path) -> Result<SourceFile, Box<Diagnostic>> {
    let name = name(path);
    let broken = |error: &std::io::Error| Box::new(unreadable(&name, error));
    // Only a regular file: a pipe would be waited for, and opening a device may
    // do something. What has taken its place since then is not waited for.
    let regular = |kind: std::io::Result<fs::Metadata>| match kind {
        Ok(kind) if kind.is_file() => Ok(()),
        Ok(_) => Err(broken(&std::io::Error::other("not a regular file"))),
        Err(error) => Err(broken(&error)),
    };
    regular(fs::metadata(path))?;
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(|e| broken(&e))?;
    regular(file.metadata())?;
    let mut bytes = Vec::new();
    file.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| broken(&e))?;
    decode(&name, bytes)
}

/// The text of a file of at most [`yaml::MAX_BYTES`]. A byte order mark is left out.
fn decode(name: &str, bytes: Vec<u8>) -> Result<SourceFile, Box<Diagnostic>> {
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Box::new(yaml::too_large(name)));
    }
    if bytes.contains(&0) {
        return Err(Box::new(unreadable(name, &std::io::Error::other("it holds a zero byte"))));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let at = Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        let message = "this line is not UTF-8 text";
        Box::new(Diagnostic::error("KW0001", name, at, message).help("save the file in UTF-8 encoding"))
    })?;
    Ok(SourceFile { path: name.into(), text: text.strip_prefix('\u{feff}').unwrap_or(&text).into() })
}
