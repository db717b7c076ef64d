//! The files of a private Postgres below its directory.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::PrivateError;
use super::identity::Identity;

/// The number that the socket is called by; nobody listens on the port.
pub(super) const PORT: u16 = 5432;
/// What Postgres calls it.
const SOCKET: &str = ".s.PGSQL.5432";
/// What an address of a unix socket can hold without its final zero.
const LONGEST_SOCKET_PATH: usize = 107;
/// The log is started anew when it has outgrown this many bytes.
const LONGEST_LOG: u64 = 8 << 20;

/// Where everything is. All paths are absolute and follow from the directory,
/// so that every process finds the same.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) directory: PathBuf,
    /// The cluster; there only when complete.
    pub(crate) data: PathBuf,
    /// The cluster while initdb fills it.
    pub(crate) unfinished: PathBuf,
    pub(crate) log: PathBuf,
    /// The directory of the socket.
    pub(crate) sockets: PathBuf,
}

/// The folder of the cluster, which has this name only when it is complete.
const CLUSTER: &str = "data";

impl Layout {
    /// Whether a directory, which need not be there, has a complete cluster.
    pub(crate) fn holds_cluster(directory: &Path) -> bool {
        directory.join(CLUSTER).is_dir()
    }

    /// Creates the directory, mode 0700, when it is missing.
    pub(crate) fn of(directory: &Path) -> Result<Layout, PrivateError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(PrivateError::at(directory))?;
        let directory = directory.canonicalize().map_err(PrivateError::at(directory))?;
        // Postgres writes it into a file by lines, and sqlx takes it for text.
        if directory.to_str().is_none_or(|path| path.contains(char::is_control)) {
            return Err(PrivateError::Path { directory });
        }
        Ok(Layout {
            data: directory.join(CLUSTER),
            unfinished: directory.join("data.tmp"),
            log: directory.join("postgres.log"),
            sockets: socket_directory(&directory),
            directory,
        })
    }

    /// Waits for and takes the lock under which a server is looked for and
    /// started. Held until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, PrivateError> {
        let path = self.directory.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(PrivateError::at(&path))?;
        file.lock().map_err(PrivateError::at(&path))?;
        Ok(file)
    }

    /// The major version of the cluster, when there is one.
    pub(crate) fn version(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.data.join("PG_VERSION")).ok()?;
        text.trim().parse().ok()
    }

    /// Creates the socket's directory and checks whose it is, before anybody
    /// connects. Its mode guards the server, which trusts
    /// everyone who can reach the socket.
    pub(crate) fn prepare_sockets(&self, identity: &Identity) -> Result<(), PrivateError> {
        let path = &self.sockets;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result.map_err(PrivateError::at(path))?,
        }
        // Below /tmp somebody else may have been faster.
        let found = std::fs::symlink_metadata(path).map_err(PrivateError::at(path))?;
        let ours = [identity.uid(), Identity::Own.uid()].contains(&found.uid());
        let inside = path.starts_with(&self.directory);
        if !found.is_dir() || !(ours || inside) {
            return Err(PrivateError::SocketDirectory(path.clone()));
        }
        std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .and_then(|()| identity.own(path))
            .map_err(PrivateError::at(path))
    }

    /// The server's log, to append to.
    pub(crate) fn open_log(&self) -> Result<File, PrivateError> {
        let too_long = std::fs::metadata(&self.log).is_ok_and(|log| log.len() > LONGEST_LOG);
        if too_long {
            std::fs::remove_file(&self.log).map_err(PrivateError::at(&self.log))?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log).map_err(PrivateError::at(&self.log))
    }

    /// What the log says from byte `start` on, at most its last 2,000 characters.
    pub(crate) fn log_since(&self, start: u64) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(0).min(bytes.len());
        let text = String::from_utf8_lossy(&bytes[start..]);
        let skipped = text.chars().count().saturating_sub(2_000);
        text.chars().skip(skipped).collect::<String>().trim().to_owned()
    }

    /// Whether somebody listens on the socket. True in other containers too,
    /// where process ids mean nothing.
    pub(crate) fn answers(&self) -> bool {
        UnixStream::connect(self.sockets.join(SOCKET)).is_ok()
    }

    /// The server of this cluster that runs, whether or not it answers.
    ///
    /// A zombie has an empty command line, and the number of a process that
    /// is gone may have been given to any other program: neither is it.
    pub(crate) fn running(&self) -> Option<u32> {
        let pid: u32 = self.pid_file().first()?.trim().parse().ok()?;
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        command_line
            .split(|byte| *byte == 0)
            .any(|argument| argument == self.data.as_os_str().as_bytes())
            .then_some(pid)
    }

    /// Whether process `pid` has written that it accepts connections, a standby
    /// those that read.
    pub(crate) fn ready(&self, pid: u32) -> bool {
        let lines = self.pid_file();
        lines.first().is_some_and(|line| line.trim() == pid.to_string())
            && lines.get(7).is_some_and(|line| ["ready", "standby"].contains(&line.trim()))
    }

    /// Removes the lock files of a server that was killed. Postgres would take
    /// any process that has the number by now for its own.
    pub(crate) fn clear_stale(&self) -> Result<(), PrivateError> {
        for path in
            [self.data.join("postmaster.pid"), self.sockets.join(format!("{SOCKET}.lock")), self.sockets.join(SOCKET)]
        {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(PrivateError::at(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn pid_file(&self) -> Vec<String> {
        std::fs::read_to_string(self.data.join("postmaster.pid"))
            .map(|text| text.lines().map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

/// Inside the directory, or, when that is too deep for a socket's address, a
/// directory below /tmp named by its hash. Not `TMPDIR`, which another process
/// may have set differently.
fn socket_directory(directory: &Path) -> PathBuf {
    let inside = directory.join("socket");
    if inside.join(SOCKET).as_os_str().len() <= LONGEST_SOCKET_PATH {
        return inside;
    }
    let hash = Sha256::digest(directory.as_os_str().as_bytes());
    let name: String = hash.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
    Path::new("/tmp").join(format!("keepwell-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_directories_have_a_short_socket() {
        let shallow = Path::new("/srv/keepwell");
        assert_eq!(socket_directory(shallow), shallow.join("socket"));
        let deep = PathBuf::from(format!("/{}", "d".repeat(120)));
        let short = socket_directory(&deep);
        assert_eq!(short, socket_directory(&deep));
        assert_ne!(short, socket_directory(&deep.join("e")));
        assert!(short.join(SOCKET).as_os_str().len() <= LONGEST_SOCKET_PATH);
    }
}
