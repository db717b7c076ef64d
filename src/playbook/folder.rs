//! The files below a folder, found within bounds.
//!
//! A link that stays inside the folder is followed, and what it leads to is
//! read once, whichever way it is found: a Kubernetes ConfigMap mounts each
//! file as a link to a hidden folder beside it. A link that leads out of the
//! folder is refused: what lies there is nobody's playbook.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::clock::Deadline;
use crate::diagnostic::{Diagnostic, Position};

/// How much of a folder is read at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Folders inside each other.
    pub depth: usize,
    /// Whatever stands in them, also what is left out.
    pub entries: usize,
    /// Files to read.
    pub files: usize,
    /// The bytes of these files together.
    pub bytes: u64,
    /// For the whole of it.
    pub time: Duration,
}

/// The bounds of a folder of playbooks or scripts.
pub(super) const BOUNDS: Bounds =
    Bounds { depth: 16, entries: 20_000, files: 5_000, bytes: 64 * 1024 * 1024, time: Duration::from_secs(20) };

/// One file that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FoundFile {
    /// As it was found below the folder that was named.
    pub path: PathBuf,
    /// Where it really is.
    real: PathBuf,
    /// When its content last changed; `None` where nobody can say.
    changed: Option<SystemTime>,
    /// Its size in bytes.
    size: u64,
}

impl FoundFile {
    /// A file that was named; `None` where it cannot be looked at.
    pub(super) fn of(path: &Path) -> Option<FoundFile> {
        let about = fs::metadata(path).ok()?;
        let real = path.canonicalize().ok()?;
        Some(FoundFile { path: path.to_owned(), real, changed: about.modified().ok(), size: about.len() })
    }
}

/// What was found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// In order of their paths.
    pub files: Vec<FoundFile>,
    pub problems: Vec<Diagnostic>,
    /// Folders of which nobody knows what is in them, with a problem each.
    pub unlisted: Vec<PathBuf>,
}

/// Finds the files below `root` whose names have one of the `endings`: at any
/// depth, or beside each other only where not `nested`. Hidden files and
/// folders are left out.
pub(super) fn list(root: &Path, endings: &[&str], nested: bool, bounds: &Bounds, deadline: Deadline) -> Listing {
    let real = match root.canonicalize() {
        Ok(real) => real,
        Err(error) => {
            let problems = vec![unreadable(&name(root), &error)];
            return Listing { files: Vec::new(), problems, unlisted: vec![root.to_owned()] };
        }
    };
    let mut search = Search {
        root,
        real: &real,
        endings,
        nested,
        bounds,
        deadline,
        entries: 0,
        bytes: 0,
        seen: HashSet::from([real.clone()]),
        links: Vec::new(),
        listing: Listing::default(),
    };
    if let Err(problem) = search.all() {
        search.listing.problems.push(problem);
        search.listing.unlisted.push(root.to_owned());
    }
    search.listing.files.sort();
    search.listing
}

/// A folder that is still to be looked at.
struct Folder {
    path: PathBuf,
    real: PathBuf,
    depth: usize,
}

struct Search<'a> {
    root: &'a Path,
    real: &'a Path,
    endings: &'a [&'a str],
    nested: bool,
    bounds: &'a Bounds,
    deadline: Deadline,
    entries: usize,
    bytes: u64,
    /// Files and folders by where they really are.
    seen: HashSet<PathBuf>,
    /// Links that were found, with the depth of their folder.
    links: Vec<(PathBuf, usize)>,
    listing: Listing,
}

impl Search<'_> {
    /// Looks at everything; an error is the bound that ended it.
    fn all(&mut self) -> Result<(), Diagnostic> {
        self.folders(Folder { path: self.root.to_owned(), real: self.real.to_owned(), depth: 0 })?;
        // What stands here itself goes before the links to it, so that its name
        // does not depend on the order in which the system lists a folder.
        while !self.links.is_empty() {
            self.links.sort();
            for (path, depth) in std::mem::take(&mut self.links) {
                self.link(path, depth)?;
            }
        }
        Ok(())
    }

    /// A folder and those below it, without their links.
    fn folders(&mut self, first: Folder) -> Result<(), Diagnostic> {
        let mut folders = vec![first];
        while let Some(folder) = folders.pop() {
            if folder.depth > self.bounds.depth {
                let message = format!("it lies more than {} folders deep, and is not read", self.bounds.depth);
                self.listing.problems.push(too_much(&folder.path, message));
                self.listing.unlisted.push(folder.path);
                continue;
            }
            if let Err(error) = self.folder(&folder, &mut folders)? {
                self.listing.problems.push(unreadable(&name(&folder.path), &error));
                self.listing.unlisted.push(folder.path);
            }
        }
        Ok(())
    }

    /// One folder. The inner error is about this folder alone.
    fn folder(&mut self, folder: &Folder, below: &mut Vec<Folder>) -> Result<io::Result<()>, Diagnostic> {
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        for entry in entries {
            self.count_entry()?;
            let (entry, kind) = match entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))) {
                Ok(found) => found,
                Err(error) => return Ok(Err(error)),
            };
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let (path, real) = (entry.path(), folder.real.join(entry.file_name()));
            if kind.is_symlink() {
                self.links.push((path, folder.depth));
            } else if kind.is_dir() {
                if self.nested && self.seen.insert(real.clone()) {
                    below.push(Folder { path, real, depth: folder.depth + 1 });
                }
            } else if self.is_wanted(&path) {
                self.file(path, real)?;
            } else if let Some(problem) = self.misnamed(&path) {
                self.listing.problems.push(problem);
            }
        }
        Ok(Ok(()))
    }

    /// A link in a folder of this depth.
    fn link(&mut self, path: PathBuf, depth: usize) -> Result<(), Diagnostic> {
        self.look_at_time()?;
        let found = path.canonicalize().and_then(|real| real.metadata().map(|about| (real, about.is_dir())));
        let (real, is_folder) = match found {
            Ok(found) => found,
            Err(error) => {
                // A link into nothing matters where a file was to be.
                if self.is_wanted(&path) {
                    self.listing.problems.push(unreadable(&name(&path), &error));
                }
                return Ok(());
            }
        };
        let matters = self.is_wanted(&path) || (is_folder && self.nested);
        if !matters {
            self.listing.problems.extend(self.misnamed(&path).filter(|_| !is_folder));
            return Ok(());
        }
        if !real.starts_with(self.real) {
            let folder = self.root.display();
            let message = format!("this link leads out of `{folder}`, to {}", real.display());
            let help = format!("put the file itself into `{folder}`, or name another folder");
            self.listing.problems.push(Diagnostic::error("KW0009", &name(&path), START, message).help(help));
            return Ok(());
        }
        match is_folder {
            true if self.nested && self.seen.insert(real.clone()) => {
                self.folders(Folder { path, real, depth: depth + 1 })
            }
            true => Ok(()),
            false => self.file(path, real),
        }
    }

    /// A file, unless it was found already.
    fn file(&mut self, path: PathBuf, real: PathBuf) -> Result<(), Diagnostic> {
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        // Reading it says why it cannot be looked at.
        let about = fs::metadata(&path).ok();
        let size = about.as_ref().map_or(0, fs::Metadata::len);
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.bounds.bytes {
            return Err(self.ended(format!("its files have more than {} MiB together", self.bounds.bytes >> 20)));
        }
        if self.listing.files.len() >= self.bounds.files {
            return Err(self.ended(format!("it has more than {} files", self.bounds.files)));
        }
        let changed = about.and_then(|about| about.modified().ok());
        self.listing.files.push(FoundFile { path, real, changed, size });
        Ok(())
    }

    fn is_wanted(&self, path: &Path) -> bool {
        path.extension().is_some_and(|ending| self.endings.iter().any(|known| ending == *known))
    }

    /// What is said about a file whose name ends almost as it should, as after
    /// an editor added `.txt`; it is not read.
    fn misnamed(&self, path: &Path) -> Option<Diagnostic> {
        let file = path.file_name()?.to_str()?;
        let lower = file.to_ascii_lowercase();
        let bare = lower.strip_suffix(".txt").unwrap_or(&lower);
        let ending = self.endings.iter().find(|ending| bare.ends_with(&format!(".{ending}")))?;
        let stem = file.get(..bare.len() - ending.len())?;
        let message = format!("this file is not read: its name does not end in `.{ending}`");
        let problem = Diagnostic::warning("KW0011", &name(path), START, message);
        Some(problem.help(format!("rename it to `{stem}{ending}`")))
    }

    fn count_entry(&mut self) -> Result<(), Diagnostic> {
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return Err(self.ended(format!("more than {} files and folders stand in it", self.bounds.entries)));
        }
        self.look_at_time()
    }

    fn look_at_time(&self) -> Result<(), Diagnostic> {
        match self.deadline.has_passed() {
            true => Err(self.ended(format!("reading it takes longer than {} s", self.bounds.time.as_secs()))),
            false => Ok(()),
        }
    }

    fn ended(&self, why: String) -> Diagnostic {
        too_much(self.root, format!("this folder is not read: {why}"))
    }
}

/// Where a file as a whole has something wrong.
const START: Position = Position { line: 1, column: 1 };

/// How a path is named in diagnostics.
pub(super) fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A file or folder that the system does not let us read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("KW0001", name, START, format!("cannot be read: {error}"))
}

fn too_much(path: &Path, message: String) -> Diagnostic {
    Diagnostic::error("KW0010", &name(path), START, message).help("is it the right folder?")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("keepwell-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a folder");
        root
    }

    fn listed(root: &Path, bounds: &Bounds) -> (Vec<String>, Vec<String>) {
        let found = list(root, &["yaml"], true, bounds, Deadline::after(bounds.time));
        let short = |path: &Path| path.strip_prefix(root).expect("below it").display().to_string();
        assert_eq!(found.unlisted.is_empty(), found.problems.iter().all(|problem| problem.code != "KW0010"));
        let problems = found.problems.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect();
        (found.files.iter().map(|file| short(&file.path)).collect(), problems)
    }

    #[test]
    fn each_bound_ends_it_with_a_reason() {
        let root = folder("bounds");
        fs::create_dir_all(root.join("a/b/c")).expect("folders");
        for file in ["1.yaml", "2.yaml", "3.yaml", "a/b/c/4.yaml"] {
            fs::write(root.join(file), vec![b'x'; 1_000]).expect("a file");
        }
        let all = Bounds { depth: 3, entries: 7, files: 4, bytes: 4_000, time: Duration::from_secs(600) };
        assert_eq!(
            listed(&root, &all),
            (["1.yaml", "2.yaml", "3.yaml", "a/b/c/4.yaml"].map(str::to_owned).into(), vec![])
        );
        let ended = |bounds: Bounds| listed(&root, &bounds).1;
        let not_read = "KW0010 this folder is not read: ";
        assert_eq!(
            ended(Bounds { depth: 2, ..all }),
            ["KW0010 it lies more than 2 folders deep, and is not read"],
            "and what is not as deep is read"
        );
        assert_eq!(
            ended(Bounds { entries: 6, ..all }),
            [format!("{not_read}more than 6 files and folders stand in it")]
        );
        assert_eq!(ended(Bounds { files: 3, ..all }), [format!("{not_read}it has more than 3 files")]);
        assert_eq!(
            ended(Bounds { bytes: 3_999, ..all }),
            [format!("{not_read}its files have more than 0 MiB together")]
        );
        assert_eq!(
            ended(Bounds { time: Duration::ZERO, ..all }),
            [format!("{not_read}reading it takes longer than 0 s")]
        );
        fs::remove_dir_all(&root).expect("removed");
    }

    #[test]
    fn links_inside_are_followed_once_and_links_out_refused() {
        let (root, outside) = (folder("links"), folder("links-outside"));
        fs::write(outside.join("x.yaml"), "x").expect("a file");
        fs::create_dir_all(root.join("..2026/team")).expect("folders");
        fs::write(root.join("..2026/map.yaml"), "x").expect("a file");
        fs::write(root.join("..2026/team/deep.yaml"), "x").expect("a file");
        fs::write(root.join("plain.yaml"), "x").expect("a file");
        for (target, link) in [
            ("..2026", "..data"),
            ("..data/map.yaml", "map.yaml"),
            ("..data/team", "team"),
            ("plain.yaml", "again.yaml"),
            (".", "a"),
            (".", "b"),
            ("team", "zteam"),
            ("itself.yaml", "itself.yaml"),
            ("nowhere", "nothing"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        symlink(outside.join("x.yaml"), root.join("out.yaml")).expect("a link");
        symlink(&outside, root.join("out")).expect("a link");
        symlink("/etc/hostname", root.join("no-playbook")).expect("a link");
        let (files, problems) = listed(&root, &BOUNDS);
        assert_eq!(files, ["map.yaml", "plain.yaml", "team/deep.yaml"]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().filter(|problem| problem.starts_with("KW0009 this link leads out of")).count() == 2);
        assert!(problems.iter().any(|problem| problem.starts_with("KW0001 cannot be read: Too many levels")));
        fs::remove_dir_all(&root).expect("removed");
        fs::remove_dir_all(&outside).expect("removed");
    }
}
