//! Notices a database that was set back to an earlier state while keeping its
//! identity, as when the files of a backup are put back in their place: what was
//! sent since is unknown there and would be sent again. A change of identity the
//! database notices by itself, see [`crate::store::upkeep::epoch`]; here it is
//! only logged.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Instant;
use crate::store::Store;
use crate::store::upkeep::epoch::SET_BACK;
use crate::store::upkeep::last_marker::LastMarker;
use crate::store::upkeep::stopped::StopTarget;
use crate::worker::shared::Shared;

/// What this host remembers of each installation's sending: the file `marks`
/// in the data directory, a line each of installation, epoch and marker.
pub struct EpochWatch {
    file: PathBuf,
    known: Mutex<BTreeMap<Uuid, LastMarker>>,
    /// The mismatch that the log has.
    logged: Mutex<Option<String>>,
    /// What the log says of the file.
    logged_of_file: Mutex<Option<String>>,
}

impl EpochWatch {
    /// With the memory in this directory, which need not exist.
    pub fn new(directory: &Path) -> EpochWatch {
        let file = directory.join("marks");
        let known = read(&file);
        let watch =
            EpochWatch { file, known: Mutex::default(), logged: Mutex::default(), logged_of_file: Mutex::default() };
        match known {
            Ok(known) => EpochWatch { known: Mutex::new(known), ..watch },
            Err(error) => {
                watch.log_of_file(Some(format!("{} cannot be read: {error}", watch.file.display())));
                watch
            }
        }
    }

    /// Stops everything when the database knows of less than this host; else
    /// remembers how far it is. A memory that cannot be written is no reason
    /// not to work.
    pub async fn check(&self, store: &Store, now: Instant) -> anyhow::Result<()> {
        // Before the database is asked: a marker committed in between is no regression.
        let sent = store.last_mark();
        let epoch = store.epoch().await?;
        self.log(epoch.mismatch.clone());
        let remembered = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&epoch.installation).copied().unwrap_or_default()
        };
        let last = remembered.max(sent);
        if epoch.mark < last {
            if store.stop_by_itself(&StopTarget::All, SET_BACK, None, now).await? {
                tracing::error!("{SET_BACK}");
            }
            return Ok(());
        }
        if epoch.mark > sent {
            store.remember_others(epoch.mark).await;
        }
        let last = last.max(store.last_mark());
        // Confirmed since: what was remembered of the time before is settled.
        let last = if epoch.mark.epoch > last.epoch { LastMarker { number: 0, ..epoch.mark } } else { last };
        if last > remembered {
            let kept = self.remember(epoch.installation, last);
            self.log_of_file(kept.err().map(|error| format!("{} cannot be kept: {error}", self.file.display())));
        }
        Ok(())
    }

    /// Logs a mismatch when it is new.
    fn log(&self, mismatch: Option<String>) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = mismatch.as_ref().filter(|_| mismatch != *logged) {
            tracing::error!("{reason}: nothing is sent; see `keepwell confirm-epoch`");
        }
        *logged = mismatch;
    }

    /// Logs what is wrong with the file when it is new.
    fn log_of_file(&self, wrong: Option<String>) {
        let mut logged = self.logged_of_file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = wrong.as_ref().filter(|_| wrong != *logged) {
            tracing::warn!("{reason}; until then nobody notices older files of the database that are put back");
        }
        *logged = wrong;
    }

    fn remember(&self, installation: Uuid, mark: LastMarker) -> std::io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Another process on the same directory may have come further.
        for (installation, other) in read(&self.file)? {
            let mark = known.entry(installation).or_default();
            *mark = other.max(*mark);
        }
        let last = known.entry(installation).or_default();
        *last = mark.max(*last);
        let lines: String = known.iter().map(|(id, mark)| format!("{id} {} {}\n", mark.epoch, mark.number)).collect();
        if let Some(directory) = self.file.parent() {
            std::fs::create_dir_all(directory)?;
        }
        // Never a file that is half written.
        let next = self.file.with_extension(std::process::id().to_string());
        std::fs::write(&next, lines)?;
        let kept = give_to_owner_of_folder(&next).and_then(|()| std::fs::rename(&next, &self.file));
        if kept.is_err() {
            let _ = std::fs::remove_file(&next);
        }
        kept
    }
}

/// One check by the daemon; there is never more to do.
pub async fn tick(shared: &Shared, watch: &EpochWatch, now: Instant) -> anyhow::Result<usize> {
    watch.check(&shared.store, now).await.map(|()| 0)
}

/// A file that root makes in somebody else's folder is theirs: a service that
/// runs there has to read it.
fn give_to_owner_of_folder(file: &Path) -> std::io::Result<()> {
    let (about, folder) = (std::fs::metadata(file)?, std::fs::metadata(file.parent().unwrap_or(file))?);
    match about.uid() == 0 && folder.uid() != 0 {
        true => chown(file, Some(folder.uid()), Some(folder.gid())),
        false => Ok(()),
    }
}

/// What is in the file, which need not exist; nothing of a line that cannot be
/// read.
fn read(file: &Path) -> std::io::Result<BTreeMap<Uuid, LastMarker>> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let installation = words.next()?.parse().ok()?;
        let (epoch, number) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((installation, LastMarker { epoch, number }))
    };
    Ok(text.lines().filter_map(line).collect())
}
