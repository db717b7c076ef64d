//! Who runs Keepwell on a data folder, for when root calls.
//!
//! Files that root makes beside those of a service are not the service's: it
//! could not start again. So root acts as whoever runs Keepwell on the folder.

use std::ffi::{CStr, CString};
use std::fs::metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::PrivateError;
use super::identity::Identity;

/// A user of this machine.
struct Account {
    uid: libc::uid_t,
    gid: libc::gid_t,
    /// `None` when the machine knows no name for it.
    name: Option<CString>,
}

impl Account {
    /// Whoever owns the lock, which the first process on the folder has made,
    /// else the folder; `None` when there is no such folder.
    fn of(directory: &Path) -> Option<Account> {
        let about = metadata(directory.join("lock")).or_else(|_| metadata(directory)).ok()?;
        Some(Account { uid: about.uid(), gid: about.gid(), name: None })
    }

    /// With the name and the group that the machine knows for it.
    fn looked_up(mut self) -> Account {
        // SAFETY: getpwuid gives null or a record of the C library that is
        // valid until the next such call; it is copied at once, and nobody
        // else here makes such calls.
        unsafe {
            if let Some(entry) = libc::getpwuid(self.uid).as_ref() {
                self.gid = entry.pw_gid;
                self.name = Some(CStr::from_ptr(entry.pw_name).to_owned());
            }
        }
        self
    }

    fn shown(&self) -> String {
        self.name.as_ref().map_or_else(|| format!("user {}", self.uid), |name| name.to_string_lossy().into_owned())
    }

    /// Makes this process theirs, for good.
    fn become_account(&self) -> io::Result<()> {
        let done = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        // SAFETY: the calls take numbers, and a C string that is alive or no
        // list at all; none keeps what it is given.
        unsafe {
            match &self.name {
                Some(name) => done(libc::initgroups(name.as_ptr(), self.gid))?,
                None => done(libc::setgroups(0, std::ptr::null()))?,
            }
            done(libc::setgid(self.gid))?;
            done(libc::setuid(self.uid))
        }
    }
}

/// If this process is root's and somebody else runs Keepwell on the first of
/// these folders that exists, it becomes theirs, for good; returns their name.
pub fn act_as_operator(directories: &[&Path]) -> Result<Option<String>, PrivateError> {
    let Some((directory, operator)) =
        directories.iter().find_map(|directory| Some((directory, Account::of(directory)?)))
    else {
        return Ok(None);
    };
    if Identity::Own.uid() != 0 || operator.uid == 0 {
        return Ok(None);
    }
    let operator = operator.looked_up();
    let operator_name = operator.shown();
    operator.become_account().map_err(|source| PrivateError::NotOperator {
        directory: directory.to_path_buf(),
        operator: operator_name.clone(),
        source,
    })?;
    Ok(Some(operator_name))
}

/// An error when this process is root's and somebody else runs Keepwell there.
pub(super) fn refuse_foreign(directory: &Path) -> Result<(), PrivateError> {
    match Account::of(directory) {
        Some(operator) if Identity::Own.uid() == 0 && operator.uid != 0 => {
            Err(PrivateError::Foreign { directory: directory.to_owned(), operator: operator.looked_up().shown() })
        }
        _ => Ok(()),
    }
}
