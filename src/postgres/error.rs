//! Why there is no private Postgres.

use std::io;
use std::path::{Path, PathBuf};

use super::describe::describe_error;

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    #[error(
        "PostgreSQL's programs initdb and postgres were not found. \
         Install Debian's package: apt-get install postgresql (or postgresql-15)"
    )]
    ProgramsMissing,
    #[error(
        "the private database was made by PostgreSQL {cluster}, and PostgreSQL {installed} is \
         installed. Install Debian's package: apt-get install postgresql-{cluster}"
    )]
    OtherVersion { cluster: u32, installed: u32 },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{} is needed for the private database's socket, and it belongs to somebody else",
        .0.display()
    )]
    SocketDirectory(PathBuf),
    #[error(
        "PostgreSQL refuses to run as root, a user namespace is not allowed here, and there is \
         neither an account postgres nor nobody. Start Keepwell as another user"
    )]
    NoAccount,
    #[error(
        "PostgreSQL refuses to run as root and would run as {account}, who may not enter {}. \
         Give --data a directory that everyone may enter, such as /var/lib/keepwell",
        directory.display()
    )]
    Unreachable { account: String, directory: PathBuf },
    #[error(
        "{directory:?} cannot hold the private database: its whole path must be UTF-8 text without control \
         characters. Name another folder with --data"
    )]
    Path { directory: PathBuf },
    #[error(
        "{} belongs to {operator}, who runs Keepwell there, and root cannot act as {operator} here: {source}. \
         Start Keepwell as {operator}",
        directory.display()
    )]
    NotOperator { directory: PathBuf, operator: String, source: io::Error },
    #[error(
        "{} belongs to {operator}, who runs Keepwell there: start Keepwell as {operator}",
        directory.display()
    )]
    Foreign { directory: PathBuf, operator: String },
    #[error("initdb failed: {0}")]
    Initdb(String),
    #[error("the private database did not start ({log}): {said}", log = log.display())]
    Start { log: PathBuf, said: String },
    #[error("the private database does not answer: {}", describe_error(.0))]
    Connect(#[from] sqlx::Error),
}

impl PrivateError {
    /// For `map_err`: an error about this path.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> PrivateError + use<> {
        let path = path.to_owned();
        |source| PrivateError::File { path, source }
    }
}
