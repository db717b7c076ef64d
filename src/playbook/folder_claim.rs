//! Who reads a folder of playbooks to publish it. A daemon holds a shared lock on
//! its folder; whoever must not publish writes only where none is held.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often and how long a folder is asked for again: somebody writes to it for
/// a moment, a daemon reads it for long.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Says that what stands in a folder is published, as long as it is kept.
#[derive(Debug)]
pub struct PublishingClaim {
    _locked: File,
}

/// Claims a folder; `None` where that is not possible, as on some network drives.
pub fn claim_for_publishing(folder: &Path) -> Option<PublishingClaim> {
    let file = File::open(folder).ok()?;
    lock(|| file.try_lock_shared()).ok()?;
    Some(PublishingClaim { _locked: file })
}

fn lock(lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    lock()
}

/// Says that nobody publishes what stands in a folder, and keeps others from
/// beginning to.
#[derive(Debug)]
pub struct WritePermit {
    _locked: Vec<File>,
}

/// Permits to write into a folder, unless what is in it is published: also by
/// somebody who reads a folder around it. The error names that folder.
pub fn permit_writing(folder: &Path) -> Result<WritePermit, PathBuf> {
    let mut locked = Vec::new();
    for folder in folder.ancestors() {
        // One that cannot be opened or locked was claimed by nobody either.
        let Ok(file) = File::open(folder) else { continue };
        match lock(|| file.try_lock()) {
            Ok(()) => locked.push(file),
            Err(TryLockError::WouldBlock) => return Err(folder.to_owned()),
            Err(TryLockError::Error(_)) => {}
        }
    }
    Ok(WritePermit { _locked: locked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_not_written_to() {
        let root = std::env::temp_dir().join(format!("keepwell-claim-{}", std::process::id()));
        std::fs::create_dir_all(root.join("live/team")).expect("folders");
        std::fs::create_dir_all(root.join("copy")).expect("a folder");
        let first = claim_for_publishing(&root.join("live")).expect("claimed");
        let second = claim_for_publishing(&root.join("live")).expect("several daemons share it");
        assert_eq!(permit_writing(&root.join("live")).err(), Some(root.join("live")));
        assert_eq!(permit_writing(&root.join("live/team")).err(), Some(root.join("live")));
        drop(permit_writing(&root.join("copy")).expect("nobody publishes it"));
        drop(first);
        assert!(permit_writing(&root.join("live")).is_err());
        drop(second);
        assert!(permit_writing(&root.join("live")).is_ok());
        assert!(claim_for_publishing(&root.join("nowhere")).is_none());
        std::fs::remove_dir_all(&root).expect("removed");
    }
}
