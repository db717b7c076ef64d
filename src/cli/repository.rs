//! How a file is named in the repository it belongs to, for tools that show
//! findings there.

use std::path::{Component, Path, PathBuf};

/// The folder that the names of files begin at: the repository around the
/// working folder, else the working folder itself.
pub struct Repository {
    root: PathBuf,
    here: PathBuf,
}

impl Repository {
    /// The one that this process was started in.
    pub fn find() -> Repository {
        let here = std::env::current_dir().unwrap_or_default();
        let here = here.canonicalize().unwrap_or(here);
        let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here).to_owned();
        Repository { root, here }
    }

    /// A file from the root on, with `/` between folders; a file elsewhere by
    /// its whole path.
    pub fn name(&self, file: &str) -> String {
        let whole = self.here.join(file);
        let whole = whole.canonicalize().unwrap_or_else(|_| plain(&whole));
        whole.strip_prefix(&self.root).unwrap_or(&whole).to_string_lossy().into_owned()
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_root_on() {
        let repository = Repository { root: "/no/repo".into(), here: "/no/repo/success".into() };
        for (file, name) in [
            ("playbooks/a.yaml", "success/playbooks/a.yaml"),
            ("./a.yaml", "success/a.yaml"),
            ("../team/a.yaml", "team/a.yaml"),
            ("/no/repo/b.yaml", "b.yaml"),
            ("/elsewhere/b.yaml", "/elsewhere/b.yaml"),
        ] {
            assert_eq!(repository.name(file), name);
        }
    }
}
