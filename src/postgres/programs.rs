//! Where Postgres's own programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PrivateError;

/// Debian keeps the server's programs here, one directory a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The two programs that are needed, of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

impl Programs {
    /// The programs found first in the search path, else Debian's newest.
    ///
    /// `major` is the version of an existing cluster, which no other can read.
    pub(crate) fn find(major: Option<u32>) -> Result<Programs, PrivateError> {
        let mut found: Vec<(u32, Programs)> = in_search_path().into_iter().collect();
        found.extend(below(Path::new(DEBIAN)));
        choose(found, major)
    }
}

fn choose(found: Vec<(u32, Programs)>, major: Option<u32>) -> Result<Programs, PrivateError> {
    let newest = found.first().map(|(version, _)| *version);
    found
        .into_iter()
        .find(|(version, _)| major.is_none_or(|major| major == *version))
        .map(|(_, programs)| programs)
        .ok_or(match (major, newest) {
            (Some(cluster), Some(installed)) => PrivateError::OtherVersion { cluster, installed },
            _ => PrivateError::ProgramsMissing,
        })
}

fn in_search_path() -> Option<(u32, Programs)> {
    let programs = Programs { initdb: PathBuf::from("initdb"), postgres: PathBuf::from("postgres") };
    let version = version_of(&programs.postgres)?;
    (version_of(&programs.initdb)? == version).then_some((version, programs))
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` is 15.
fn version_of(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split("(PostgreSQL) ").nth(1)?;
    let digits = number.find(|c: char| !c.is_ascii_digit());
    number[..digits.unwrap_or(number.len())].parse().ok()
}

/// Every version below a directory such as Debian's, the newest first.
fn below(versions: &Path) -> Vec<(u32, Programs)> {
    let Ok(entries) = std::fs::read_dir(versions) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, Programs)> = entries
        .filter_map(|entry| {
            let directory = entry.ok()?.path();
            let version = directory.file_name()?.to_str()?.parse().ok()?;
            let programs = Programs { initdb: directory.join("bin/initdb"), postgres: directory.join("bin/postgres") };
            (programs.initdb.is_file() && programs.postgres.is_file()).then_some((version, programs))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_installed_names_the_package() {
        let found = below(Path::new("/nonexistent"));
        let error = choose(found, None).expect_err("nothing is there");
        assert_eq!(
            error.to_string(),
            "PostgreSQL's programs initdb and postgres were not found. \
             Install Debian's package: apt-get install postgresql (or postgresql-15)"
        );
    }

    #[test]
    fn a_cluster_wants_its_own_version() {
        let of = |version: u32| {
            let directory = PathBuf::from(format!("/pg/{version}"));
            let programs = Programs { initdb: directory.join("initdb"), postgres: directory.join("postgres") };
            (version, programs)
        };
        let both = || vec![of(17), of(15)];
        assert_eq!(choose(both(), None).expect("found"), of(17).1);
        assert_eq!(choose(both(), Some(15)).expect("found"), of(15).1);
        let error = choose(both(), Some(16)).expect_err("16 is missing");
        assert!(error.to_string().contains("postgresql-16"), "{error}");
    }
}
