//! The server's process, as long as this process is its parent.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// A running child, watched by a thread of its own.
///
/// The kernel ends the child when the thread that started it ends, so that
/// thread lives until the child is gone or the whole process is.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    watched: Arc<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    /// Set under the lock when the child is reaped: until then its number
    /// cannot be given to another process, and may be signalled.
    ended: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Watched {
    fn ended(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        // Nothing that holds the lock can panic half-way.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Starts `command` from a thread that outlives the caller's.
    pub(crate) fn start(mut command: Command) -> io::Result<Server> {
        let watched = Arc::new(Watched::default());
        let (tell, started) = mpsc::channel();
        let seen = Arc::clone(&watched);
        std::thread::Builder::new().name("private-postgres".to_owned()).spawn(move || match command.spawn() {
            Ok(child) => {
                let _ = tell.send(Ok(child.id()));
                watch(child, &seen);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        })?;
        let pid = started.recv().map_err(|_| io::Error::other("the thread that starts the server ended"))??;
        Ok(Server { pid, watched })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        *self.watched.ended()
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&self, signal: libc::c_int) {
        let ended = self.watched.ended();
        if ended.is_none()
            && let Ok(pid) = libc::pid_t::try_from(self.pid)
        {
            // SAFETY: kill touches no memory of ours; the child is not yet
            // reaped, as the lock is held, so the number is still its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// Waits until it ends, at most `limit`; whether it did.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let (ended, _) = self
            .watched
            .changed
            .wait_timeout_while(self.watched.ended(), limit, |ended| ended.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        ended.is_some()
    }
}

/// Blocks until the child ends, then reaps it.
fn watch(mut child: Child, watched: &Watched) {
    loop {
        // SAFETY: waitid writes into `about`, which is valid for all zeroes.
        // With WNOWAIT the child stays a zombie and keeps its number.
        let result = unsafe {
            let mut about: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOWAIT;
            libc::waitid(libc::P_PID, child.id(), &mut about, flags)
        };
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if result == 0 || !interrupted {
            break;
        }
    }
    let mut ended = watched.ended();
    // It has ended, so this does not block.
    *ended = Some(child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0)));
    watched.changed.notify_all();
}
