//! What systemd is told of a daemon: that it has begun, that it still works,
//! that it ends. See `sd_notify(3)`.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::worker::health::Health;

/// The socket of whatever started the process, if it wants to hear of it.
pub struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often the watchdog has to hear that all is well.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say.
    pub fn from_environment() -> ServiceManager {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|interval| ours && *interval > 0).map(Duration::from_micros);
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()).and_then(|name| {
            let opened = open(&name);
            if let Err(error) = &opened {
                tracing::warn!("NOTIFY_SOCKET cannot be used: {error}");
            }
            opened.ok()
        });
        ServiceManager { socket, watchdog }
    }

    /// Says that the daemon has begun, that it ends once `stop` turns true, and
    /// until the process ends, to the watchdog, that no worker stands still.
    pub fn attend(self, health: Arc<Health>, mut stop: watch::Receiver<bool>) {
        if self.socket.is_none() {
            return;
        }
        self.notify("READY=1");
        let manager = Arc::new(self);
        let parting = manager.clone();
        tokio::spawn(async move {
            if stop.wait_for(|stop| *stop).await.is_ok() {
                parting.notify("STOPPING=1");
            }
        });
        tokio::spawn(async move { manager.feed_watchdog(&health).await });
    }

    /// Nobody may be listening any more, which is no fault.
    fn notify(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }

    async fn feed_watchdog(&self, health: &Health) {
        let Some(interval) = self.watchdog else { return };
        let mut is_moving = true;
        loop {
            let was_moving = std::mem::replace(&mut is_moving, health.is_moving());
            if is_moving {
                self.notify("WATCHDOG=1");
            } else if was_moving {
                let reasons = health.report().reasons.join("; ");
                tracing::error!("the watchdog is no longer told that all is well: {reasons}");
            }
            tokio::time::sleep(interval / 2).await;
        }
    }
}

/// A path, or a name behind an `@`.
fn open(name: &OsString) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // Whoever reads slowly does not hold up a runtime's thread.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
