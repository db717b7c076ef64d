//! Making the cluster, and the command line of its server.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};

use super::environment;
use super::error::PrivateError;
use super::identity::Identity;
use super::layout::{Layout, PORT};
use super::programs::Programs;

/// The server's superuser and its first database.
pub(super) const NAME: &str = "keepwell";

/// What survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was committed.
    Durable,
    /// Nothing: for tests, which want speed.
    Tests,
}

const ALWAYS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    // Our statements are short: compiling them costs more than it saves.
    "jit=off",
];
/// Connections for several daemons on one folder.
const DURABLE: &[&str] = &["checkpoint_timeout=15min", "max_connections=200"];
const FOR_TESTS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "checkpoint_timeout=1h",
];

/// Creates the cluster when it is missing and gives it to its account.
///
/// Fills a directory beside the final one, so that being killed leaves no
/// half of a cluster.
pub(crate) fn create(
    layout: &Layout,
    programs: &Programs,
    identity: &Identity,
    durability: Durability,
) -> Result<(), PrivateError> {
    let Layout { directory, data, unfinished, .. } = layout;
    if layout.version().is_none() {
        if unfinished.exists() {
            fs::remove_dir_all(unfinished).map_err(PrivateError::at(unfinished))?;
        }
        fs::create_dir(unfinished).map_err(PrivateError::at(unfinished))?;
        set_mode(unfinished, 0o700)?;
        identity.own(unfinished).map_err(PrivateError::at(unfinished))?;
        let mut command = Command::new(&programs.initdb);
        command
            .arg("-D")
            .arg(unfinished)
            .args(["-U", NAME, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust"])
            .arg("--no-instructions")
            .current_dir(directory)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        if durability == Durability::Tests {
            command.arg("--no-sync");
        }
        environment::keep_from(&mut command);
        identity.confine(&mut command, libc::SIGKILL);
        let output = command.output().map_err(PrivateError::at(&programs.initdb))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(PrivateError::Initdb(said));
        }
        fs::rename(unfinished, data).map_err(PrivateError::at(data))?;
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(PrivateError::at(directory))?;
    }
    identity.own(data).map_err(PrivateError::at(data))
}

/// What starts the server; it writes to `log`.
pub(crate) fn command(
    layout: &Layout,
    programs: &Programs,
    identity: &Identity,
    durability: Durability,
    log: fs::File,
) -> Command {
    let mut command = Command::new(&programs.postgres);
    command
        .arg("-D")
        .arg(&layout.data)
        .arg("-k")
        .arg(quoted(&layout.sockets))
        // Not the one of postgresql.conf: the socket is called after it.
        .args(["-p", &PORT.to_string()])
        .current_dir(&layout.directory)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let (settings, death_signal) = match durability {
        Durability::Durable => (DURABLE, libc::SIGINT),
        Durability::Tests => (FOR_TESTS, libc::SIGQUIT),
    };
    for setting in ALWAYS.iter().chain(settings) {
        command.args(["-c", setting]);
    }
    environment::keep_from(&mut command);
    identity.confine(&mut command, death_signal);
    command
}

/// A directory as the one item of a list of them, whatever it is called.
fn quoted(directory: &Path) -> OsString {
    let mut item = vec![b'"'];
    for byte in directory.as_os_str().as_bytes() {
        item.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    item.push(b'"');
    OsString::from_vec(item)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), PrivateError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(PrivateError::at(path))
}
