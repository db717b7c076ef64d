//! As whom the server runs: Postgres refuses to be root.

use std::io;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::PrivateError;

/// An id that is in every passwd file and owns nothing.
const NOBODY: u32 = 65_534;

/// The account of the server's processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Our own, which is not root.
    Own,
    /// Root outside, `nobody` inside a user namespace: files stay root's.
    Namespace,
    /// Another account.
    Other { name: String, uid: u32, gid: u32 },
}

impl Identity {
    /// The way that works here.
    pub(crate) fn choose() -> Result<Identity, PrivateError> {
        // SAFETY: geteuid has no arguments and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Ok(Identity::Own);
        }
        let mut probe = Command::new("/bin/true");
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        Identity::Namespace.confine(&mut probe, libc::SIGKILL);
        if probe.status().is_ok_and(|status| status.success()) {
            return Ok(Identity::Namespace);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| account(&accounts, name)).ok_or(PrivateError::NoAccount)
    }

    /// Makes `command` run as this identity, in its own process group, and
    /// receive `death_signal` when the thread that starts it ends.
    pub(crate) fn confine(&self, command: &mut Command, death_signal: libc::c_int) {
        if let Identity::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        // Ctrl-C in a terminal is for us; the server is stopped after our last query.
        command.process_group(0);
        let namespace = *self == Identity::Namespace;
        let enter = move || {
            if namespace {
                enter_namespace()?;
            }
            // Last, since a change of credentials clears it.
            // SAFETY: prctl with PR_SET_PDEATHSIG takes a signal number and
            // touches no memory of ours.
            check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, death_signal) })
        };
        // SAFETY: between fork and exec the closure makes system calls alone:
        // unshare, open, write, close, prctl. It allocates nothing, takes no
        // lock, and captures two copies.
        unsafe { command.pre_exec(enter) };
    }

    /// Gives a directory and all in it to this identity, when it is not its already.
    pub(crate) fn own(&self, directory: &Path) -> io::Result<()> {
        let (uid, gid) = match self {
            Identity::Own => return Ok(()),
            Identity::Namespace => (0, 0),
            Identity::Other { uid, gid, .. } => (*uid, *gid),
        };
        if std::fs::metadata(directory)?.uid() != uid {
            give(directory, uid, gid)?;
        }
        Ok(())
    }

    /// Whether this identity may enter `directory`.
    pub(crate) fn can_enter(&self, directory: &Path) -> bool {
        let mut probe = Command::new("/bin/true");
        probe.current_dir(directory);
        self.confine(&mut probe, libc::SIGKILL);
        probe.status().is_ok_and(|status| status.success())
    }

    /// The user id that its files have.
    pub(crate) fn uid(&self) -> u32 {
        match self {
            // SAFETY: geteuid has no arguments and cannot fail.
            Identity::Own => unsafe { libc::geteuid() },
            Identity::Namespace => 0,
            Identity::Other { uid, .. } => *uid,
        }
    }
}

/// The children first: a stop half-way is seen at the top and done again.
fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
        chown(path, Some(uid), Some(gid))
    } else {
        lchown(path, Some(uid), Some(gid))
    }
}

/// The line of a passwd file that is called `name`.
fn account(passwd: &str, name: &str) -> Option<Identity> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Identity::Other {
        name: name.to_owned(),
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

/// Becomes uid and gid [`NOBODY`] in a new user namespace in which that is the
/// outer root. For a process between fork and exec: only system calls.
fn enter_namespace() -> io::Result<()> {
    const { assert!(NOBODY == 65_534, "the maps below say so") };
    // SAFETY: unshare takes flags and touches no memory of ours; a forked
    // child has one thread, as CLONE_NEWUSER demands.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
    put(c"/proc/self/setgroups", b"deny")?;
    put(c"/proc/self/uid_map", b"65534 0 1")?;
    put(c"/proc/self/gid_map", b"65534 0 1")
}

/// Writes a file of /proc in one call, without allocating.
fn put(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: the path is a C string, the buffer is valid for its length, and
    // the descriptor is the one just opened, closed once.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, text.as_ptr().cast(), text.len());
        let result = if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        libc::close(file);
        result
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:105:112:,,,:/:\n";
        assert_eq!(
            account(passwd, "postgres"),
            Some(Identity::Other { name: "postgres".to_owned(), uid: 105, gid: 112 })
        );
        assert_eq!(account(passwd, "nobody"), None);
    }
}
